"""The short way of ``status NAME``: the words and codes of the long one, and nothing it does not understand."""

from __future__ import annotations

import asyncio

import pytest

from rolloutd.ctl import cli, quick
from rolloutd.ctl.http import quoted
from tests.server.fake_service import FakeService, picture
from tests.server.running import running


@pytest.mark.parametrize(
    "line",
    [
        "", "status", "list", "status a b", "status --exit-state a", "status a --timeout 3", "--host h status a",
        "status --socket-dir", "status a --socket-dir --json", "status --help", "why status", "tui status",
        "status -h a",
    ],
)  # fmt: skip
def test_every_other_line_is_the_parsers(line: str) -> None:
    """Other verbs, other options and mistakes are left to the parser, which knows what to say."""
    assert quick.understood(line.split()) is None


def test_what_is_understood() -> None:
    """The common options count before the verb as well as after it."""
    assert quick.understood(["--json", "status", "r", "--socket-dir", "d"]) == ("r", "d", frozenset({"--json"}))
    assert quoted("a b/ä~") == "a%20b%2F%C3%A4~"


@pytest.mark.parametrize("words", [["status", "ranker"], ["status", "ranker", "--json"], ["status", "nobody"]])
async def test_both_ways_say_the_same(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """On the real server: a rollout as text and as JSON, and one that is not there."""
    async with running(FakeService(picture("ranker"))) as server:
        line = [*words, "--socket-dir", str(server.directory)]
        code = await asyncio.to_thread(quick.run, line)
        said = capsys.readouterr()
        assert await asyncio.to_thread(cli.run, line) == code
        assert capsys.readouterr() == said
    assert code == (0 if "ranker" in words else 9)


def test_nobody_there_is_ten_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """An absent daemon."""
    line = ["status", "ranker", "--socket-dir", "nowhere"]
    assert quick.run(line) == cli.run(line) == 10
    first, second = capsys.readouterr().err.split("The daemon is not reachable")[1:]
    assert first.strip() == second.strip()
