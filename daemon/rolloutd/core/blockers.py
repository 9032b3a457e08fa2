"""What stands between a rollout and its next stage, as values: each with a word for scripts and a sentence for people.

An empty answer is the only way up. The daemon's climb, a person's promotion and the screen all read this one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from rolloutd.core import mirroring, smoke
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import GateKind
from rolloutd.core.observed import Seen
from rolloutd.core.phases import Phase
from rolloutd.core.reconcile import RouteVerdict, observed_share, route_verdict
from rolloutd.core.state import Rollout
from rolloutd.core.values import Instant, format_duration
from rolloutd.core.verdict import GateVerdict, Judgement, Verdict, judge
from rolloutd.core.whole_day import DAY_MS, left_ms, missing


class BlockerKind(StrEnum):
    """Kinds of obstacles, by what a person can do about them."""

    GATE_FAIL = "gate-fail"
    SMOKE = "smoke"
    GATE_BLIND = "gate-blind"
    GATE_COLLECTING = "gate-collecting"
    MIN_TIME = "min-time"
    DWELL = "min-ticks"
    FULL_DAY = "full-day"
    WINDOW = "observation-window"
    STAFFED = "staffed"
    APPROVAL = "approval"
    CHAMPION = "champion"
    CHALLENGER = "challenger"
    ROUTER = "router"
    POLICY = "policy"
    HELD = "held"
    ISOLATED = "isolated"


OVERRIDABLE = frozenset(
    {
        BlockerKind.GATE_FAIL,
        BlockerKind.SMOKE,
        BlockerKind.GATE_BLIND,
        BlockerKind.GATE_COLLECTING,
        BlockerKind.MIN_TIME,
        BlockerKind.DWELL,
        BlockerKind.FULL_DAY,
        BlockerKind.WINDOW,
        BlockerKind.CHALLENGER,
    }
)
"""What a person may pass by. The champion's health, the router's agreement and policy are nobody's to pass by here."""


FREEZE = "freeze"
"""What the blocker is called that stands for a freeze window."""
STAFFED = "staffed"
"""What the blocker is called that says that nobody is there who would see what going up does."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One obstacle. ``left_ms`` is how long it lasts yet, where that is known."""

    kind: BlockerKind
    what: str
    sentence: str
    left_ms: int | None = None


@dataclass(frozen=True)
class Picture:
    """Everything a decision looks at beside the record: evidence, what was seen, and the judgement made of them.

    The gates are judged when somebody looks at the judgement for the first time: an abort never does.
    """

    rollout: Rollout
    evidence: Mapping[str, GateEvidence]
    seen: Seen
    now_ms: int

    @cached_property
    def judgement(self) -> Judgement:
        """All gates at this moment (rollout clock)."""
        return judge(
            self.rollout.spec.plan,
            self.evidence,
            self.now_ms,
            watching_from_ms=self.seen.watching_from_ms,
            share=self.rollout.traffic.confirmed,
            focus=self.rollout.focus,
            sticky=self.seen.sticky,
            mirror=self.rollout.mirror.confirmed,
        )

    @property
    def counted(self) -> tuple[GateEvidence, ...]:
        """The evidence of the gates that are to see something on the present stage."""
        kinds = {gate.metric: gate.template.kind for gate in self.rollout.spec.plan.gates}
        shadow = self.rollout.stage.shadow
        off = {metric for metric, kind in kinds.items() if (kind is GateKind.DRIFT if shadow else kind.of_pairs)}
        return tuple(known for metric, known in self.evidence.items() if metric not in off)


def blockers(rollout: Rollout, pic: Picture, now_ms: int) -> tuple[Blocker, ...]:
    """Everything that keeps this rollout from going up now, in the order in which people should hear of it."""
    gates = _gates(pic, now_ms)
    if smoke.on_preview(rollout):  # without live traffic no gate can pass, but each must see; the smoke probes judge
        gates = tuple(blocker for blocker in gates if blocker.kind is not BlockerKind.GATE_COLLECTING)
        unproven = smoke.missing(rollout, pic.seen, now_ms)
        gates = (*(Blocker(BlockerKind.SMOKE, what, sentence) for what, sentence in unproven), *gates)
    return (
        *gates,
        *_world(rollout, pic.seen, now_ms),
        *_time(rollout, pic, now_ms),
        *_people(rollout, pic.seen),
    )


def too_soon(rollout: Rollout, now_ms: int) -> bool:
    """Whether the stage's minimum time, at least, stands against going up."""
    visit = rollout.visit
    return visit is None or visit.confirmed_at is None or _owed_ms(rollout, visit.confirmed_at, now_ms) > 0


def _owed_ms(rollout: Rollout, confirmed_at: Instant, now_ms: int) -> int:
    """What is left of the stage's minimum time."""
    return rollout.stage.min_time_ms - (now_ms - confirmed_at.clock_ms)


def _gates(pic: Picture, now_ms: int) -> tuple[Blocker, ...]:
    kinds = {
        Verdict.FAIL: (BlockerKind.GATE_FAIL, "shows harm"),
        Verdict.BLIND: (BlockerKind.GATE_BLIND, "has no usable data"),
        Verdict.COLLECTING: (BlockerKind.GATE_COLLECTING, "has not seen enough"),
    }
    found = []
    for gate in pic.judgement.undecided:
        kind, text = kinds[gate.verdict]
        unripe_ms = _unripe_ms(gate, pic, now_ms)
        if gate.verdict is Verdict.COLLECTING and unripe_ms > 0:
            text = f"waits for labels: the first of this exposure are ripe in {format_duration(unripe_ms)}"
        detail = f": {gate.blind.detail}" if gate.blind and gate.verdict is Verdict.BLIND else ""
        found.append(Blocker(kind, f"gate:{gate.gate.metric}", f"{gate.gate.metric} {text}{detail}"))
    return tuple(found)


def _unripe_ms(gate: GateVerdict, pic: Picture, now_ms: int) -> int:
    """How long until labels of the present exposure begin to count; 0 where they do, or where none come late."""
    known = pic.evidence.get(gate.gate.metric)
    ripe_ms = gate.gate.template.ripe_ms
    first_ms = None if known is None or known.ripening is None else known.ripening.first_ripe_ms(ripe_ms)
    return 0 if first_ms is None else max(0, first_ms - now_ms)


def _world(rollout: Rollout, seen: Seen, now_ms: int) -> tuple[Blocker, ...]:
    """The router must agree, the champion must be able to take everything back, the challenger must serve."""
    found = []
    verdict = route_verdict(rollout, seen, now_ms)
    stale = seen.route_at_ms is None or now_ms - seen.route_at_ms > 3 * rollout.spec.plan.timing.tick_ms
    if verdict is not RouteVerdict.AGREES or stale or seen.route_error:
        shown = observed_share(rollout, seen)
        text = seen.route_error or f"asked {rollout.traffic.wanted}, router shows {shown or 'nothing yet'}"
        found.append(Blocker(BlockerKind.ROUTER, "router", f"the router does not agree ({text})"))
    elif seen.route is not None and seen.route.isolated != rollout.kept_off:
        text = f"the router keeps {', '.join(seen.route.isolated) or 'nobody'} off the challenger, not whom it shall"
        found.append(Blocker(BlockerKind.ROUTER, "router", text))
    elif mirroring.disagrees(rollout, seen):
        shown = mirroring.observed_mirror(rollout, seen)
        text = f"asked to mirror {rollout.mirror.wanted}, it mirrors {shown or 'nothing'}"
        found.append(Blocker(BlockerKind.ROUTER, "router", f"the router does not agree ({text})"))
    for slot, kind in (
        (rollout.champion_slot, BlockerKind.CHAMPION),
        (rollout.challenger_slot, BlockerKind.CHALLENGER),
    ):
        if slot is None:
            continue
        last = seen.slot(slot)
        fresh = last is not None and now_ms - last.at_ms <= 3 * rollout.spec.plan.timing.tick_ms
        if last is None or not fresh or not last.health.up:
            detail = last.health.detail if last is not None else "not probed yet"
            found.append(Blocker(kind, kind.value, f"the {kind.value} is not known to be up ({detail})"))
    return tuple(found)


def _time(rollout: Rollout, pic: Picture, now_ms: int) -> tuple[Blocker, ...]:
    """Minimum time, covered time, and the observation window after a doubt."""
    visit, timing = rollout.visit, rollout.spec.plan.timing
    if visit is None or visit.confirmed_at is None:
        return (Blocker(BlockerKind.MIN_TIME, "min_time", "the stage's share is not on the router yet"),)
    found = []
    left_ms = _owed_ms(rollout, visit.confirmed_at, now_ms)
    if left_ms > 0:
        found.append(Blocker(BlockerKind.MIN_TIME, "min_time", f"min time, {format_duration(left_ms)} left", left_ms))
    if smoke.on_preview(rollout):  # its dwell and its fresh look are rounds of its smoke probes
        return tuple(found)
    counted = pic.counted
    dwell_left_ms = rollout.stage.min_ticks * timing.tick_ms - min((ev.dwell_ms for ev in counted), default=0)
    if dwell_left_ms > 0:
        text = f"data must cover {format_duration(dwell_left_ms)} more of this stage"
        found.append(Blocker(BlockerKind.DWELL, "min_ticks", text, dwell_left_ms))
    if rollout.stage.full_day:
        found += _full_day(counted, now_ms - visit.confirmed_at.clock_ms, now_ms)
    if rollout.window_from_ms is not None:
        covered_ms = min((ev.window_ms for ev in counted), default=0)
        window_left_ms = max(
            timing.window_ticks * timing.tick_ms - covered_ms,
            rollout.window_from_ms + timing.warm_up_ms - now_ms,
        )
        if window_left_ms > 0:
            text = f"a fresh look of {format_duration(window_left_ms)} is due since {rollout.window_why}"
            found.append(Blocker(BlockerKind.WINDOW, "window", text, window_left_ms))
    return tuple(found)


def _full_day(counted: tuple[GateEvidence, ...], on_stage_ms: int, now_ms: int) -> list[Blocker]:
    """A day and a night have passed, and every gate had data in each of their hours."""
    owed = max((missing(known.hours) for known in counted), key=len, default=())
    lasts_ms = max([DAY_MS - on_stage_ms, *(left_ms(known.hours, now_ms) for known in counted)])
    if not owed and lasts_ms <= 0:
        return []
    hours = "1 hour" if len(owed) == 1 else f"{len(owed)} hours"
    text = f"a full day is due, and its data must cover {hours} more" if owed else "a full day is due"
    return [Blocker(BlockerKind.FULL_DAY, "full_day", f"{text}; {format_duration(lasts_ms)} left", lasts_ms)]


def _people(rollout: Rollout, seen: Seen) -> tuple[Blocker, ...]:
    found = []
    visit = rollout.visit
    if rollout.stage.approval and not (visit is not None and visit.approved):
        found.append(Blocker(BlockerKind.APPROVAL, "approval", "a person must approve going up from this stage"))
    if rollout.on_last_stage and rollout.isolated:
        names = ", ".join(known.segment for known in rollout.isolated)
        text = f"{names} isolated: the end would give the challenger everybody; put back, or abort"
        found.append(Blocker(BlockerKind.ISOLATED, "isolated", text))
    if rollout.phase is Phase.HELD and rollout.hold is not None:
        found.append(Blocker(BlockerKind.HELD, "held", f"held: {rollout.hold.reason}"))
    if seen.rules.fleet_hold:
        found.append(Blocker(BlockerKind.POLICY, "hold", f"the fleet is held {seen.rules.fleet_hold}"))
    if seen.rules.frozen:
        found.append(Blocker(BlockerKind.POLICY, FREEZE, f"the policy's freeze lasts {seen.rules.frozen}"))
    if seen.rules.unstaffed:
        found.append(Blocker(BlockerKind.STAFFED, STAFFED, f"nobody is there to see it go up {seen.rules.unstaffed}"))
    if not seen.may_raise:
        found.append(Blocker(BlockerKind.POLICY, "journal", seen.why_not_raise))
    return tuple(found)
