"""Overrides: their form, the second person from half of the traffic on, and that they stay visible and arm nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.metrics import BlindReason
from rolloutd.core.overrides import REQUEST_LASTS_MS, open_request
from rolloutd.core.plan import OnFail
from rolloutd.core.values import Actor, Share
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_gate, a_plan, a_spec

SECOND = replace(ADMIN, name="sr2", uid=1004)
WHY = "the metric is known to be wrong"


def override(book: Playbook, actor: Actor = ADMIN, **more: object) -> Accepted | Refused:
    """A promotion in the full form of an override."""
    more = {"override": True, "confirm": book.spec.name, "reason": WHY, **more}
    return book.do(Verb.PROMOTE, actor, **more)


def young(*shares: str, **changes: object) -> Playbook:
    """A rollout on its first stage whose minimum time is not over."""
    return Playbook(a_spec(a_plan(*shares, **changes))).run(3)


@pytest.mark.parametrize(
    ("actor", "change", "code"),
    [
        (OPERATOR, {}, RefusalCode.NOT_PERMITTED),
        (OPERATOR, {"override": False}, RefusalCode.GATE),
        (ADMIN, {"override": False}, RefusalCode.GATE),
        (ADMIN, {"confirm": ""}, RefusalCode.GATE),
        (ADMIN, {"confirm": "ranker"}, RefusalCode.GATE),
        (ADMIN, {"reason": "because"}, RefusalCode.GATE),
        (ADMIN, {"revision": 2}, RefusalCode.CONFLICT),
    ],
)
def test_an_override_out_of_form_moves_nothing(actor: Actor, change: dict[str, object], code: RefusalCode) -> None:
    """Role, flag, the name in full, a reason, the revision on the screen: each alone is not enough (I11)."""
    book = young()
    refused = override(book, actor, **change)
    assert isinstance(refused, Refused)
    assert refused.code is code
    assert book.shares() == ["1%"]


def test_time_that_is_not_over_is_an_override_and_stays_visible_for_ever() -> None:
    """Named gates, name, reason, time; still there when the rollout has ended, and in a journal read anew."""
    book = young()
    assert isinstance(override(book), Accepted)
    assert book.shares() == ["1%", "10%"]
    book.until("done")
    (note,) = book.lane.rollout.overrides
    assert (note.by, note.reason, note.asked_by) == (ADMIN, WHY, "")
    assert "min_time" in note.gates


def test_harm_and_blindness_are_overridden_by_name_and_triggers_stay_armed() -> None:
    """Past a gate that shows harm the same harm takes it back at the next look, by itself."""
    plan = a_plan(gates=(a_gate(on_fail=OnFail.HOLD, limit=None),))
    book = Playbook(a_spec(plan), World(rates={"a": 0.01, "b": 0.2})).until("held", 200)
    assert isinstance(override(book), Accepted)
    assert "gate:errors" in book.lane.rollout.overrides[0].gates
    blind = young()
    blind.world.blind = {"b": BlindReason.NO_SERIES}
    blind.run(2)
    assert isinstance(override(blind), Accepted)
    blind.run(40)
    assert blind.shares()[-1] == "0%"


def half_way() -> Playbook:
    """On 10 % with 50 % next, and its minimum time not over."""
    book = young("10%", "50%", "90%")
    assert book.shares() == ["10%"]
    return book


def test_from_half_of_the_traffic_on_one_person_only_asks() -> None:
    """Nothing moves, the request is on record with its author, and another admin's approval carries it out."""
    book = half_way()
    asked = override(book)
    assert isinstance(asked, Accepted)
    assert "second admin" in asked.message
    assert book.shares() == ["10%"]
    request = open_request(book.lane.rollout, book.now.clock_ms)
    assert request is not None
    assert (request.by, request.reason) == (ADMIN, WHY)
    assert isinstance(book.do(Verb.APPROVE, SECOND), Accepted)
    assert book.shares() == ["10%", "50%"]
    note = book.lane.rollout.overrides[-1]
    assert (note.by, note.asked_by, note.reason) == (SECOND, "sr1", WHY)
    assert open_request(book.lane.rollout, book.now.clock_ms) is None


def test_nobody_is_his_own_second_person_and_an_operator_is_nobodys() -> None:
    """The same uid under any verb, and a role below admin, are refused; the request stays open."""
    book = half_way()
    override(book)
    for actor in (ADMIN, replace(ADMIN, name="also-sr1"), OPERATOR):
        refused = book.do(Verb.APPROVE, actor)
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.NOT_PERMITTED
    override(book)
    assert book.shares() == ["10%"]
    assert isinstance(override(book, SECOND), Accepted)
    assert book.shares() == ["10%", "50%"]


def test_a_request_runs_out_and_belongs_to_its_stage() -> None:
    """After ten minutes, or on another stage, an approval finds nothing; a used request serves once."""
    book = half_way()
    override(book)
    book.now = book.now.plus_ms(REQUEST_LASTS_MS + 1)
    late = book.do(Verb.APPROVE, SECOND)
    assert isinstance(late, Refused)
    assert "no override is asked for" in late.message
    again = half_way()
    override(again)
    again.do(Verb.APPROVE, SECOND)
    again.run(2)
    assert isinstance(override(again, SECOND), Accepted)
    assert again.shares() == ["10%", "50%"]


def test_an_approval_covers_what_was_asked_and_not_what_came_since() -> None:
    """The first person saw time that was missing; since then a gate shows harm: the second must look and ask anew."""
    plan = a_plan("10%", "50%", "90%", gates=(a_gate(on_fail=OnFail.HOLD, limit=None),))
    stages = (replace(plan.stages[0], min_time_ms=300_000), *plan.stages[1:])
    book = Playbook(a_spec(replace(plan, stages=stages))).run(200)
    assert book.lane.picture(book.now.clock_ms).judgement.all_pass
    override(book)
    book.world.rates["b"] = 0.3
    book.until("held", 200)
    refused = book.do(Verb.APPROVE, SECOND)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.CONFLICT
    assert book.shares() == ["10%"]


def test_the_policy_may_say_that_one_person_suffices() -> None:
    """Recorded with the plan, so that a change of the configuration changes no running rollout (I14)."""
    book = young("10%", "50%", "90%", second_person=False)
    assert isinstance(override(book), Accepted)
    assert book.shares() == ["10%", "50%"]


def test_a_resume_to_half_of_the_traffic_past_a_gate_needs_two_people_too() -> None:
    """Putting a lowered share back up while a gate is blind is no smaller thing than going up."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%")))
    while "50%" not in book.shares():
        book.run(1)
    book.world.override = Share(500)
    book.until("held", 10)
    book.world.blind = {"b": BlindReason.NO_SERIES}
    book.run(2)
    more = {"override": True, "confirm": book.spec.name, "reason": WHY}
    assert isinstance(book.do(Verb.RESUME, ADMIN, **more), Accepted)
    assert book.world.override == Share(500)
    assert isinstance(book.do(Verb.APPROVE, SECOND), Accepted)
    assert book.world.override == Share(5_000)
    assert [type(row.event) for row in book.journal].count(ev.OverrideProposed) == 1


def test_a_smaller_share_may_need_two_people_too() -> None:
    """By the plan's own line: one admin asks, another approves, and only then it goes up; an abort takes one (I2)."""
    book = young("1%", "10%", "90%", second_person_from=Share(1_000))
    assert isinstance(override(book), Accepted)
    assert book.shares() == ["1%"]
    assert isinstance(book.do(Verb.APPROVE, SECOND), Accepted)
    assert book.shares() == ["1%", "10%"]
    other = young("1%", "10%", "90%", second_person_from=Share(1_001))
    assert isinstance(override(other), Accepted)
    assert other.shares() == ["1%", "10%"]
    assert isinstance(book.do(Verb.ABORT, OPERATOR), Accepted)
    assert book.run(5).phase == "aborted"
