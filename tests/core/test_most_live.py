"""The policy's limit of live rollouts: one more is refused, and why, and what to do; going back is never counted."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core.commands import RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.state import Rollout
from tests.core.playbook import OPERATOR, Playbook, a_spec
from tests.core.test_revival import revive


def live(number: int) -> tuple[Rollout, ...]:
    """So many live rollouts, each on a route and model of its own; the first is the oldest."""
    rollout = Playbook().run(3).lane.rollout
    return tuple(_elsewhere(rollout, n) for n in range(number))


def _elsewhere(rollout: Rollout, number: int) -> Rollout:
    spec = replace(rollout.spec, name=f"other-{number}", route=f"route-{number}", model=f"model-{number}")
    return replace(rollout, spec=spec, requested_at=rollout.requested_at.plus_ms(number))


def most(number: int) -> Rules:
    """A policy with a limit in all."""
    return Rules(limits=Limits(number))


def test_one_more_than_may_be_is_refused_and_why_and_what_to_do() -> None:
    """At the limit it does not start; below it, or without a limit, it does."""
    start = Start(a_spec(), OPERATOR)
    refused = decide_start(start, live(2), (), most(2))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.GATE
    assert "2 rollouts are live, and the policy's max_concurrent is 2" in refused.message
    assert "the oldest is other-0" in refused.next_step
    for others, number in ((live(1), 2), (live(5), 0)):
        assert isinstance(decide_start(start, others, (), most(number)), Accepted)


def test_reopening_counts_like_a_start() -> None:
    """An aborted rollout is not taken up again past the limit, and is below it."""
    book = Playbook()
    book.world.leases = False
    book.run(5)
    book.do(Verb.ABORT)
    limited = replace(book.fresh_seen(), rules=most(1))
    book.fresh_seen = lambda: limited  # type: ignore[method-assign]
    refused = revive(book, Verb.REOPEN, others=live(1))
    assert isinstance(refused, Refused)
    assert "max_concurrent is 1" in refused.message
    assert isinstance(revive(book, Verb.REOPEN), Accepted)


def test_what_goes_back_is_never_counted() -> None:
    """I2: an abort, and a rollback of what is done, work however many are live."""
    book = Playbook().run(5)
    limited = replace(book.fresh_seen(), rules=most(1))
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=most(1)))
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert book.phase == "aborted"
    done = Playbook().until("done")
    done.fresh_seen = lambda: limited  # type: ignore[method-assign]
    assert isinstance(revive(done, Verb.ROLLBACK, others=live(3)), Accepted)
