"""How ways back, finishing and stages end, and what going up needs: each rule at its border."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.advance import enter, up
from rolloutd.core.observed import RouteReading, Seen, SlotHealth, SlotSeen
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnUndecided
from rolloutd.core.rules import Rules
from rolloutd.core.state import Recede, Rollout, StageVisit
from rolloutd.core.values import FULL, THE_DAEMON, ZERO, Share, Slot
from rolloutd.core.verdict import Verdict
from tests.core.pictures import (
    AT_ZERO,
    NOW_MS,
    ONE,
    SINCE,
    TEN,
    Slots,
    follows,
    judgement,
    preview,
    rollout,
    said,
    seen,
    showing,
    traffic,
)
from tests.core.playbook import a_plan

# ---- the end of a way back


def test_a_way_back_ends_when_zero_was_read() -> None:
    """A person's abort is aborted, everything else rolled back."""
    assert follows(AT_ZERO) == (ev.RolloutEnded(ev.Outcome.ROLLED_BACK, "harm"),)
    for cause in ev.RecedeCause:
        of = replace(AT_ZERO, recede=Recede(cause, "why", None, THE_DAEMON, SINCE))
        found = follows(of)
        if cause is ev.RecedeCause.BLINDNESS:
            assert found == (ev.RolloutHeld(ev.HoldCause.BLINDNESS, "why"), ev.WindowRestarted("blindness"))
        else:
            outcome = ev.Outcome.ABORTED if cause is ev.RecedeCause.PERSON else ev.Outcome.ROLLED_BACK
            assert found == (ev.RolloutEnded(outcome, "why"),)


def test_a_way_back_does_not_end_before() -> None:
    """Not unread, not with a share, not unconfirmed, not with the challenger as base."""
    assert follows(AT_ZERO, seen(AT_ZERO, route=None)) == ()
    assert follows(AT_ZERO, showing(AT_ZERO, ZERO, base=Slot.B)) == ()
    unconfirmed = traffic(AT_ZERO, confirmed=ONE)
    assert follows(unconfirmed, showing(unconfirmed, ONE)) == ()
    assert follows(AT_ZERO, showing(AT_ZERO, Share(30)))[0] == ev.DriftSeen(ZERO, Share(30))
    assert follows(replace(AT_ZERO, recede=None)) == ()


def test_a_base_that_moved_is_given_back_first() -> None:
    """And recorded as given back."""
    assert follows(replace(AT_ZERO, base_moved=True)) == (ev.BaseConfirmed(Slot.A, None),)


# ---- the end of finishing


FINISHING = rollout(Phase.FINISHING, stage=3)


def finished(**changes: object) -> Seen:
    """The world at the end: the challenger is base, the override gone."""
    return showing(FINISHING, ZERO, base=Slot.B, **changes)  # type: ignore[arg-type]


def slots(up: bool = True, version: str | None = "v42") -> Slots:
    """Both slots, the challenger's as said."""
    return (
        (Slot.A, SlotSeen(SlotHealth(True, "v41", "200"), NOW_MS)),
        (Slot.B, SlotSeen(SlotHealth(up, version, "200"), NOW_MS)),
    )


def test_finishing_ends_step_by_step() -> None:
    """Base read back and its server's version as promised; then the override gone; then done."""
    with_override = seen(FINISHING, route=RouteReading(Slot.B, Slot.B, Share(9_000), None, "1"))
    assert follows(FINISHING, with_override) == (ev.BaseConfirmed(Slot.B, "v42"),)
    moved = replace(FINISHING, base_moved=True)
    assert follows(moved, with_override) == ()
    assert follows(moved, finished()) == (ev.RolloutEnded(ev.Outcome.DONE, "v42 serves all traffic of ranker"),)
    mute = finished(slots=slots(version=None))
    assert follows(FINISHING, mute) == (ev.BaseConfirmed(Slot.B, None),)


def test_finishing_waits_for_what_was_not_seen() -> None:
    """No reading, the old base, no probe, a server that is down."""
    assert follows(FINISHING) == ()
    assert follows(FINISHING, seen(FINISHING, route=None)) == ()
    assert follows(FINISHING, finished(slots=())) == ()
    assert follows(FINISHING, finished(slots=slots(up=False))) == ()


def test_another_version_behind_the_new_base_goes_back() -> None:
    """What serves must be what was rolled out."""
    why = "slot b serves v43, not v42"
    assert follows(FINISHING, finished(slots=slots(version="v43"))) == (
        ev.RecedeStarted(ev.RecedeCause.HARM, why),
        ev.TrafficWanted(ZERO, Share(9_000), ev.Basis(ev.BasisKind.HARM, why)),
    )


# ---- undecided


def due(on_undecided: OnUndecided, **changes: object) -> Rollout:
    """A stage whose maximum time is over this moment."""
    plan = a_plan()
    stages = tuple(replace(s, max_time_ms=40_000, on_undecided=on_undecided) for s in plan.stages)
    of = rollout(plan=replace(plan, stages=stages), said=(("errors", "pass"),))
    return replace(of, **changes)  # type: ignore[arg-type]


OPEN = judgement(said(Verdict.COLLECTING))
UNDECIDED = "stage s0 is undecided after 40s: errors has not seen enough"


def test_a_stage_that_does_not_decide_does_what_the_plan_says() -> None:
    """Ask, go back, or once more the same time and then ask; at its deadline and not before."""
    ask = due(OnUndecided.ASK)
    asked = (ev.PersonAsked(ev.Question.UNDECIDED, UNDECIDED),)
    assert follows(ask, judged=OPEN) == asked
    assert follows(replace(ask, stage_deadline_ms=NOW_MS + 1), judged=OPEN) == ()
    assert follows(replace(ask, stage_deadline_ms=None), judged=OPEN) == ()
    assert follows(due(OnUndecided.ROLLBACK), judged=OPEN) == (
        ev.RecedeStarted(ev.RecedeCause.UNDECIDED, UNDECIDED),
        ev.TrafficWanted(ZERO, ONE, ev.Basis(ev.BasisKind.LIMIT, UNDECIDED)),
    )
    extend = due(OnUndecided.EXTEND)
    assert follows(extend, judged=OPEN) == (ev.StageExtended(NOW_MS + 40_000),)
    assert follows(replace(extend, stage_deadline_ms=NOW_MS - 1), judged=OPEN) == asked
    unconfirmed = replace(extend, visits=(StageVisit(0, SINCE),))
    assert follows(unconfirmed, judged=OPEN) == (
        ev.PersonAsked(ev.Question.UNDECIDED, "stage s0 is undecided after 40s: errors has not seen enough"),
    )
    assert follows(replace(ask, phase=Phase.WATCHING), judged=OPEN) == asked


def test_a_stage_is_not_given_up_while_the_fleet_stands_still_or_only_a_yes_is_missing() -> None:
    """A hold of the fleet, a freeze alone, an approval that is waited for; held and asking rollouts wait for people."""
    of = due(OnUndecided.ROLLBACK)
    assert follows(of, seen(of, rules=Rules(fleet_hold="by ops1")), OPEN) == ()
    frozen = seen(of, rules=Rules(frozen="until noon"))
    assert follows(of, frozen) == ()
    assert any(isinstance(event, ev.RecedeStarted) for event in follows(of, frozen, OPEN))
    assert follows(replace(of, phase=Phase.HELD, hold=rollout(Phase.HELD).hold), judged=OPEN) == ()
    assert follows(replace(of, phase=Phase.ASKING), judged=OPEN) == ()
    plan = of.spec.plan
    wanting = replace(plan, stages=tuple(replace(s, approval=True) for s in plan.stages))
    waiting = follows(replace(of, spec=replace(of.spec, plan=wanting)))
    assert waiting == (ev.PersonAsked(ev.Question.APPROVAL, "stage s0 passed all its gates and waits for approval"),)


# ---- going up


READY = rollout(said=(("errors", "pass"),))
ALL_PASSED = ev.Basis(ev.BasisKind.VERDICT, "all gates of s0 passed and its time is over")


def test_nothing_against_it_is_the_next_stage() -> None:
    """From the watch the end."""
    assert follows(READY) == (ev.StageEntered(1), ev.TrafficWanted(TEN, ONE, ALL_PASSED))
    watch = rollout(Phase.WATCHING, stage=3, said=(("errors", "pass"),))
    over = ev.Basis(ev.BasisKind.VERDICT, "all gates of s3 passed and its time is over")
    assert follows(watch) == (ev.FinishStarted(over),)


@pytest.mark.parametrize("phase", [Phase.HELD, Phase.ASKING])
def test_only_a_running_or_watching_rollout_climbs(phase: Phase) -> None:
    """Held means held."""
    assert follows(replace(READY, phase=phase, hold=rollout(Phase.HELD).hold)) == ()


def test_anything_against_it_keeps_it() -> None:
    """An open gate, an unsettled share, a share below the stage's own."""
    assert follows(READY, judged=OPEN) == ()
    assert follows(READY, dwell_ms=0) == ()
    pending = traffic(READY, confirmed=Share(50))
    assert follows(pending, showing(pending, Share(50))) == ()
    kept = traffic(READY, wanted=Share(50), confirmed=Share(50))
    assert follows(kept) == ()
    assert follows(READY, seen(READY, may_raise=False)) == ()


def test_an_approval_is_asked_for_when_it_alone_is_missing() -> None:
    """With anything else open nobody is asked yet."""
    plan = a_plan()
    wanting = replace(plan, stages=tuple(replace(s, approval=True) for s in plan.stages))
    of = rollout(plan=wanting, said=(("errors", "pass"),))
    assert follows(of) == (
        ev.PersonAsked(ev.Question.APPROVAL, "stage s0 passed all its gates and waits for approval"),
    )
    assert follows(of, judged=OPEN) == ()
    assert follows(of, seen(of, rules=Rules(fleet_hold="by ops1"))) == ()


BEGUN = traffic(rollout(visits=(), stage_deadline_ms=None), wanted=ZERO, confirmed=ZERO)
CHECKED = ev.Basis(ev.BasisKind.VERDICT, "all checks before traffic passed")


def test_the_first_stage_needs_the_checks_as_this_process_sees_them() -> None:
    """I8: an earlier process's sight is none; gates that collect are no obstacle before there is traffic."""
    first = (ev.StageEntered(0), ev.TrafficWanted(ONE, ZERO, CHECKED))
    assert follows(BEGUN) == first
    assert follows(BEGUN, judged=OPEN) == first
    assert follows(BEGUN, judged=judgement(said(Verdict.BLIND))) == ()
    assert follows(BEGUN, seen(BEGUN, watching_from_ms=NOW_MS)) == first
    assert follows(BEGUN, seen(BEGUN, watching_from_ms=NOW_MS + 1)) == ()
    assert follows(BEGUN, fresh_at_ms=None) == first
    assert follows(BEGUN, seen(BEGUN, watching_from_ms=1), fresh_at_ms=None) == ()


def down(slot: Slot) -> Slots:
    """Both slots, this one down."""
    return tuple((s, SlotSeen(SlotHealth(s is not slot, None, "x"), NOW_MS)) for s in Slot)


@pytest.mark.parametrize(
    "changes",
    [
        {"route_error": "refused"},
        {"slots": down(Slot.A)},
        {"slots": down(Slot.B)},
        {"rules": Rules(frozen="until noon")},
        {"may_raise": False},
    ],
    ids=["router", "champion", "challenger", "policy", "journal"],
)
def test_no_first_traffic_while_a_check_does_not_hold(changes: dict[str, object]) -> None:
    """Router, both servers, policy."""
    assert follows(BEGUN, seen(BEGUN, **changes)) == ()


def test_a_step_up_is_a_stage_and_its_share() -> None:
    """A preview moves nothing; the last stage's step is the end."""
    basis = ev.Basis(ev.BasisKind.PERSON, "x")
    assert enter(READY, 2, basis) == (ev.StageEntered(2), ev.TrafficWanted(Share(5_000), ONE, basis))
    of = traffic(rollout(plan=preview(), visits=()), wanted=ZERO, confirmed=ZERO)
    assert enter(of, 0, basis) == (ev.StageEntered(0),)
    assert up(rollout(stage=1), basis) == (ev.StageEntered(2), ev.TrafficWanted(Share(5_000), TEN, basis))
    assert up(rollout(Phase.WATCHING, stage=3), basis) == (ev.FinishStarted(basis),)
    assert Share(9_000) < FULL
