"""Events in words: what happened and why, one line each, for the timeline. Pure; it must not interpret, only say.

Every event has its line: a test walks them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any  # each teller takes the one event type it stands beside in the table

from rolloutd.core import events as ev
from rolloutd.core.outside_events import CheckFinished, ConfigurationRead, ProposalClosed, RegistryTold, VersionProposed
from rolloutd.core.values import ActorKind
from rolloutd.wire import TimelineEntry
from rolloutd.wording import rfc3339

Line = tuple[str, str]


def entry(recorded: ev.Recorded) -> TimelineEntry:
    """One journal row as a timeline line."""
    what, why = tell(recorded.event)
    who = recorded.actor.name if recorded.actor.kind is ActorKind.PERSON else recorded.actor.kind.value
    return TimelineEntry(
        seq=recorded.seq,
        version=recorded.version,
        at=rfc3339(recorded.at.wall_ms),
        who=who,
        via=recorded.actor.via,
        kind=type(recorded.event).__name__,
        what=what,
        why=why,
    )


def tell(event: ev.Event) -> Line:
    """What and why of one event."""
    return _LINES[type(event)](event)


def _wanted(e: ev.TrafficWanted) -> Line:
    way = "up" if e.share > e.previous else "down"
    return f"asked the router for {e.share} (from {e.previous}, {way})", e.basis.why


def _drift(e: ev.DriftSeen) -> Line:
    if e.observed > e.recorded:
        return f"somebody raised the share from {e.recorded} to {e.observed} outside of rolloutd", "it is put back"
    return f"somebody lowered the share from {e.recorded} to {e.observed} outside of rolloutd", "it is kept"


def _verdict(e: ev.VerdictReached) -> Line:
    numbers = f"log evidence: harm {e.log_e_harm:.2f}, safe {e.log_e_safe:.2f}"
    return f"{e.metric}: {e.verdict.upper()}", f"{e.detail} ({numbers})"


def _base(e: ev.BaseConfirmed) -> Line:
    serves = f", which serves {e.version}" if e.version else ""
    return f"router shows slot {e.slot.value} as base{serves}", "read-back"


_LINES: dict[type, Callable[[Any], Line]] = {
    ev.RolloutRequested: lambda e: (
        f"requested {e.spec.model} {e.spec.champion} > {e.spec.challenger} by plan {e.spec.plan.strategy}",
        " ".join(filter(None, (e.spec.reason, e.rule))),
    ),
    ev.PreflightPassed: lambda e: (f"all checks passed; slot {e.champion_slot.value} is the champion's", ""),
    ev.PreflightFailed: lambda e: ("checks failed; no traffic moved", "; ".join(e.reasons)),
    CheckFinished: lambda e: (f"check {e.check} {'passed' if e.passed else 'did not pass'}", e.detail),
    ev.StageEntered: lambda e: (f"entered stage {e.index + 1}", ""),
    ev.TrafficWanted: _wanted,
    ev.TrafficConfirmed: lambda e: (f"router confirms {e.share}", f"read-back after {e.took_ms} ms"),
    ev.MirrorWanted: lambda e: (
        f"asked the router to mirror {e.share} of the requests (from {e.previous})",
        e.basis.why,
    ),
    ev.MirrorConfirmed: lambda e: (f"router mirrors {e.share} of the requests", f"read-back after {e.took_ms} ms"),
    ev.TrafficNotObeyed: lambda e: (f"router does not obey: asked {e.wanted}", e.detail),
    ev.VerdictReached: _verdict,
    ev.BlindnessBegan: lambda e: (f"{e.metric}: BLIND, nothing goes up", e.detail),
    ev.BlindnessEnded: lambda e: (f"{e.metric}: sees again", ""),
    ev.RolloutHeld: lambda e: (f"held ({e.cause.value})", e.reason),
    ev.RolloutResumed: lambda e: ("resumed", e.reason),
    ev.PersonAsked: lambda e: (f"asks a person ({e.question.value})", e.detail),
    ev.StageExtended: lambda _: ("stage got its maximum time once more", ""),
    ev.StageApproved: lambda e: ("approved going up", e.reason),
    ev.GateOverridden: lambda e: (
        f"OVERRIDE past {', '.join(e.gates)}{f', asked for by {e.asked_by}' if e.asked_by else ''}",
        e.reason,
    ),
    ev.OverrideProposed: lambda e: (f"asks for an override of {e.verb} past {', '.join(e.gates)}", e.reason),
    ev.RecedeStarted: lambda e: (f"goes back ({e.cause.value})", e.reason),
    ev.DriftSeen: _drift,
    ev.LeaseLapsed: lambda e: (
        f"the lease lapsed: router went from {e.recorded} to {e.observed} by itself",
        "nobody renewed it",
    ),
    ev.RouterRestarted: lambda e: (f"the router restarted and shows {e.observed}", f"instance {e.engine_instance}"),
    ev.WindowRestarted: lambda e: ("a fresh look begins; nothing goes up before it is over", e.reason),
    ev.FinishStarted: lambda e: ("finishing: the challenger becomes the base", e.basis.why),
    ev.BaseConfirmed: _base,
    ev.EvidenceSealed: lambda e: (f"evidence sealed at check {e.tick}", e.digest[:16]),
    ev.SegmentIsolated: lambda e: (f"isolated {e.segment}: its users go back to the champion", e.basis.why),
    ev.SegmentPutBack: lambda e: (f"put {e.segment} back: its users get the rollout's share", e.basis.why),
    ev.IsolationConfirmed: lambda e: (
        f"router keeps {', '.join(e.segments) or 'nobody'} off the challenger",
        f"read-back after {e.took_ms} ms",
    ),
    ev.RolloutClaimed: lambda e: ("no longer looks at this" if e.released else "looks at this", ""),
    ev.CommandRefused: lambda e: (f"refused: {e.verb} ({e.code})", e.why),
    ev.RolloutReopened: lambda e: ("reopened: its checks, then the first stage", e.reason),
    ev.PlanAdopted: lambda e: (f"changed the plan: {' > '.join(str(s.share) for s in e.spec.plan.stages)}", e.reason),
    ev.FleetHeld: lambda e: ("held the whole fleet: nothing goes up", e.reason),
    ev.FleetReleased: lambda e: (f"ended the hold of {e.holder}", e.reason),
    VersionProposed: lambda e: (
        f"proposes {e.name}: {e.champion} > {e.challenger} on {e.route} by {e.strategy}",
        " ".join(filter(None, (e.rule, e.forecast))),
    ),
    ProposalClosed: lambda e: (f"the proposal {e.name} is closed: {e.outcome}", e.reason),
    ConfigurationRead: lambda e: (
        f"read the configuration again: from here on {', '.join(e.taken) or 'nothing new'}"
        + (f"; after a restart {', '.join(e.waiting)}" if e.waiting else ""),
        e.reason,
    ),
    RegistryTold: lambda e: (f"the registry was told: {', '.join(e.wrote) or 'nothing to write'}", "; ".join(e.left)),
    ev.RolloutEnded: lambda e: (f"ended {e.outcome.value.replace('_', ' ')}", e.reason),
}
