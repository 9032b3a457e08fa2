"""The fold: one recorded event onto a rollout gives the rollout after it. The only maker of recorded state.

It accepts only what the phase table has a place for, and what the three laws allow; anything else raises, because a
journal that breaks them must not be acted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any  # each handler takes the one event type it is registered for

from rolloutd.core import adopting, mirroring
from rolloutd.core import events as ev
from rolloutd.core.grounds import GROUNDS_FOR_MORE
from rolloutd.core.outside_events import CheckFinished, RegistryTold
from rolloutd.core.phases import Phase, settle, step
from rolloutd.core.state import CheckDone, End, Hold, Isolated, LastAct, Overridden, Recede, Rollout, StageVisit
from rolloutd.core.values import FULL, ZERO, ActorKind


class LawBroken(ValueError):
    """An event that one of the three laws forbids. Nothing may be appended and nothing raised after it."""


def evolve(rollout: Rollout | None, recorded: ev.Recorded) -> Rollout:
    """The rollout after this event. Raises IllegalEvent or LawBroken; the given rollout is never changed."""
    event = recorded.event
    if rollout is None:
        return _begin(recorded)
    check_laws(rollout, event)
    phase = step(rollout.phase, event)
    handler = _HANDLERS.get(type(event), _unchanged)
    changed = handler(rollout, event, recorded)
    did = _did(event) if recorded.actor.kind is ActorKind.PERSON else None
    act = LastAct(did, recorded.actor, recorded.at, recorded.version) if did else rollout.last_act
    after = replace(changed, phase=phase, version=recorded.version, changed_at=recorded.at, last_act=act)
    settled = settle(phase, after.conditions())
    return after if settled is phase else replace(after, phase=settled)


def fold(history: Iterable[ev.Recorded]) -> Rollout | None:
    """The rollout that a stream's events make, or None when there are none."""
    rollout: Rollout | None = None
    for recorded in history:
        rollout = evolve(rollout, recorded)
    return rollout


def check_laws(rollout: Rollout, event: ev.Event) -> None:
    """Raise LawBroken when this event may not follow. These run in production, before every append."""
    traffic = rollout.traffic
    if isinstance(event, ev.TrafficWanted):
        if event.previous != traffic.wanted:
            raise LawBroken(f"The share before was {traffic.wanted}, not {event.previous}.")
        grows = not event.share <= traffic.wanted
        if grows and event.basis.kind not in GROUNDS_FOR_MORE:
            raise LawBroken(f"A share cannot grow to {event.share} on the ground of {event.basis.kind.value}.")
        if grows and rollout.phase is Phase.RECEDING:
            raise LawBroken("A rollout that goes back cannot get more traffic.")
        if grows and not event.share <= rollout.stage.share:
            raise LawBroken(f"{event.share} is more than stage {rollout.stage.name} allows ({rollout.stage.share}).")
    if isinstance(event, ev.SegmentIsolated | ev.SegmentPutBack):
        _check_segment(rollout, event)
    if isinstance(event, ev.RecedeStarted) and not rollout.live and event.cause is not ev.RecedeCause.ROLLBACK:
        raise LawBroken(f"What is done is taken back only by a person's rollback, not by {event.cause.value}.")
    if broken := mirroring.against(rollout, event) or adopting.breaks(rollout, event):
        raise LawBroken(broken)
    if isinstance(event, ev.TrafficConfirmed) and event.share != traffic.wanted:
        raise LawBroken(f"The router showed {event.share}, but {traffic.wanted} is wanted; that is no confirmation.")
    if isinstance(event, ev.RolloutEnded) and event.outcome is not ev.Outcome.DONE and traffic.confirmed != ZERO:
        raise LawBroken(f"A rollout cannot end {event.outcome.value} while the router shows {traffic.confirmed}.")
    if isinstance(event, ev.RolloutEnded) and event.outcome is ev.Outcome.DONE and not rollout.base_moved:
        raise LawBroken("A rollout cannot be done before the router showed the challenger as its base.")


def _check_segment(rollout: Rollout, event: ev.SegmentIsolated | ev.SegmentPutBack) -> None:
    segments, off = rollout.spec.plan.segments, [known.segment for known in rollout.isolated]
    if segments is None or event.segment not in segments.everybody:
        raise LawBroken(f"There is no segment {event.segment} on {rollout.spec.route}.")
    if isinstance(event, ev.SegmentPutBack):
        if event.basis.kind is not ev.BasisKind.PERSON:
            raise LawBroken(f"A segment cannot be put back on the ground of {event.basis.kind.value}.")
        if rollout.phase is Phase.RECEDING:
            raise LawBroken("A rollout that goes back cannot get more traffic.")
    if (event.segment in off) is isinstance(event, ev.SegmentIsolated):
        raise LawBroken(f"Segment {event.segment} is {'already' if event.segment in off else 'not'} isolated.")


def _begin(recorded: ev.Recorded) -> Rollout:
    if not isinstance(recorded.event, ev.RolloutRequested):
        raise LawBroken(f"A rollout begins with RolloutRequested, not with {type(recorded.event).__name__}.")
    return Rollout(
        spec=recorded.event.spec,
        phase=Phase.PREFLIGHT,
        version=recorded.version,
        requested_at=recorded.at,
        requested_by=recorded.actor,
        changed_at=recorded.at,
        rule=recorded.event.rule,
    )


def _unchanged(rollout: Rollout, event: ev.Event, recorded: ev.Recorded) -> Rollout:
    return rollout


def _preflight_passed(rollout: Rollout, event: ev.PreflightPassed, recorded: ev.Recorded) -> Rollout:
    traffic = replace(rollout.traffic, engine_instance=event.engine_instance)
    return replace(rollout, champion_slot=event.champion_slot, traffic=traffic, artefact=event.artefact)


def _checked(rollout: Rollout, event: CheckFinished, recorded: ev.Recorded) -> Rollout:
    done = CheckDone(event.check, event.passed, event.detail, recorded.actor, recorded.at)
    return replace(rollout, checks=(*rollout.checks, done))


def _preflight_failed(rollout: Rollout, event: ev.PreflightFailed, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, refusals=event.reasons)


def _stage_entered(rollout: Rollout, event: ev.StageEntered, recorded: ev.Recorded) -> Rollout:
    past = rollout.visits
    if past:
        past = (*past[:-1], replace(past[-1], left_at=recorded.at))
    visit = StageVisit(event.index, recorded.at)
    return replace(rollout, visits=(*past, visit), stage_deadline_ms=None, question=None, said=())


def _traffic_wanted(rollout: Rollout, event: ev.TrafficWanted, recorded: ev.Recorded) -> Rollout:
    before = rollout.traffic
    traffic = replace(
        before,
        wanted=event.share,
        wanted_at=recorded.at,
        basis=event.basis,
        not_obeyed=False,
        asked=before.asked if before.settled else before.asked.join(before.wanted),
    )
    return replace(rollout, traffic=traffic)


def _traffic_confirmed(rollout: Rollout, event: ev.TrafficConfirmed, recorded: ev.Recorded) -> Rollout:
    traffic = replace(
        rollout.traffic,
        confirmed=event.share,
        confirmed_at=recorded.at,
        engine_instance=event.engine_instance,
        not_obeyed=False,
        drift=None,
        asked=ZERO,
    )
    rollout = replace(rollout, traffic=traffic)
    visit = rollout.visit
    if visit is None or visit.confirmed_at is not None or event.share != rollout.stage.share:
        return rollout
    visits = (*rollout.visits[:-1], replace(visit, confirmed_at=recorded.at))
    deadline = recorded.at.clock_ms + rollout.stage.max_time_ms
    return replace(rollout, visits=visits, stage_deadline_ms=deadline)


def _mirror_wanted(rollout: Rollout, event: ev.MirrorWanted, recorded: ev.Recorded) -> Rollout:
    mirror = replace(rollout.mirror, wanted=event.share, wanted_at=recorded.at)
    return replace(rollout, mirror=mirror, traffic=replace(rollout.traffic, not_obeyed=False))


def _mirror_confirmed(rollout: Rollout, event: ev.MirrorConfirmed, recorded: ev.Recorded) -> Rollout:
    mirror = replace(rollout.mirror, confirmed=event.share, confirmed_at=recorded.at)
    return replace(rollout, mirror=mirror, traffic=replace(rollout.traffic, not_obeyed=False))


def _not_obeyed(rollout: Rollout, event: ev.TrafficNotObeyed, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, traffic=replace(rollout.traffic, not_obeyed=True))


def _verdict(rollout: Rollout, event: ev.VerdictReached, recorded: ev.Recorded) -> Rollout:
    others = tuple(pair for pair in rollout.said if pair[0] != event.metric)
    return replace(rollout, said=(*others, (event.metric, event.verdict)))


def _blind_began(rollout: Rollout, event: ev.BlindnessBegan, recorded: ev.Recorded) -> Rollout:
    others = tuple(pair for pair in rollout.blind if pair[0] != event.metric)
    return replace(rollout, blind=(*others, (event.metric, event.detail)))


def _blind_ended(rollout: Rollout, event: ev.BlindnessEnded, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, blind=tuple(pair for pair in rollout.blind if pair[0] != event.metric))


def _held(rollout: Rollout, event: ev.RolloutHeld, recorded: ev.Recorded) -> Rollout:
    hold = Hold(event.cause, event.reason, recorded.actor, recorded.at)
    return replace(rollout, hold=hold, question=None, recede=None)


def _resumed(rollout: Rollout, event: ev.RolloutResumed, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, hold=None)


def _asked(rollout: Rollout, event: ev.PersonAsked, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, question=event.question)


def _extended(rollout: Rollout, event: ev.StageExtended, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, stage_deadline_ms=event.until_clock_ms, question=None)


def _approved(rollout: Rollout, event: ev.StageApproved, recorded: ev.Recorded) -> Rollout:
    visit = rollout.visits[-1]
    visits = (*rollout.visits[:-1], replace(visit, approved=True))
    return replace(rollout, visits=visits, question=None)


def _overridden(rollout: Rollout, event: ev.GateOverridden, recorded: ev.Recorded) -> Rollout:
    note = Overridden(event.gates, event.reason, recorded.actor, recorded.at, asked_by=event.asked_by)
    visits = rollout.visits
    if visits:
        visits = (*visits[:-1], replace(visits[-1], overridden=True))
    return replace(rollout, overrides=(*rollout.overrides, note), visits=visits)


def _proposed(rollout: Rollout, event: ev.OverrideProposed, recorded: ev.Recorded) -> Rollout:
    note = Overridden(event.gates, event.reason, recorded.actor, recorded.at, True, verb=event.verb)
    return replace(rollout, overrides=(*rollout.overrides, note))


def _recede(rollout: Rollout, event: ev.RecedeStarted, recorded: ev.Recorded) -> Rollout:
    recede = Recede(event.cause, event.reason, event.metric, recorded.actor, recorded.at)
    return replace(rollout, recede=recede, hold=None, question=None, end=None)


def _drift(rollout: Rollout, event: ev.DriftSeen, recorded: ev.Recorded) -> Rollout:
    if not event.observed >= event.recorded:
        return _lost(rollout, event, recorded)
    return replace(rollout, traffic=replace(rollout.traffic, drift=event.observed))


def _lost(rollout: Rollout, event: ev.DriftSeen | ev.LeaseLapsed, recorded: ev.Recorded) -> Rollout:
    """The router has less than recorded and it stays so: what it shows becomes both wanted and confirmed.

    Where a hand gave some segment more at the same time, that is not wanted: nobody's share grows by being found.
    """
    traffic = replace(
        rollout.traffic,
        wanted=event.observed.meet(rollout.traffic.wanted),
        wanted_at=recorded.at,
        basis=ev.Basis(ev.BasisKind.ROUTER, "The router shows less than was recorded; a lower share is never raised."),
        confirmed=event.observed,
        confirmed_at=recorded.at,
        asked=ZERO,
    )
    return replace(rollout, traffic=traffic)


def _router_restarted(rollout: Rollout, event: ev.RouterRestarted, recorded: ev.Recorded) -> Rollout:
    """The engine forgot: what it shows is confirmed, what was wanted stays wanted and is asked for again."""
    traffic = replace(
        rollout.traffic, confirmed=event.observed, confirmed_at=recorded.at, engine_instance=event.engine_instance
    )
    return replace(rollout, traffic=traffic)


def _window(rollout: Rollout, event: ev.WindowRestarted, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, window_from_ms=recorded.at.clock_ms, window_why=event.reason)


def _base(rollout: Rollout, event: ev.BaseConfirmed, recorded: ev.Recorded) -> Rollout:
    moved = event.slot is rollout.challenger_slot
    if not moved:
        return replace(rollout, base_moved=False)
    traffic = replace(rollout.traffic, confirmed=FULL, confirmed_at=recorded.at, wanted=FULL, asked=ZERO)
    return replace(rollout, base_moved=True, traffic=traffic)


def _sealed(rollout: Rollout, event: ev.EvidenceSealed, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, sealed_tick=event.tick)


def _isolated(rollout: Rollout, event: ev.SegmentIsolated, recorded: ev.Recorded) -> Rollout:
    known = Isolated(event.segment, event.basis, recorded.actor, recorded.at)
    return replace(rollout, isolated=(*rollout.isolated, known), isolation_asked_ms=recorded.at.clock_ms)


def _put_back(rollout: Rollout, event: ev.SegmentPutBack, recorded: ev.Recorded) -> Rollout:
    left = tuple(known for known in rollout.isolated if known.segment != event.segment)
    return replace(rollout, isolated=left, isolation_asked_ms=recorded.at.clock_ms)


def _isolation_confirmed(rollout: Rollout, event: ev.IsolationConfirmed, recorded: ev.Recorded) -> Rollout:
    traffic = rollout.traffic
    if set(rollout.isolation) - set(event.segments):  # users came back: as after every share that grew
        traffic = replace(traffic, confirmed_at=recorded.at)
    asked_ms = None if event.segments == rollout.kept_off else rollout.isolation_asked_ms
    return replace(rollout, traffic=traffic, isolation=event.segments, isolation_asked_ms=asked_ms)


def _claimed(rollout: Rollout, event: ev.RolloutClaimed, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, claimed_by=None if event.released else recorded.actor.name)


def _registry_told(rollout: Rollout, event: RegistryTold, recorded: ev.Recorded) -> Rollout:
    return replace(rollout, registry_told=True)


def _ended(rollout: Rollout, event: ev.RolloutEnded, recorded: ev.Recorded) -> Rollout:
    rollout, visits = replace(rollout, registry_told=False), rollout.visits
    if visits:
        visits = (*visits[:-1], replace(visits[-1], left_at=recorded.at))
    return replace(rollout, end=End(event.outcome, event.reason, recorded.at), visits=visits, hold=None, question=None)


def _reopened(rollout: Rollout, event: ev.RolloutReopened, recorded: ev.Recorded) -> Rollout:
    """As it was requested, before its checks; who overrode what stays for ever."""
    begun = _begin(replace(recorded, event=ev.RolloutRequested(rollout.spec, rollout.rule)))
    return replace(
        begun,
        requested_at=rollout.requested_at,
        requested_by=rollout.requested_by,
        overrides=rollout.overrides,
        claimed_by=rollout.claimed_by,
        sealed_tick=rollout.sealed_tick,
    )


def _did(event: ev.Event) -> str | None:
    if isinstance(event, ev.RecedeStarted) and event.cause is ev.RecedeCause.ROLLBACK:
        return "rolled back"
    return _DID.get(type(event))


# What a person did who caused the event. Where one command makes several, the last one with a word says it best.
_DID: dict[type, str] = {
    ev.RolloutHeld: "paused",
    ev.RolloutResumed: "resumed",
    ev.StageExtended: "extended",
    ev.StageApproved: "approved",
    CheckFinished: "approved",
    ev.OverrideProposed: "asked to override",
    ev.StageEntered: "promoted",
    ev.FinishStarted: "finished",
    ev.RecedeStarted: "aborted",
    ev.RolloutReopened: "reopened",
    ev.SegmentIsolated: "isolated a segment of",
    ev.SegmentPutBack: "put back a segment of",
    ev.RolloutClaimed: "claimed",
    ev.PlanAdopted: "changed the plan of",
}

_HANDLERS: dict[type, Callable[[Rollout, Any, ev.Recorded], Rollout]] = {
    ev.PreflightPassed: _preflight_passed,
    ev.PreflightFailed: _preflight_failed,
    CheckFinished: _checked,
    ev.PlanAdopted: adopting.adopted,
    RegistryTold: _registry_told,
    ev.StageEntered: _stage_entered,
    ev.TrafficWanted: _traffic_wanted,
    ev.TrafficConfirmed: _traffic_confirmed,
    ev.TrafficNotObeyed: _not_obeyed,
    ev.MirrorWanted: _mirror_wanted,
    ev.MirrorConfirmed: _mirror_confirmed,
    ev.VerdictReached: _verdict,
    ev.BlindnessBegan: _blind_began,
    ev.BlindnessEnded: _blind_ended,
    ev.RolloutHeld: _held,
    ev.RolloutResumed: _resumed,
    ev.PersonAsked: _asked,
    ev.StageExtended: _extended,
    ev.StageApproved: _approved,
    ev.GateOverridden: _overridden,
    ev.OverrideProposed: _proposed,
    ev.RecedeStarted: _recede,
    ev.DriftSeen: _drift,
    ev.LeaseLapsed: _lost,
    ev.RouterRestarted: _router_restarted,
    ev.WindowRestarted: _window,
    ev.BaseConfirmed: _base,
    ev.EvidenceSealed: _sealed,
    ev.SegmentIsolated: _isolated,
    ev.SegmentPutBack: _put_back,
    ev.IsolationConfirmed: _isolation_confirmed,
    ev.RolloutClaimed: _claimed,
    ev.RolloutEnded: _ended,
    ev.RolloutReopened: _reopened,
}
