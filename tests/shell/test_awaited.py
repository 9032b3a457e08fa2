"""What --wait ends on: the router's word for what was asked for, or the knowledge that it will never come."""

from __future__ import annotations

from rolloutd.awaited import confirmed, known, waits_for_person
from rolloutd.core.commands import Verb
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec


def test_zero_is_not_what_a_promotion_asked_for() -> None:
    """A rollout that goes back while somebody waits for more: known at once, confirmed never."""
    book = Playbook(world=World(rates={"a": 0.01, "b": 0.2})).run(5)
    assert confirmed(book.lane.rollout, Verb.RESUME)
    book.until("rolled_back", 200)
    for verb in (Verb.PROMOTE, Verb.RESUME, Verb.APPROVE, Verb.REOPEN, None):  # None: a start
        assert not confirmed(book.lane.rollout, verb)
        assert known(book.lane.rollout, verb)
    assert confirmed(book.lane.rollout, Verb.ABORT)


def test_what_is_not_yet_on_the_router_is_waited_for() -> None:
    """Neither confirmed nor known while the router does not obey; an abort waits for zero, whatever else happens."""
    book = Playbook().run(5)
    book.world.obeys = False
    book.do(Verb.ABORT)
    assert book.phase == "receding"
    assert not known(book.lane.rollout, Verb.ABORT)
    book.world.obeys = True
    book.run(2)
    assert known(book.lane.rollout, Verb.ABORT)


def test_a_request_waits_for_its_second_person() -> None:
    """Who asked is told that it is only a request; nobody else's command is."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%"))).run(3)
    book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason="the metric is wrong")
    now_ms = book.now.clock_ms
    assert waits_for_person(book.lane.rollout, Verb.PROMOTE, ADMIN, now_ms)
    assert not waits_for_person(book.lane.rollout, Verb.PROMOTE, OPERATOR, now_ms)
    assert not waits_for_person(book.lane.rollout, Verb.ABORT, ADMIN, now_ms)
