"""One word, one meaning: no sentence blames or says nothing; each error has three parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd import wire
from rolloutd.ctl.exits import UNCHANGED
from tests.ctl.running import rollout
from tests.server.running import Running

ROOT = Path(__file__).parents[2]
FORBIDDEN = re.compile(
    r"\b(kill\w*|terminat\w*|degraded|unhealthy|progressing|invalid\w*|oops|sorry|the canary|error:)(?!\w)",
    re.IGNORECASE,
)
OWN_TALK = ("daemon/rolloutd/simulation/",)
"""The simulator tells its developers of processes that were killed; no user reads it."""
FILES = [
    path
    for folder in ("daemon", "adapters", "tui")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not str(path.relative_to(ROOT)).startswith(OWN_TALK)
]
SAYERS = {"Refused": 2, "Failure": 3, "usage": 1, "problem": 3, "bad_input": 1}
"""What says no, and which of its arguments is the next step."""


def sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text with a space in it that is no docstring: what somebody may read."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in bare
            and " " in node.value
        ):
            yield node.lineno, node.value


def test_no_sentence_has_a_forbidden_word() -> None:
    """Also none that a user never sees yet: tomorrow he will."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for path in FILES
        for line, text in sentences(ast.parse(path.read_text(encoding="utf-8")))
        if FORBIDDEN.search(text)
    ]
    assert found == []


def test_whatever_says_no_says_what_to_do_next() -> None:
    """What happened and the next step stand in the call; where traffic is, is added by whoever knows it."""
    calls = 0
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = SAYERS.get(name)
            if place is None or len(node.args) <= place:
                continue
            calls += 1
            next_step = node.args[place]
            empty = isinstance(next_step, ast.Constant) and not str(next_step.value).strip()
            assert not empty, f"{path.relative_to(ROOT)}:{node.lineno} {name} has no next step"
    assert calls > 60
    assert UNCHANGED.endswith(".")


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--limit", "0"),
        ("list", "--limit", "many"),
        ("completion", "tcsh"),
        ("abort",),
        ("wait", "ranker", "--timeout", "soon"),
        ("status", "--colour"),
        ("watch", "ranker", "--until", "luck"),
        ("promote", "ranker", "--if-revision", "x"),
        ("abrot",),
        ("status", "rankr"),
        ("start", "no-such-file.toml"),
        ("report-me",),
    ],
    ids=" ".join,
)
async def test_what_people_mistype_is_answered_in_three_parts(server: Running, words: tuple[str, ...]) -> None:
    """One sentence, where traffic is, what to do: in the same form whoever found it, and in our words."""
    ran = await rollout(server.directory, *words)
    assert ran.code in (2, 9)
    what, traffic, step = ran.err.splitlines()[:3]
    assert what.rstrip().endswith((".", "?", "'"))
    assert traffic.startswith("  Traffic: ")
    assert step.startswith("  Next:    ")
    assert not FORBIDDEN.search(ran.err), ran.err


async def test_what_ended_or_was_not_read_shows_no_age_of_a_reading(server: Running) -> None:
    """The router's last word is said as what it is; "never ago" is no age."""
    never = wire.OnNew(asked=0.1, observed=None, confirmed=0.05, confirmed_is_asked=False)
    server.service.change("ranker", on_new=never)
    said = (await rollout(server.directory, "status", "ranker")).out
    assert "asked 10.0%, router not read yet\n" in said
    server.service.change("ranker", ended=True)
    assert "5.0%, as the router confirmed at the end\n" in (await rollout(server.directory, "status", "ranker")).out
