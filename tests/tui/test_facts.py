"""Link and facts as values: what counts as live, and what a message changes."""

from __future__ import annotations

import pytest

from rollout_tui.facts import Facts, Gap, open_rollout
from rollout_tui.folding import fold
from rollout_tui.link import LATE_S, Link, LinkState
from rolloutd.wire import Fleet
from tests.tui import worlds

HEARD = Link(open=True, synced=True, heard_s=100.0)


@pytest.mark.parametrize(
    ("now_s", "state"),
    [(100.0, "LIVE"), (102.99, "LIVE"), (103.0, "LATE"), (109.99, "LATE"), (110.0, "LOST"), (1e6, "LOST")],
)
def test_silence_makes_late_and_lost(now_s: float, state: str) -> None:
    """Three seconds and ten."""
    assert HEARD.state(now_s) == state


def test_a_closed_or_unsynced_link_is_lost() -> None:
    """Connected is not live: until a whole picture came, what is on the screen is from before."""
    assert HEARD.closed("gone").state(100.0) is LinkState.LOST
    again = HEARD.closed("gone").trying(101.0).opened(101.0)
    assert again.state(101.0) is LinkState.LOST
    assert again.heard(101.1).state(101.1) is LinkState.LOST
    assert again.heard(101.2, picture=True).state(101.2) is LinkState.LIVE


def test_never_is_not_lost() -> None:
    """Before the first word there is nothing to lose."""
    assert Link().trying(1.0).state(50.0) is LinkState.NEVER


def test_another_boot_id_is_a_restart_with_its_gap() -> None:
    """The gap is the silence before the new hello."""
    facts = fold(Facts(), worlds.hello(), detail=False, now_s=100.0)
    facts = fold(facts, worlds.hello(), detail=False, now_s=102.0)
    assert facts.gap is None
    facts = fold(facts, worlds.hello(boot="boot-2"), detail=False, now_s=123.0)
    assert facts.gap == Gap(21.0, restarted=True)


def test_a_restart_is_one_whichever_stream_is_back_first() -> None:
    """The open rollout's own stream may come back before that of all rollouts; neither makes a mere silence of it."""
    facts = Facts()
    for order in ((True, False), (False, True)):
        facts = Facts()
        for detail in order:
            facts = fold(facts, worlds.hello(), detail=detail, now_s=100.0)
        for detail in order:
            facts = fold(facts, worlds.hello(boot="boot-2"), detail=detail, now_s=116.0)
        assert facts.gap == Gap(16.0, restarted=True)
        assert facts.hello is not None
        assert facts.hello.boot_id == "boot-2"
    later = fold(facts, worlds.hello(boot="boot-2"), detail=False, now_s=200.0)
    assert later.gap == Gap(16.0, restarted=True), "nobody has seen it yet"


def test_contact_that_is_back_says_how_long_it_was_away() -> None:
    """Of the same process, from the silence on that makes numbers old; the open rollout's own stream says nothing."""
    facts = fold(Facts(), worlds.hello(), detail=False, now_s=100.0)
    assert fold(facts, worlds.hello(), detail=False, now_s=100.0 + LATE_S - 0.1).gap is None
    assert fold(facts, worlds.hello(), detail=False, now_s=112.0).gap == Gap(12.0, restarted=False)
    assert (
        fold(fold(facts, worlds.hello(), detail=True, now_s=101.0), worlds.hello(), detail=True, now_s=120.0).gap
        is None
    )


def test_an_older_row_does_not_overwrite_a_newer_one() -> None:
    """Revisions only go up."""
    facts = fold(Facts(), Fleet(as_of="x", rollouts=[worlds.row("a", "clear", 0.1, revision=7)], total=1, needs_you=0),
                 detail=False, now_s=1.0)  # fmt: skip
    facts = fold(facts, worlds.row("a", "collecting", 0.0, revision=6), detail=False, now_s=2.0)
    assert facts.rows["a"].revision == 7
    facts = fold(facts, worlds.row("a", "harm", 0.1, revision=8), detail=False, now_s=2.0)
    assert facts.rows["a"].state == "harm"


def test_a_new_rollout_forgets_the_one_before() -> None:
    """Nothing of the last rollout can be seen, or acted on, under another one's name."""
    facts = open_rollout(Facts(), "ranker")
    facts = fold(facts, worlds.status(), detail=True, now_s=1.0)
    assert facts.status is not None
    facts = open_rollout(facts, "churn")
    assert facts.status is None
    assert fold(facts, worlds.status(), detail=True, now_s=2.0).status is None


def test_ages_stop_growing_where_the_daemon_fell_silent() -> None:
    """In a LOST picture nothing goes on counting as if it were known."""
    facts = open_rollout(Facts(), "ranker")
    facts = fold(facts, worlds.hello(), detail=True, now_s=100.0)
    facts = fold(facts, worlds.status(), detail=True, now_s=100.0)
    assert facts.passed_s(102.0) == 2.0
    facts = fold(facts, worlds.heartbeat(), detail=True, now_s=105.0)
    assert facts.passed_s(130.0) == 5.0
