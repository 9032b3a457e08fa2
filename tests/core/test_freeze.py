"""A freeze window in the core: nothing begins, nothing goes up, whatever lowers works; it is no reason to give up."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.commands import RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.plan import OnUndecided
from rolloutd.core.rules import Rules
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec
from tests.core.test_revival import revive

UNTIL = "until Mon 2026-11-30 08:00 UTC (fri 16:00 - mon 08:00)"


def frozen(book: Playbook, until: str = UNTIL) -> Playbook:
    """The same rollout within a window, or past it."""
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=Rules(frozen=until)))
    return book


def test_nothing_goes_up_in_it_and_everything_may_afterwards() -> None:
    """A rollout whose gates pass stays on its share to the window's end (I3), then goes its way."""
    book = frozen(Playbook().run(5)).run(900)
    assert (book.phase, book.shares()) == ("running", ["1%"])
    frozen(book, "").until("done")
    assert book.shares() == ["1%", "10%", "50%", "90%"]


def test_not_even_the_first_share_is_given() -> None:
    """A rollout that was requested before the window waits after its checks."""
    book = frozen(Playbook()).run(60)
    assert (book.phase, book.shares()) == ("running", [])


def test_a_start_and_a_promotion_are_refused_and_why_and_what_to_do() -> None:
    """Not even an admin with an override passes it by; the refusal says until when, and to wait."""
    book = frozen(Playbook().run(5))
    override = {"override": True, "confirm": book.spec.name, "reason": "it really must go up"}
    start = Start(replace(a_spec(), name="other"), OPERATOR)
    for refused in (book.do(Verb.PROMOTE, ADMIN, **override), decide_start(start, [], (), Rules(frozen=UNTIL))):
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.GATE
        assert UNTIL in refused.message
        assert "Wait for its end" in refused.next_step


def test_an_aborted_rollout_is_not_reopened_in_it() -> None:
    """Reopening begins anew, so it waits for the window's end too."""
    book = Playbook().run(5)
    book.do(Verb.ABORT)
    seen = replace(book.fresh_seen(), rules=Rules(frozen=UNTIL))
    book.fresh_seen = lambda: seen  # type: ignore[method-assign]
    refused = revive(book, Verb.REOPEN)
    assert isinstance(refused, Refused)
    assert UNTIL in refused.message


def test_abort_rollback_and_triggers_still_work() -> None:
    """I2: a person's abort, harm that was shown, and the rollback of what is done ask for no window."""
    aborted = frozen(Playbook().run(5))
    assert isinstance(aborted.do(Verb.ABORT), Accepted)
    assert aborted.phase == "aborted"
    harmful = frozen(Playbook(world=World(rates={"a": 0.01, "b": 0.2})).run(5)).until("rolled_back", 200)
    assert harmful.shares()[-1] == "0%"
    done = Playbook().until("done")
    seen = replace(done.fresh_seen(), rules=Rules(frozen=UNTIL))
    done.fresh_seen = lambda: seen  # type: ignore[method-assign]
    assert isinstance(revive(done, Verb.ROLLBACK), Accepted)


def test_a_stage_is_not_given_up_because_of_it_but_what_is_undecided_is() -> None:
    """All gates pass and only the window stands against it: it stays. Undecided at its greatest time: it goes back."""
    stages = tuple(replace(s, max_time_ms=60_000, on_undecided=OnUndecided.ROLLBACK) for s in a_plan().stages)
    clear = frozen(Playbook(a_spec(a_plan("10%", "90%", stages=stages[1:]))).run(5)).run(300)
    assert (clear.phase, clear.shares()) == ("running", ["10%"])
    thin = frozen(Playbook(a_spec(a_plan(stages=stages)), World(rps=20)).run(5)).run(200)
    assert thin.phase == "rolled_back"
