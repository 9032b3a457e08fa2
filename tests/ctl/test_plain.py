"""No byte of the command can drive a terminal, whatever others wrote into names and reasons; prompts need a person."""

from __future__ import annotations

import unicodedata

import pytest

from rolloutd import wire
from tests.ctl.running import rollout
from tests.server.fake_service import picture
from tests.server.running import Running

HOSTILE = "\x1b[2J\x1b]0;gone\x07\x9b31m\x00\x08\r\u202e\u2066x"
READING = [("status", "ranker"), ("list",), ("why", "ranker"), ("timeline", "ranker"), ("watch", "ranker"), ("doctor",)]


def check_harmless(shown: str) -> None:
    """Only what can be read, and line breaks."""
    bad = {letter for letter in shown if letter != "\n" and unicodedata.category(letter).startswith("C")}
    assert bad == set()


@pytest.mark.parametrize("option", ["", "--plain", "--json", "--no-color"])
@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
async def test_no_control_byte_but_newline(server: Running, words: tuple[str, ...], option: str) -> None:
    """Reasons, sentences, actors and versions of others arrive as harmless marks, on both streams."""
    override = wire.Override(by=HOSTILE, at=HOSTILE, gates=[HOSTILE], reason=HOSTILE)
    following = wire.Next(action="wait", by=HOSTILE, sentence=HOSTILE)
    changes = {"held_because": HOSTILE, "claimed_by": HOSTILE, "overrides": [override], "next": following}
    server.service.change("ranker", HOSTILE, **changes, champion=HOSTILE, challenger=HOSTILE, fleet_hold=HOSTILE)
    server.service.held = HOSTILE
    more = ["--timeout", "200ms", "--from-seq", "0"] if words[0] == "watch" else []
    ran = await rollout(server.directory, *words, *more, *([option] if option else []))
    assert ran.out
    check_harmless(ran.out)
    check_harmless(ran.err)


async def test_refusals_are_harmless_too(server: Running) -> None:
    """Also what was typed wrongly comes back readable."""
    server.service.rollouts["ranker"] = picture("ranker", challenger=HOSTILE)
    server.service.gates_fail = True
    for words in (("status", HOSTILE[1:5]), (HOSTILE[:9],), ("promote", "ranker", "--if-revision", "317")):
        ran = await rollout(server.directory, *words)
        assert ran.code != 0
        check_harmless(ran.out + ran.err)


async def test_without_a_terminal_nothing_asks(server: Running) -> None:
    """What needs an answer is a usage error that names the flag, and nothing was sent."""
    for words in (("promote", "ranker"), ("resume", "ranker"), ("rollback", "ranker"), ("reopen", "ranker")):
        ran = await rollout(server.directory, *words)
        assert ran.code == 2, words
        assert "--yes" in ran.err
    assert server.service.acts == []
