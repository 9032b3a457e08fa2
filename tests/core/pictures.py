"""A rollout on a stage with everything in order, and the picture that goes with it; tests change single facts."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core import events as ev
from rolloutd.core.advance import advance
from rolloutd.core.blockers import Picture
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import BlindReason, Unreadable
from rolloutd.core.observed import RouteReading, Seen, SlotHealth, SlotSeen
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Plan, Smoke, Spec
from rolloutd.core.state import Hold, Recede, Rollout, StageVisit, Traffic
from rolloutd.core.values import THE_DAEMON, ZERO, Instant, Share, Slot
from rolloutd.core.verdict import GateVerdict, Judgement, Verdict
from tests.core.playbook import OPERATOR, a_gate, a_plan, a_spec

NOW_MS = 100_000
ONE, TEN = Share(100), Share(1_000)
SINCE = Instant(60_000, 1_700_000_060_000)
VERDICT = ev.Basis(ev.BasisKind.VERDICT, "all gates")
Slots = tuple[tuple[Slot, SlotSeen], ...]
PERSON_HOLD = Hold(ev.HoldCause.PERSON, "a look", OPERATOR, SINCE)
BLIND = Unreadable(BlindReason.TIMEOUT, "no answer")


def rollout(phase: Phase = Phase.RUNNING, plan: Plan | None = None, stage: int = 0, **changes: object) -> Rollout:
    """Live, on this stage, whose share stands on the router since a minute."""
    spec: Spec = a_spec(plan or a_plan())
    share = spec.plan.stages[stage].share
    usual = Rollout(
        spec=spec,
        phase=phase,
        version=10,
        requested_at=SINCE,
        requested_by=OPERATOR,
        changed_at=SINCE,
        champion_slot=Slot.A,
        traffic=Traffic(share, SINCE, VERDICT, share, SINCE, "1"),
        visits=(StageVisit(stage, SINCE, SINCE),),
        stage_deadline_ms=SINCE.clock_ms + spec.plan.stages[stage].max_time_ms,
        hold=PERSON_HOLD if phase is Phase.HELD else None,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def traffic(of: Rollout, **changes: object) -> Rollout:
    """The same with other traffic."""
    return replace(of, traffic=replace(of.traffic, **changes))  # type: ignore[arg-type]


def seen(of: Rollout, **changes: object) -> Seen:
    """The router shows what is wanted, both slots are up; all of it looked at just now."""
    share = of.traffic.wanted
    route = RouteReading(Slot.A, Slot.B if share > ZERO else None, share, None, "1")
    slots = (
        (Slot.A, SlotSeen(SlotHealth(True, "v41", "200"), NOW_MS)),
        (Slot.B, SlotSeen(SlotHealth(True, "v42", "200"), NOW_MS)),
    )
    return replace(Seen(0, route=route, route_at_ms=NOW_MS, slots=slots), **changes)  # type: ignore[arg-type]


def said(verdict: Verdict, metric: str = "errors", **changes: object) -> GateVerdict:
    """One gate's verdict."""
    usual = GateVerdict(a_gate(metric=metric), verdict, 1.0, 2.0, 0.1, 0.2, False, None, 0, "")
    if verdict is Verdict.BLIND:
        usual = replace(usual, blind=BLIND, blind_for_ms=1)
    return replace(usual, **changes)  # type: ignore[arg-type]


def judgement(*gates: GateVerdict, **changes: object) -> Judgement:
    """What the gates say together; one passing gate when none is named."""
    return replace(Judgement(gates or (said(Verdict.PASS),), 1.0, None, None), **changes)  # type: ignore[arg-type]


def picture(of: Rollout, world: Seen | None = None, judged: Judgement | None = None, **evidence: object) -> Picture:
    """Everything a decision looks at: enough data for every time that the plan wants."""
    known = GateEvidence.start(of.spec.plan, of.spec.plan.gates[0])
    usual: dict[str, object] = {"blind": None, "fresh_at_ms": NOW_MS, "dwell_ms": 99_000, "window_ms": 99_000}
    known = replace(known, **{**usual, **evidence})  # type: ignore[arg-type]
    pic = Picture(of, {"errors": known}, world or seen(of), NOW_MS)
    pic.__dict__["judgement"] = judged or judgement()
    return pic


def follows(
    of: Rollout, world: Seen | None = None, judged: Judgement | None = None, **evidence: object
) -> tuple[ev.Event, ...]:
    """The next events."""
    return advance(of, picture(of, world, judged, **evidence), NOW_MS)


def showing(of: Rollout, share: Share, instance: str = "1", base: Slot = Slot.A, **changes: object) -> Seen:
    """The world with another share on the router."""
    slot = Slot.B if share > ZERO else None
    return seen(of, route=RouteReading(base, slot, share, None, instance), **changes)


def quiet(of: Rollout) -> Rollout:
    """A rollout that has just come onto its stage: nothing is due yet."""
    now = Instant(NOW_MS, NOW_MS)
    return replace(of, visits=(*of.visits[:-1], replace(of.visits[-1], confirmed_at=now)), said=(("errors", "pass"),))


def preview(**changes: object) -> Plan:
    """A plan whose first stage has no live traffic."""
    plan = a_plan()
    first = replace(plan.stages[0], share=ZERO, smoke=(Smoke("health"),), **changes)  # type: ignore[arg-type]
    return replace(plan, stages=(first, *plan.stages[1:]))


def ev_to_zero(of: Rollout) -> tuple[ev.Event, ...]:
    """What a way back asks for that has not asked yet."""
    recede = of.recede
    assert recede is not None
    return (ev.TrafficWanted(ZERO, of.traffic.wanted, ev.Basis(ev.BasisKind.HARM, recede.reason)),)


REST = quiet(rollout())
BACK = rollout(Phase.RECEDING, recede=Recede(ev.RecedeCause.HARM, "harm", "errors", THE_DAEMON, SINCE))
AT_ZERO = traffic(BACK, wanted=ZERO, confirmed=ZERO)
