"""The page about planning shows what its commands answer, line for line; figures aside, which move with the tests."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutd.ctl import render_plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "planning.md").read_text()
SCRIPT = Path(sys.executable).with_name("rollout")
COMMANDS = re.findall(r"```sh\n(rollout .*?)\n```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL)
REFUSED = next(text for text in re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL) if "is REFUSED" in text)
TICKS = 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the page names."""
    shutil.copy(ROOT / "config.example.toml", tmp_path)
    (tmp_path / "ranker-v42.toml").write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    head, *rows = re.findall(r"```text\n(time_s,.*?)\n```", PAGE, re.DOTALL)[0].splitlines()
    lines = [f"{10 * k},{row.partition(',')[2]}" for k in range(1, TICKS + 1) for row in rows]
    (tmp_path / "ticks.csv").write_text("\n".join([head, *lines]) + "\n")
    return tmp_path


def ran(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The command of the page, in its folder."""
    words = [str(SCRIPT), *shlex.split(command)[1:], *more]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def shape(text: str) -> list[str]:
    """The first two words of each line, figures aside."""
    return [" ".join(re.sub(r"\d[\d.,]*[a-zA-Z%]*", "#", line).split()[:2]) for line in text.strip().splitlines()]


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=lambda text: text.split()[1])
def test_each_command_answers_as_shown(folder: Path, command: str, shown: str) -> None:
    """Through the real command."""
    done = ran(folder, command)
    assert done.returncode == 0, done.stderr
    assert shape(done.stdout) == shape(shown)


def test_the_refusal_is_shown_too(folder: Path) -> None:
    """The same plan at three requests a second."""
    done = ran(folder, COMMANDS[0][0].replace("--rps 300", "--rps 3"), "--json")
    assert done.returncode == 6, done.stderr
    assert shape(render_plan.outlook(json.loads(done.stdout)))[:2] == shape(REFUSED)


def test_the_page_has_all_three() -> None:
    """One command each."""
    assert [command.split()[1] for command, _ in COMMANDS] == ["plan", "simulate", "replay"]
