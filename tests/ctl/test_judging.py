"""The verbs that calculate by themselves: one object in, one out, and refusals that name the key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("rollout")
ONE = {"champion": {"n": 900, "x": 9}, "challenger": {"n": 100, "x": 3}}


def run(text: str | bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command with this on its stdin; no daemon is there."""
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run([SCRIPT, *arguments], input=data, capture_output=True, timeout=60, check=False)


def test_one_object_in_and_one_out(tmp_path: Path) -> None:
    """From stdin and from a file alike, without a daemon, on one line."""
    asked = json.dumps({"kind": "proportion", "ticks": [ONE]})
    (tmp_path / "asked.json").write_text(asked)
    from_stdin, from_file = run(asked, "analyze", "-"), run("", "analyze", str(tmp_path / "asked.json"))
    assert from_stdin.stdout == from_file.stdout
    assert (from_stdin.returncode, from_stdin.stderr, from_stdin.stdout.count(b"\n")) == (0, b"", 1)
    found = json.loads(run('{"p0": 0.01, "margin": 1.5, "share": 0.01}', "forecast", "-").stdout)
    assert found["mean"] > found["bound"] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"kind": "proportion", "tiks": []}', ("tiks", "Did you mean 'ticks'?")),
        ('{"kind": "proportions"}', ("kind", "Did you mean 'proportion'?")),
        ("{", ("not JSON", "docs/analyze.md")),
        ("[1]", ("JSON object",)),
        (b"\xff", ("not UTF-8",)),
        ('{"kind": NaN}', ("NaN",)),
        ("[" * 5000, ("deeper",)),
        ('{"kind": "paired", "ticks": [{"b": 1, "c": 1, "n": 1}]}', ("ticks[0].n", "at least b + c")),
    ],
)
def test_what_cannot_be_taken_is_refused_with_2(text: str | bytes, words: tuple[str, ...]) -> None:
    """In three parts on stderr, as one object on stdout with --json, and never with a traceback."""
    ran = run(text, "analyze", "-")
    assert (ran.returncode, ran.stdout) == (2, b"")
    for word in (*words, "Traffic: Unchanged.", "Next:"):
        assert word in ran.stderr.decode()
    ran = run(text, "analyze", "-", "--json")
    assert (ran.returncode, ran.stderr) == (2, b"")
    assert json.loads(ran.stdout)["exit"] == 2


def test_a_file_that_is_not_there_is_2() -> None:
    """It is said by name."""
    ran = run("", "forecast", "nowhere.json")
    assert ran.returncode == 2
    assert b"nowhere.json" in ran.stderr
