"""Plain mode: lines in reading order, words instead of symbols, the same care before anything that raises."""

from __future__ import annotations

from datetime import UTC

from rollout_tui.client import Client
from rollout_tui.plain import Plain, act
from rollout_tui.scene import Look
from rolloutd.wire import FleetHold
from tests.tui import worlds
from tests.tui.fake_daemon import FakeDaemon

LOOK = Look(ascii=True, zone=UTC)


def test_only_changes_are_said_as_sentences_without_control_bytes() -> None:
    """Each rollout once, then again only when it is different; nothing but printable text."""
    said: list[str] = []
    plain = Plain(LOOK, "", "", said.append)
    plain.came(worlds.hello())
    plain.came(worlds.fleet())
    assert len(said) == 12
    plain.came(worlds.fleet())
    assert len(said) == 12
    plain.came(worlds.row("ranker", "going_back", 0.0, observed=0.1, revision=301))
    assert len(said) == 13
    assert "ranker: state GOING BACK. 0.0% asked for version v42, router says 10.0%." in said[-1]
    assert all(line.isprintable() for line in said)


def test_lost_contact_is_said_once_and_so_is_its_return() -> None:
    """What was said before is called not live."""
    said: list[str] = []
    plain = Plain(LOOK, "", "ranker", said.append)
    plain.closed("nobody listens")
    plain.closed("nobody listens")
    assert len(said) == 1
    assert "NO CONTACT" in said[0]
    plain.came(worlds.hello())
    assert "contact with the daemon again" in said[1]


def test_what_the_daemon_says_of_all_is_said_once_and_its_end() -> None:
    """I13: a damaged record, a hold and what is proposed stood on the screen and in no line."""
    said: list[str] = []
    plain = Plain(LOOK, "", "", said.append)
    quiet = worlds.heartbeat()
    plain.came(quiet)
    assert said == []
    held = FleetHold(by="ann", reason="a sale", at=quiet.as_of, others=1)
    loud = quiet.model_copy(update={"message": "the record is damaged", "held": held, "proposed": ["ranker-v43"]})
    for one in (loud, loud, quiet, quiet):
        plain.came(one)
    assert [line.partition(" ")[2] for line in said] == [
        "The daemon says: the record is damaged.",
        "Fleet hold ON by ann and 1 more: a sale.",
        "Proposed, waits for a yes: ranker-v43.",
        "The daemon says: nothing is wrong with itself any more.",
        "Fleet hold off.",
        "Proposed, waits for a yes: nothing any more.",
    ]


async def test_a_rollback_of_all_traffic_is_asked_as_on_the_screen(daemon: FakeDaemon) -> None:
    """It lowers the new version's share and moves everybody: the word alone sent it."""
    assert "Not sent." in await _typed(daemon, "rollback it was the other one", "y")
    assert not daemon.posts


async def _typed(daemon: FakeDaemon, text: str, answer: str = "") -> str:
    """What is said after somebody typed ``text``."""
    said: list[str] = []

    async def ask(question: str) -> str:
        said.append(question)
        return answer

    await act(Client(daemon.where), "ranker", text, said.append, ask)
    return " ".join(said)


async def test_stopping_asks_nothing(daemon: FakeDaemon) -> None:
    """``abort`` and a reason go out at once."""
    assert "the daemon has it, revision 318" in await _typed(daemon, "abort it hurts")
    assert daemon.posts[0].verb == "abort"
    assert daemon.posts[0].body["reason"] == "it hurts"


async def test_what_raises_needs_the_whole_word_yes(daemon: FakeDaemon) -> None:
    """``y`` alone is not enough; with ``yes`` the revision that was read goes along."""
    assert "Not sent." in await _typed(daemon, "promote because it is good", "y")
    assert not daemon.posts
    await _typed(daemon, "promote because it is good", "yes")
    assert daemon.posts[0].headers["if-match"] == '"317"'


async def test_why_and_unknown_words(daemon: FakeDaemon) -> None:
    """The reasons as lines; an unknown word gets the list of known ones."""
    assert "harm is at 89%" in await _typed(daemon, "why")
    assert "Type one of" in await _typed(daemon, "explode")
    assert not daemon.posts
