"""Whole rollouts in a world of values: healthy, harmful, blind, drifting, undecided, and what people do to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.commands import Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.effects import MetricsAnswered, TickPassed
from rolloutd.core.metrics import BlindReason
from rolloutd.core.plan import OnFail, OnUndecided
from rolloutd.core.values import ZERO, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_gate, a_plan, a_spec


def test_a_healthy_challenger_goes_all_the_way() -> None:
    """Every stage is confirmed in order, the base moves, the override goes, and the end is done."""
    book = Playbook().until("done")
    assert book.shares() == ["1%", "10%", "50%", "90%"]
    assert book.world.base is Slot.B
    assert book.world.override == ZERO
    assert book.world.reading().share_of(Slot.B).basis_points == 10_000


def test_an_answer_that_comes_before_the_route_was_read_is_not_lost() -> None:
    """I3: a source that is asked every five minutes answered first; the checks wait ten seconds, not five minutes."""
    book = Playbook()
    book.see(MetricsAnswered("errors", book.world.answer(book.now.wall_ms)))
    assert book.lane.evidence["errors"].tick == 0
    book.settle(tick=True)
    assert book.lane.evidence["errors"].tick == 1
    assert book.shares() == ["1%"]
    assert not book.lane.seen.early


def test_a_harmful_challenger_goes_back_to_zero() -> None:
    """Ten times the champion's errors end the rollout at its first stage with the champion serving everything."""
    book = Playbook(world=World(rates={"a": 0.01, "b": 0.1})).until("rolled_back", 200)
    assert book.shares() == ["1%", "0%"]
    assert book.world.reading().share_of(Slot.A).basis_points == 10_000


@pytest.mark.parametrize("stage", ["10%", "50%", "90%"])
def test_harm_that_comes_late_is_found_too(stage: str) -> None:
    """A healthy past buys no immunity: a challenger that breaks at a later stage goes back from there."""
    book = Playbook()
    for _ in range(2_000):
        if stage in book.shares():
            break
        book.run(1)
    book.world.rates["b"] = 0.2
    book.until("rolled_back", 120)


def test_a_limit_alone_stops_a_challenger() -> None:
    """Above the absolute limit is harm, whatever the champion does short of it."""
    plan = a_plan(gates=(a_gate(limit=0.05),))
    book = Playbook(a_spec(plan), World(rates={"a": 0.04, "b": 0.3})).until("rolled_back", 200)
    assert book.phase == "rolled_back"


def test_both_arms_over_the_limit_is_nobodys_fault_and_holds() -> None:
    """An outside trouble hits both arms: the rollout holds and asks, it does not blame the challenger."""
    plan = a_plan(gates=(a_gate(limit=0.05),))
    book = Playbook(a_spec(plan))
    book.run(15)
    book.world.rates = {"a": 0.4, "b": 0.4}
    book.until("held", 200)
    assert book.lane.rollout.hold is not None
    assert book.lane.rollout.hold.cause.value == "champion"
    assert book.world.override > ZERO


@pytest.mark.parametrize("reason", list(BlindReason))
def test_blindness_holds_then_recedes_and_waits_for_a_person(reason: BlindReason) -> None:
    """No way of not knowing ever advances: it is recorded, then the share goes to zero, then a person is needed."""
    book = Playbook().run(8)
    book.world.blind = {"b": reason}
    book.run(15)
    assert book.phase == "running"
    assert "BlindnessBegan" in book.said()
    assert book.shares() == ["1%"]
    book.until("held", 30)
    assert book.world.override == ZERO
    book.run(60)
    assert book.phase == "held"


def test_sight_that_comes_back_in_time_goes_on() -> None:
    """A short gap is recorded with its end and costs time, not the rollout."""
    book = Playbook().run(8)
    book.world.blind = {"a": BlindReason.TIMEOUT}
    book.run(10)
    book.world.blind = {}
    book.until("done")
    assert book.said().count("BlindnessEnded") == 1


def test_a_source_that_falls_silent_is_blind_too() -> None:
    """Not even an error comes: silence itself blinds, by its length."""
    book = Playbook().run(8)
    book.run(40, metrics=False)
    assert book.phase == "held"
    assert book.world.override == ZERO


def test_a_process_that_was_stopped_is_not_blind_for_the_time_it_slept() -> None:
    """Waking after longer than blind_recede it looks first: a source that answers keeps the share where it is."""
    book = Playbook().run(8)
    book.now = book.now.plus_ms(120_000)
    book.see(TickPassed())
    book.settle(tick=True)
    assert book.world.override == Share(100)
    book.until("done")


def test_no_traffic_is_no_evidence() -> None:
    """Counters that stand still are fresh, but nothing is counted and nothing goes up."""
    book = Playbook().run(8)
    book.run(300, traffic=False)
    assert book.shares() == ["1%"]


def test_a_share_raised_by_hand_is_put_back_and_the_rollout_goes_on() -> None:
    """Drift upwards is undone within the tick, recorded, and followed by a fresh look."""
    book = Playbook().run(8)
    book.world.override = Share(3_000)
    book.run(1)
    assert book.world.override == Share(100)
    assert "DriftSeen" in book.said()
    book.until("done")


def test_a_share_lowered_by_hand_is_kept_and_asked_about() -> None:
    """Somebody lowered it for a reason: automation never raises it again, a person may."""
    book = Playbook().run(8)
    book.world.override = Share(10)
    book.run(50)
    assert (book.phase, book.world.override) == ("held", Share(10))
    assert isinstance(book.do(Verb.RESUME), Accepted)
    assert book.world.override == Share(100)


def test_a_restarted_router_gets_its_share_again_after_which_comes_a_fresh_look() -> None:
    """A new engine instance that forgot the share is restored; nothing goes up before a full window."""
    book = Playbook().run(12)
    book.world.override, book.world.instance = ZERO, "2"
    book.run(1)
    assert book.world.override == Share(100)
    assert "RouterRestarted" in book.said()
    assert book.lane.rollout.window_from_ms is not None


def test_a_lapsed_lease_holds_at_zero() -> None:
    """Nobody renewed for the whole lease: the router went back by itself, and a person decides."""
    book = Playbook(world=World(leases=True)).run(8)
    book.now = book.now.plus_ms(61_000)
    book.world.override, book.world.override_slot = ZERO, None
    book.run(1)
    assert book.phase == "held"
    assert "LeaseLapsed" in book.said()
    book.run(30)
    assert book.world.override == ZERO


def test_once_renewed_after_a_reboot_a_hand_is_a_hand_again() -> None:
    """The host came back and the daemon renewed its lease: whoever lowers the share from then on made no lapse."""
    book = Playbook(world=World(leases=True)).run(8)
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rebooted=True))
    book.run(2)
    book.world.override = Share(10)
    book.run(1)
    assert "DriftSeen" in book.said()
    assert "LeaseLapsed" not in book.said()


def test_a_router_that_does_not_obey_is_said_and_never_believed() -> None:
    """Accepted but not applied: no confirmation, no clock of the stage, and after two ticks it is said."""
    book = Playbook(world=World(obeys=False))
    book.run(30)
    assert "TrafficNotObeyed" in book.said()
    assert "TrafficConfirmed" not in book.said()
    book.world.obeys = True
    book.until("done")


def test_abort_with_the_router_away_goes_through_when_it_comes_back() -> None:
    """The wish is durable: zero is asserted as soon as the router can be reached."""
    book = Playbook().run(8)
    book.world.reachable = False
    assert isinstance(book.do(Verb.ABORT, revision=None), Accepted)
    book.run(10)
    assert book.phase == "receding"
    book.world.reachable = True
    book.run(1)
    assert (book.phase, book.world.override) == ("aborted", ZERO)


@pytest.mark.parametrize("when", ["preflight", "running", "held", "asking", "watching", "finishing", "receding"])
def test_abort_works_in_every_live_phase(when: str) -> None:
    """Whatever it is doing, an abort ends with the champion serving everything."""
    book = _book_in(when)
    assert isinstance(book.do(Verb.ABORT, revision=None, reason="drill"), Accepted)
    book.world.obeys = book.world.reachable = book.world.moves_base = True
    book.run(3)
    assert book.phase == "aborted"
    assert book.world.reading().share_of(Slot.A).basis_points == 10_000


def _book_in(when: str) -> Playbook:
    """A rollout in this phase."""
    if when == "preflight":
        return Playbook(world=World(reachable=False))
    if when == "finishing":
        return Playbook(world=World(moves_base=False)).until("finishing")
    if when == "asking":
        plan = a_plan()
        quick = tuple(replace(stage, max_time_ms=10_000) for stage in plan.stages)
        return Playbook(a_spec(replace(plan, stages=quick))).until("asking")
    book = Playbook().until("watching" if when == "watching" else "running")
    if when == "held":
        book.do(Verb.PAUSE)
    if when == "receding":
        book.world.obeys = False
        book.world.rates["b"] = 0.5
        book.until("receding", 100)
    assert book.phase == when
    return book


def test_undecided_asks_and_a_person_may_extend() -> None:
    """At the end of its time an undecided stage asks; more time is a person's to give."""
    book = _book_in("asking")
    assert isinstance(book.do(Verb.EXTEND), Accepted)
    assert book.phase == "running"


@pytest.mark.parametrize(("choice", "end"), [(OnUndecided.ROLLBACK, "rolled_back"), (OnUndecided.EXTEND, "asking")])
def test_undecided_does_what_the_plan_says(choice: OnUndecided, end: str) -> None:
    """Rollback goes back; extend gives the time once more and then asks."""
    plan = a_plan()
    stages = tuple(replace(stage, max_time_ms=12_000, on_undecided=choice) for stage in plan.stages)
    book = Playbook(a_spec(replace(plan, stages=stages))).until(end, 200)
    assert ("StageExtended" in book.said()) is (choice is OnUndecided.EXTEND)


def test_a_gate_that_holds_keeps_no_harm_in_traffic_that_another_takes_back() -> None:
    """I2's sister: the heavier gate holds first; once the other one has shown the harm by itself, it goes to zero."""
    gates = (a_gate(metric="holds", on_fail=OnFail.HOLD, weight=5.0), a_gate())
    book = Playbook(a_spec(a_plan("10%", "50%", "90%", gates=gates)), World(rates={"a": 0.01, "b": 0.1}))
    book.until("rolled_back", 300)
    assert book.shares()[-1] == "0%"
    assert "RolloutHeld" in book.said()


def test_a_gate_that_holds_does_not_go_back() -> None:
    """on_fail = hold: the share stays where it is and a person is needed."""
    plan = a_plan(gates=(a_gate(on_fail=OnFail.HOLD),))
    book = Playbook(a_spec(plan), World(rates={"a": 0.01, "b": 0.1})).until("held", 200)
    assert book.world.override == Share(100)


def test_a_gate_that_observes_changes_nothing() -> None:
    """on_fail = observe: it says so and the other gate decides alone."""
    watching = a_gate(metric="noise", on_fail=OnFail.OBSERVE, harm=a_gate().harm)
    plan = a_plan(gates=(a_gate(), watching))
    assert Playbook(a_spec(plan)).until("done").phase == "done"


def test_approval_is_asked_and_given() -> None:
    """A stage with approval asks when its gates pass, and goes up on a person's word."""
    plan = a_plan()
    stages = (replace(plan.stages[0], approval=True), *plan.stages[1:])
    book = Playbook(a_spec(replace(plan, stages=stages))).until("asking", 500)
    assert isinstance(book.do(Verb.APPROVE), Accepted)
    book.until("done")


def test_preflight_refuses_a_share_that_is_already_there() -> None:
    """Somebody else may own it: nothing is taken over."""
    book = Playbook(world=World(override=Share(500), override_slot=Slot.B))
    book.until("refused", 30)
    assert book.world.override == Share(500)


def test_preflight_refuses_the_wrong_version() -> None:
    """The slot must serve what the spec names."""
    book = Playbook(world=World(versions={Slot.A: "v41", Slot.B: "v99"}))
    book.until("refused", 30)
    assert "v99" in book.lane.rollout.refusals[0]


def test_a_dead_champion_stops_every_way_up() -> None:
    """Nothing goes up while nobody could take the traffic back."""
    book = Playbook().run(5)
    book.world.up[Slot.A] = False
    book.run(400)
    assert book.shares() == ["1%"]
    refused = book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason="it must go up now")
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("seconds", range(0, 240, 7))
def test_a_restart_anywhere_changes_neither_traffic_nor_end(seconds: int) -> None:
    """The process dies at any second: the record folds back, evidence goes on, the end is the same."""
    book = Playbook().run(seconds)
    before = book.world.override
    book.restart()
    book.settle(tick=True)
    assert book.world.override == before
    book.until("done")


def test_a_restart_is_followed_by_a_full_window() -> None:
    """After doubt nothing goes up before the window has been seen (I8)."""
    book = Playbook().run(9)
    book.restart()
    shares = len(book.shares())
    book.run(9)
    assert len(book.shares()) == shares


def test_promote_needs_the_revision_it_was_decided_on() -> None:
    """What raises exposure names what the person looked at; an old one is refused with the present one."""
    book = Playbook().run(5)
    old = book.do(Verb.PROMOTE, revision=1, reason="going up early today")
    assert isinstance(old, Refused)
    assert old.code.value == "conflict"
    none = book.do(Verb.PROMOTE, revision=None, reason="going up early today")
    assert isinstance(none, Refused)


def test_promote_while_collecting_needs_a_reason_and_stays_visible() -> None:
    """Early, with minimum time over, an operator goes up with a reason, and the override is kept."""
    plan = a_plan(gates=(a_gate(accept=a_gate().accept.ratio(1.01)),))
    book = Playbook(a_spec(plan)).run(15)
    assert isinstance(book.do(Verb.PROMOTE, reason="short"), Refused)
    assert isinstance(book.do(Verb.PROMOTE, reason="we looked at the traces"), Accepted)
    assert book.world.override == Share(1_000)
    assert book.lane.rollout.overrides[0].by == OPERATOR


def test_an_override_is_an_admins_with_the_name_typed_out() -> None:
    """Minimum time not over: operator is refused, admin needs name and reason."""
    book = Playbook().run(3)
    reason = "the incident needs it"
    assert isinstance(book.do(Verb.PROMOTE, override=True, confirm=book.spec.name, reason=reason), Refused)
    assert isinstance(book.do(Verb.PROMOTE, ADMIN, override=True, confirm="ranker", reason=reason), Refused)
    assert isinstance(book.do(Verb.PROMOTE, ADMIN, override=True, confirm=book.spec.name, reason=reason), Accepted)
    assert book.world.override == Share(1_000)


def test_from_half_the_traffic_on_an_override_needs_two_people() -> None:
    """The first admin's word is recorded and moves nothing; another admin's does."""
    book = Playbook().until("running")
    while "10%" not in book.shares():
        book.run(1)
    words = {"override": True, "confirm": book.spec.name, "reason": "the incident needs it"}
    book.do(Verb.PROMOTE, ADMIN, **words)
    assert book.world.override == Share(1_000)
    book.do(Verb.PROMOTE, ADMIN, **words)
    assert book.world.override == Share(1_000)
    book.do(Verb.PROMOTE, replace(ADMIN, name="sr2", uid=1003), **words)
    assert book.world.override == Share(5_000)


def test_pausing_disarms_no_trigger() -> None:
    """A paused rollout still goes back by itself when harm is shown."""
    book = Playbook().run(5)
    book.do(Verb.PAUSE)
    book.world.rates["b"] = 0.3
    book.until("rolled_back", 100)


def test_commands_on_an_ended_rollout_are_told_so() -> None:
    """Abort of an aborted rollout is fine; promote is not."""
    book = Playbook().run(5)
    book.do(Verb.ABORT)
    assert book.phase == "aborted"
    assert isinstance(book.do(Verb.ABORT, revision=None), Accepted)
    assert isinstance(book.do(Verb.PROMOTE, reason="ten letters!"), Refused)
