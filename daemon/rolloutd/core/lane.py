"""One rollout with everything that belongs to it in one value: the record, its evidence, and what was seen. Pure.

``observe`` takes the world in, ``follow`` a recorded event; ``next_events`` and ``next_effects`` say what comes of it.
The daemon's loop and the simulator drive exactly these functions and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rolloutd.core import events as ev
from rolloutd.core import mirroring
from rolloutd.core.advance import advance
from rolloutd.core.blockers import Picture
from rolloutd.core.checks import CheckRan, noted
from rolloutd.core.effects import (
    Effect,
    MetricsAnswered,
    Observation,
    ReadRoute,
    RenewLease,
    RouteNotSeen,
    RouteSeen,
    SlotProbed,
    SlotSmoked,
    TickPassed,
)
from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.fold import evolve
from rolloutd.core.observed import Seen, SlotSeen
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Gate, Plan
from rolloutd.core.preflight import checking, preflight, unready
from rolloutd.core.reconcile import check_invariants, observed_share, pending, reads
from rolloutd.core.replacing import replace
from rolloutd.core.rules import awaited
from rolloutd.core.setting import Setting
from rolloutd.core.smoke import note, smoking
from rolloutd.core.state import Rollout
from rolloutd.core.values import Slot

PREFLIGHT_PATIENCE_MS = 10_000
_WATCHED_ANEW = frozenset({ev.HoldCause.RATIO, ev.HoldCause.CHAMPION})
_STEADY = frozenset({Phase.RUNNING, Phase.WATCHING, Phase.HELD, Phase.ASKING})
OVERSLEPT_MS = 5_000
"""Two ticks in which nothing at all was seen give reason to doubt, but never less time than this."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A rollout, what its gates know, what was seen of its route, and what its slots are called in the metrics."""

    rollout: Rollout
    evidence: Mapping[str, GateEvidence]
    seen: Seen
    arms: Mapping[Slot, str]

    def picture(self, now_ms: int) -> Picture:
        """Everything a decision looks at, at this moment."""
        return Picture(self.rollout, self.evidence, self.seen, now_ms)


def open_lane(rollout: Rollout, evidence: Mapping[str, GateEvidence], seen: Seen, arms: Mapping[Slot, str]) -> Lane:
    """A lane with evidence for every gate of its plan; gates without stored evidence begin anew."""
    plan = rollout.spec.plan
    complete = {gate.metric: _taken_up(evidence.get(gate.metric), plan, gate) for gate in plan.gates}
    return Lane(rollout, complete, seen, arms)


def _taken_up(stored: GateEvidence | None, plan: Plan, gate: Gate) -> GateEvidence:
    """A gate's stored evidence; what an older program did not watch yet is watched from here on."""
    fresh = GateEvidence.start(plan, gate)
    if stored is None:
        return fresh
    return replace(stored, ratio=stored.ratio or fresh.ratio, jump=stored.jump or fresh.jump)


def observe(lane: Lane, observation: Observation, now_ms: int) -> Lane:
    """The lane after seeing something (rollout clock)."""
    if isinstance(observation, MetricsAnswered):
        return _take_answer(replace(lane, seen=replace(lane.seen, **_woken(lane, now_ms))), observation, now_ms)
    seen, new = lane.seen, _woken(lane, now_ms)  # a lane sees much in a tick: what is new goes into one new value
    match observation:
        case RouteSeen(reading=reading, renewed_at_ms=renewed_at_ms):
            new |= {"route": reading, "route_at_ms": now_ms, "shown": reading, "shown_at_ms": now_ms, "route_error": ""}
            # Whatever shows our share at read time was leased at least this recently only if *we* renewed it.
            if renewed_at_ms is not None:
                new |= {"renewed_at_ms": renewed_at_ms, "rebooted": False}  # from here on its leases are ours again
        case RouteNotSeen(error=error):
            new |= {"route": None, "route_error": error}
        case SlotProbed(slot=slot, health=health):
            others = tuple(pair for pair in seen.slots if pair[0] is not slot)
            new["slots"] = (*others, (slot, SlotSeen(health, now_ms)))
        case SlotSmoked():
            new["smokes"] = note(lane.rollout, seen, observation, now_ms).smokes
        case TickPassed():
            patient = lane.rollout.phase is Phase.PREFLIGHT and lane.rollout.spec.after + lane.rollout.spec.checks
            if patient and _has_time(lane):
                new["waited_to_ms"] = now_ms
        case CheckRan():
            new["checked"] = noted(seen.checked, observation, now_ms)
    after = replace(lane, seen=_mark_difference(lane.rollout, replace(seen, **new), now_ms))
    return _take_early(after, now_ms) if seen.early and after.seen.route is not None else after


def _has_time(lane: Lane) -> bool:
    """Whether nothing that must come in by itself is missing: patience is for that, not for turns and named checks."""
    rollout, seen = lane.rollout, lane.seen
    return bool(awaited(rollout.spec, seen.earlier)[0]) or not unready(rollout, seen, lane.evidence)


def _woken(lane: Lane, now_ms: int) -> dict[str, Any]:
    """That somebody looked, and for how long nobody did when that is worth a doubt, as fields of ``Seen``."""
    seen = lane.seen
    slept_ms = 0 if seen.looked_at_ms is None else now_ms - seen.looked_at_ms
    long_ms = max(OVERSLEPT_MS, 2 * lane.rollout.spec.plan.timing.tick_ms)
    if slept_ms <= long_ms:
        return {"looked_at_ms": now_ms}
    # What nobody looked at was not blind for that long: sight is judged from the waking on.
    return {"looked_at_ms": now_ms, "overslept_ms": slept_ms, "watching_from_ms": now_ms}


def _mark_difference(rollout: Rollout, seen: Seen, now_ms: int) -> Seen:
    """Remember since when the router has not shown the wanted share."""
    obeyed = observed_share(rollout, seen) == rollout.traffic.wanted and not mirroring.disagrees(rollout, seen)
    agrees = rollout.champion_slot is None or obeyed
    if agrees == (seen.differs_since_ms is None):
        return seen
    return replace(seen, differs_since_ms=None if agrees else now_ms)


def _take_answer(lane: Lane, observation: MetricsAnswered, now_ms: int) -> Lane:
    """Absorb one source's answer into the gate it is for. Before the slots are known the route's base stands in.

    Before that was read either, the answer waits for it: a slow source's next one comes after the checks' patience.
    """
    rollout = lane.rollout
    champion = rollout.champion_slot or (lane.seen.route.base if lane.seen.route else None)
    before = lane.evidence.get(observation.metric)
    if before is None:
        return lane
    if champion is None:
        others = (pair for pair in lane.seen.early if pair[0] != observation.metric)
        return replace(lane, seen=replace(lane.seen, early=(*others, (observation.metric, observation.answer))))
    traffic, timing = rollout.traffic, rollout.spec.plan.timing
    changed_at = rollout.share_changed_at_ms
    gate = rollout.spec.plan.gate(observation.metric)
    setting = Setting(
        now_ms=now_ms,
        tick_ms=timing.tick_ms,
        champion_arm=lane.arms[champion],
        challenger_arm=lane.arms[champion.other],
        share=traffic.confirmed,
        sticky=lane.seen.sticky,
        mirror=rollout.mirror.confirmed,
        warm_up=changed_at is not None and now_ms - changed_at < timing.warm_up_ms,
        focus=rollout.focus,
        whole_day=bool(rollout.visits) and rollout.stage.full_day,
    )
    after = absorb(before, gate, observation.answer, setting)
    return replace(lane, evidence={**lane.evidence, observation.metric: after})


def _take_early(lane: Lane, now_ms: int) -> Lane:
    """The route was read for the first time: what was answered before that has its arms now."""
    early, lane = lane.seen.early, replace(lane, seen=replace(lane.seen, early=()))
    for metric, answer in early:
        lane = _take_answer(lane, MetricsAnswered(metric, answer), now_ms)
    return lane


def follow(lane: Lane, recorded: ev.Recorded) -> Lane:
    """The lane after a recorded event: the record evolves, the evidence turns its page where the event says so."""
    before = lane.rollout
    after = evolve(before, recorded)
    evidence, seen = lane.evidence, lane.seen
    if isinstance(recorded.event, ev.StageEntered):
        seen = replace(seen, smokes=())
    asked = (before.traffic.wanted, before.mirror.wanted)
    if seen.differs_since_ms is not None and asked != (after.traffic.wanted, after.mirror.wanted):
        seen = replace(seen, differs_since_ms=None)  # the router has not been asked for this one yet
    match recorded.event:
        case ev.TrafficConfirmed() if _stage_begins(before, after):
            later = after.stage_index > 0
            gates = after.spec.plan.gates
            evidence = {g.metric: evidence[g.metric].on_stage(g, later=later) for g in gates}
        case (
            ev.TrafficConfirmed()
            | ev.TrafficWanted()
            | ev.MirrorConfirmed()
            | ev.MirrorWanted()
            | ev.LeaseLapsed()
            | ev.DriftSeen()
            | ev.RouterRestarted()
        ):
            evidence = {name: known.on_share_change() for name, known in evidence.items()}
        case ev.SegmentIsolated(segment=segment):
            evidence = {m: known.on_isolated(segment, after.spec.plan.last) for m, known in evidence.items()}
        case ev.SegmentPutBack(segment=segment):
            evidence = {m: known.on_put_back(segment, after.spec.plan.last) for m, known in evidence.items()}
        case ev.IsolationConfirmed():
            evidence = {name: known.on_share_change() for name, known in evidence.items()}
        case ev.RolloutReopened():
            evidence = {g.metric: evidence[g.metric].on_reopen(g) for g in after.spec.plan.gates}
        case ev.WindowRestarted():
            evidence = {name: known.on_doubt() for name, known in evidence.items()}
            seen = replace(seen, overslept_ms=0, smokes=())
        case ev.RecedeStarted() if seen.route is not None and not pending(after, seen):
            seen = replace(seen, route=None)  # zero already, as it was then: that is asserted and read back now
        case ev.RolloutResumed() if before.hold is not None and before.hold.cause in _WATCHED_ANEW:
            evidence = {name: known.on_resume() for name, known in evidence.items()}
        case _:
            pass
    return Lane(after, evidence, _mark_difference(after, seen, recorded.at.clock_ms), lane.arms)


def _stage_begins(before: Rollout, after: Rollout) -> bool:
    """Whether this confirmation is the first on the stage: from here the stage's clock and evidence run."""
    old, new = before.visit, after.visit
    return new is not None and new.confirmed_at is not None and old is not None and old.confirmed_at is None


def next_events(lane: Lane, now_ms: int) -> tuple[ev.Event, ...]:
    """What follows from the lane as it is, or nothing. Call again after following."""
    rollout = lane.rollout
    if rollout.phase is Phase.PREFLIGHT:
        begun_ms = max(rollout.requested_at.clock_ms, lane.seen.watching_from_ms, lane.seen.waited_to_ms)
        waited_ms = now_ms - begun_ms
        over = waited_ms >= PREFLIGHT_PATIENCE_MS
        return preflight(rollout, lane.seen, lane.evidence, now_ms, patience_over=over)
    return advance(rollout, lane.picture(now_ms), now_ms)


def next_effects(lane: Lane, *, tick: bool) -> tuple[Effect, ...]:
    """What the world must be asked for now; on a tick also everything that is looked at each tick.

    With a broken invariant nothing that raises is asked for (see check_invariants).
    """
    wanted = pending(lane.rollout, lane.seen)
    if check_invariants(lane.rollout):
        wanted = pending(lane.rollout, replace(lane.seen, may_raise=False))
    if not tick:
        return wanted
    # A renewal reads the route back itself; a second look beside it would show the same.
    renews = any(isinstance(effect, RenewLease) for effect in wanted)
    looks = tuple(look for look in reads(lane.rollout) if not (renews and isinstance(look, ReadRoute)))
    return (*looks, *smoking(lane.rollout), *checking(lane.rollout, lane.seen, lane.evidence), *wanted)


def repeats(before: Lane, after: Lane, observation: Observation) -> bool:
    """Whether this observation only said again what was known, on a lane in rest: then nothing can follow from it.

    What follows from time passing is the tick's matter. Anything new, missing, under way or in doubt is no repetition.
    """
    rollout, then, now = after.rollout, before.seen, after.seen
    settled = rollout.traffic.settled and rollout.mirror.settled
    in_rest = rollout.phase in _STEADY and settled and rollout.traffic.drift is None
    if not in_rest or now.overslept_ms or now.differs_since_ms is not None or then.route_error:
        return False
    since_ms = (now.looked_at_ms or 0) - 2 * rollout.spec.plan.timing.tick_ms  # what is older was in doubt soon
    match observation:
        case SlotProbed(slot=slot, health=health):
            known = then.slot(slot)
            return known is not None and known.health == health and known.at_ms >= since_ms
        case RouteSeen(reading=reading):
            same = then.route is not None and replace(reading, lease_left_ms=then.route.lease_left_ms) == then.route
            return same and then.route_at_ms is not None and then.route_at_ms >= since_ms
        case _:
            return False


def before_write(lane: Lane) -> Lane:
    """A write to the router begins: every reading from before it proves nothing any more."""
    return replace(lane, seen=replace(lane.seen, route=None))
