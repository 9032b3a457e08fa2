"""The checks before any traffic: what must be true of the route, the slots and the sources. It moves nothing.

All failures are told at once. A share found above zero refuses the start: somebody else's rollout may own it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolloutd.core import events as ev
from rolloutd.core.checks import RunCheck, conclusion, failures, open_checks, to_run
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import BlindReason
from rolloutd.core.observed import RouteReading, Seen
from rolloutd.core.outside_events import CheckFinished
from rolloutd.core.phases import Phase
from rolloutd.core.rules import awaited
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Slot


def preflight(
    rollout: Rollout, seen: Seen, evidence: Mapping[str, GateEvidence], now_ms: int, *, patience_over: bool
) -> tuple[ev.Event, ...]:
    """The events that end the checks, or none while something may still come in.

    ``patience_over`` says that what has not answered by now counts as failed.
    """
    if rollout.phase is not Phase.PREFLIGHT:
        return ()
    to_come, lost = awaited(rollout.spec, seen.earlier)
    if to_come and not lost:
        return ()  # nothing is judged before its time
    waiting, wrong = _findings(rollout, seen, evidence)
    wrong = (*lost, *wrong, *failures(rollout))
    if wrong or (waiting and patience_over):
        reasons = (*wrong, *waiting)
        return (ev.PreflightFailed(reasons), ev.RolloutEnded(ev.Outcome.REFUSED, "; ".join(reasons)))
    if waiting or seen.route is None:
        return ()
    ended = conclusion(rollout, seen.checked, now_ms)
    if ended is not None:
        return (CheckFinished(ended[0].name, ended[1].passed, ended[1].detail),)
    if open_checks(rollout):
        return ()
    challenger = seen.slot(seen.route.base.other)
    artefact = (challenger.health.artefact if challenger is not None else None) or ""
    return (ev.PreflightPassed(seen.route.base, seen.route.instance, artefact),)


def unready(rollout: Rollout, seen: Seen, evidence: Mapping[str, GateEvidence]) -> bool:
    """Whether the route, the slots and the sources are not (yet) in order, so that no named check may run."""
    waiting, wrong = _findings(rollout, seen, evidence)
    return bool(waiting or wrong or awaited(rollout.spec, seen.earlier)[0])


def checking(rollout: Rollout, seen: Seen, evidence: Mapping[str, GateEvidence]) -> tuple[RunCheck, ...]:
    """The named checks to be carried out now."""
    if rollout.phase is not Phase.PREFLIGHT or seen.route is None or not open_checks(rollout):
        return ()
    answered = {known.check for known in seen.checked if known.finding.answered}
    if unready(rollout, seen, evidence):
        return ()
    return tuple(run for run in to_run(rollout, seen.route.base) if run.check.name not in answered)


def _findings(
    rollout: Rollout, seen: Seen, evidence: Mapping[str, GateEvidence]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences about what has not answered yet, and about what is wrong."""
    waiting: list[str] = []
    wrong: list[str] = []
    route = seen.route
    if route is None:
        waiting.append(f"the router does not show route {rollout.spec.route} ({seen.route_error or 'not read yet'})")
    else:
        wrong.extend(_route_faults(route, seen, rollout))
        for slot, who, version in (
            (route.base, "champion", rollout.spec.champion),
            (route.base.other, "challenger", rollout.spec.challenger),
        ):
            _slot_findings(seen, slot, who, version, waiting, wrong)
    for gate in rollout.spec.plan.gates:
        sight = evidence.get(gate.metric)
        if sight is None or sight.blind is not None:
            blind = sight.blind if sight is not None else None
            detail = blind.detail if blind is not None else "no answer yet"
            hopeless = blind is not None and blind.reason is BlindReason.DENIED
            (wrong if hopeless else waiting).append(f"metric {gate.metric} cannot be read: {detail}")
    return tuple(waiting), tuple(wrong)


def _route_faults(route: RouteReading, seen: Seen, rollout: Rollout) -> list[str]:
    """Faults of the route itself."""
    faults = []
    if route.override_slot is not None and route.override.basis_points > 0:
        faults.append(
            f"slot {route.override_slot.value} of route {rollout.spec.route} already has a share of {route.override}; "
            "somebody else may own it"
        )
    if route.isolated:
        off = ", ".join(route.isolated)
        faults.append(f"the router keeps {off} of route {rollout.spec.route} on the base; somebody isolated it by hand")
    if route.mirror is not None and route.mirror > ZERO:
        faults.append(
            f"{route.mirror} of the requests of {rollout.spec.route} are mirrored already; somebody else may own it"
        )
    if route.mirror is None and rollout.spec.plan.mirrors:
        faults.append(
            f"the router of route {rollout.spec.route} cannot mirror requests, and the plan has a stage that does"
        )
    if seen.leases and seen.lease_ms is not None and seen.lease_ms < 3 * rollout.spec.plan.timing.tick_ms:
        faults.append(f"the router's lease of {seen.lease_ms / 1000:g} s is shorter than three ticks")
    return faults


def _slot_findings(seen: Seen, slot: Slot, who: str, version: str, waiting: list[str], wrong: list[str]) -> None:
    last = seen.slot(slot)
    if last is None:
        waiting.append(f"the {who}'s slot {slot.value} has not been probed yet")
    elif not last.health.up:
        waiting.append(f"the {who}'s slot {slot.value} is not ready ({last.health.detail})")
    elif last.health.version not in (None, version):
        wrong.append(f"slot {slot.value} serves {last.health.version}, but the {who} is {version}")
