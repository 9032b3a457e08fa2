"""What the pages tell people to type exists, what they show is accepted, and what code makes has not drifted."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from rolloutd.ctl.cli import MODULE_OF, cli
from rolloutd.main import vocabulary
from rolloutd.settings import read_settings, read_spec
from tests.docs.pages import MAKERS, PAGES, README, ROOT, blocks, renewed, settings

ALL = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]
UNITS = {file.name for file in (ROOT / "deploy").iterdir()}


def ids(file: Path) -> str:
    """A page by its name."""
    return file.name


def told(page: str) -> list[list[str]]:
    """Every command line that the page gives, in code blocks and in running text, as words."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", text)
    return [shlex.split(part, comments=True) for line in lines for part in re.split(r"\s(?:&&|\|)\s", line) if part]


@pytest.mark.parametrize("file", PAGES, ids=ids)
def test_what_code_makes_has_not_drifted(file: Path) -> None:
    """Tables of keys, codes and words, and the routers' files: python -m tests.docs.pages"""
    assert renewed(file.read_text()) == file.read_text()


def test_every_maker_has_its_place() -> None:
    """Nothing is made for no page."""
    assert set(re.findall(r"<!-- made: (\S+) -->", "".join(file.read_text() for file in PAGES))) == set(MAKERS)


def test_the_config_and_the_rollout_file_of_the_readme_are_accepted() -> None:
    """Together they make a standard rollout of four stages, judged by the policy's margins."""
    text = next(block for block in blocks(README.read_text(), "toml") if block.startswith("[rollout]"))
    spec = read_spec(text, "ranker-v42.toml", settings())
    assert spec.name == "ranker-v42"
    assert [str(stage.share) for stage in spec.plan.stages] == ["1%", "10%", "50%", "99%"]


@pytest.mark.parametrize(("at", "kind", "errors"), [(0, "envoy", "envoy.errors"), (1, "nginx", "python.errors")])
def test_the_other_routers_of_the_page_are_accepted(at: int, kind: str, errors: str) -> None:
    """Envoy's table in place of HAProxy's, and nginx's, in the same configuration."""
    config = next(block for block in blocks(README.read_text(), "toml") if "[routers." in block)
    other = blocks((ROOT / "docs" / "routers.md").read_text(), "toml")[at]
    mixed = re.sub(r"\[routers\.edge\]\n.*?\n\n", lambda _: f"{other}\n", config, flags=re.DOTALL)
    mixed = mixed.replace("haproxy.errors", errors)
    assert read_settings(mixed, "config.toml", vocabulary()).routers["edge"].kind == kind


@pytest.mark.parametrize("file", ALL, ids=ids)
def test_every_command_of_a_page_exists(file: Path) -> None:
    """Verbs of ./dev, rollout and rolloutd, options of rollout's verbs, and modules that are run by name."""
    doors = set(re.findall(r"\b([a-z]+)\)? *(?=[|)])", (ROOT / "dev").read_text().split("case $command in")[1]))
    for words in told(file.read_text()):
        command, verb = Path(words[0]).name if words else "", words[1] if len(words) > 1 else ""
        if command == "dev" and verb:
            assert verb in doors, words
        elif command == "rollout" and verb and not verb.startswith("-"):
            assert verb in MODULE_OF, words
            _check_options(verb, words[2:])
        elif command == "rolloutd" and verb and not verb.startswith("-"):
            assert verb in {"check", "emergency-abort", "audit", "backup"}, words
        elif command == "python" and verb == "-m":
            assert find_spec(words[2]) is not None, words


def _check_options(verb: str, words: list[str]) -> None:
    if verb == "demo":  # it reads its own words
        return
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, (verb, words)


@pytest.mark.parametrize("file", ALL, ids=ids)
def test_every_file_that_a_page_names_exists(file: Path) -> None:
    """Links, files of deploy/, and units given to systemctl."""
    page = file.read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page):
        assert (file.parent / link).exists(), link
    for words in told(page):
        for word in words:
            if word.startswith("deploy/"):
                assert list(ROOT.glob(word)), word
            if re.fullmatch(r"rolloutd[\w-]*\.(service|socket|timer)", word):
                assert word in UNITS, word
