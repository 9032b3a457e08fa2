"""Staffed hours in the core: nothing goes up by itself while nobody is there; a person may, and back goes back."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.commands import Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.plan import OnUndecided
from rolloutd.core.rules import Rules
from tests.core.playbook import OPERATOR, Playbook, World, a_plan, a_spec

UNTIL = "until Mon 2026-11-30 09:00 UTC"


def unstaffed(book: Playbook, until: str = UNTIL) -> Playbook:
    """The same rollout in the night, or past it."""
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=Rules(unstaffed=until)))
    return book


def test_what_passed_waits_for_somebody_and_goes_on_by_itself() -> None:
    """Neither the first share nor the next one is given at night; in the morning it goes its way."""
    book = unstaffed(Playbook()).run(60)
    assert book.shares() == []
    unstaffed(book, "").run(15)
    assert book.shares() == ["1%"]
    unstaffed(book).run(900)
    assert (book.phase, book.shares()) == ("running", ["1%"])
    unstaffed(book, "").until("done")
    assert book.shares() == ["1%", "10%", "50%", "90%"]


def test_whoever_promotes_is_there() -> None:
    """A person's promotion and resumption ask for no hour."""
    book = unstaffed(Playbook().run(12)).run(900)
    assert isinstance(book.do(Verb.PROMOTE, OPERATOR), Accepted)
    assert book.shares() == ["1%", "10%"]
    book.do(Verb.PAUSE)
    assert isinstance(book.do(Verb.RESUME, reason="looked at it"), Accepted)


def test_whatever_goes_back_does_so_at_any_hour() -> None:
    """I2: harm that was shown, and a person's abort."""
    harmful = unstaffed(Playbook(world=World(rates={"a": 0.01, "b": 0.2})).run(5)).until("rolled_back", 200)
    assert harmful.shares()[-1] == "0%"
    book = unstaffed(Playbook().run(5))
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert book.phase == "aborted"


def test_a_stage_is_not_given_up_for_the_night() -> None:
    """Its greatest time is over, and only the hour stands against it: it stays until the morning."""
    stages = tuple(replace(s, max_time_ms=600_000, on_undecided=OnUndecided.ROLLBACK) for s in a_plan().stages)
    book = unstaffed(Playbook(a_spec(replace(a_plan(), stages=stages))).run(12)).run(1_000)
    assert (book.phase, book.shares()) == ("running", ["1%"])
    unstaffed(book, "").run(30)
    assert book.shares()[:2] == ["1%", "10%"]
