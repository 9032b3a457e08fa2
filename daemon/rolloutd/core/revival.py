"""What a person may take up again after the end: reopen what was aborted, roll back what is done. Pure.

Both need that the route is still the rollout's own. Reopening begins at the first stage with its checks, evidence of
harm kept and of safety fresh; rolling back moves the base back by the same recorded and read-back steps.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolloutd.core import events as ev
from rolloutd.core import overrides
from rolloutd.core.blockers import Picture
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted, Decision
from rolloutd.core.phases import Phase
from rolloutd.core.rules import standing_still, too_many
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO

REVIVING = frozenset({Verb.REOPEN, Verb.ROLLBACK})


def decide_revival(rollout: Rollout, command: Act, pic: Picture, others: Iterable[Rollout]) -> Decision:
    """Reopen or roll back an ended rollout, after its route was looked at. ``others`` are all rollouts there are."""
    others = tuple(others)
    needed = Phase.ABORTED if command.verb is Verb.REOPEN else Phase.DONE
    if rollout.phase is not needed:
        does = "reopens what a person aborted" if command.verb is Verb.REOPEN else "takes back what is done"
        message = f"{rollout.name} has ended {rollout.phase.value.replace('_', ' ')}; {command.verb.value} only {does}."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout timeline {rollout.name}")
    in_the_way = _in_the_way(rollout, others)
    if in_the_way is not None:
        return in_the_way
    if len(command.reason) < overrides.REASON_LENGTH_MIN:
        message = f"{command.verb.value} needs a reason of 10 or more letters; it stays in the record."
        return Refused(RefusalCode.GATE, message, f'rollout {command.verb.value} {rollout.name} --reason "..."')
    if command.verb is Verb.ROLLBACK:  # going back is never too much
        return _rollback(rollout, command, pic)
    return too_many(others, pic.seen.rules.limits, rollout.spec) or _reopen(rollout, command, pic)


def _in_the_way(rollout: Rollout, others: Iterable[Rollout]) -> Refused | None:
    """Another rollout that is live on the same route or model, or that has moved the route's base since."""
    spec, ended_ms = rollout.spec, rollout.changed_at.clock_ms if rollout.end is None else rollout.end.at.clock_ms
    for other in others:
        if other.name == rollout.name or (other.spec.route != spec.route and other.spec.model != spec.model):
            continue
        if other.live:
            message = f"{other.name} is a live rollout on the same route or model; one carries one at a time."
            return Refused(RefusalCode.CONFLICT, message, f"Wait for it, or: rollout abort {other.name}")
        if other.phase is Phase.DONE and other.changed_at.clock_ms > ended_ms:
            message = f"{other.name} came after {rollout.name} and made {other.spec.challenger} the champion."
            return Refused(RefusalCode.NOT_NOW, message, f"rollout rollback {other.name}, or start a new rollout")
    return None


def _reopen(rollout: Rollout, command: Act, pic: Picture) -> Decision:
    if command.revision != rollout.version:
        message = f"{rollout.name} is at revision {rollout.version} now; reopening must name the one it was decided on."
        return Refused(RefusalCode.CONFLICT, message, f"Look again: rollout status {rollout.name}")
    still = standing_still(pic.seen.rules)
    if still is not None:
        return still
    said = "its checks run, then it begins at the first stage; evidence of harm is kept, of safety fresh"
    return Accepted((ev.RolloutReopened(command.reason),), f"{rollout.name} is reopened: {said}")


def _rollback(rollout: Rollout, command: Act, pic: Picture) -> Decision:
    """The previous version serves everything again; a previous version that is not known to serve needs an override."""
    spec, route, challenger = rollout.spec, pic.seen.route, rollout.challenger_slot
    if route is None or challenger is None:
        message = f"The router does not show route {spec.route} ({pic.seen.route_error or 'not read'})."
        return Refused(RefusalCode.NOT_NOW, message, "rollout doctor; then ask again")
    if route.base is not challenger or route.override_slot is not None:
        message = f"Route {spec.route} is not as {rollout.name} left it: slot {route.base.value} is its base now."
        return Refused(RefusalCode.NOT_NOW, message, "rollout doctor; somebody else changed the router")
    faults = _faults(rollout, pic)
    noted: tuple[ev.Event, ...] = ()
    if faults:
        refusal = overrides.form(rollout, command, "; ".join(faults))
        if refusal is not None:
            return refusal
        noted = (ev.GateOverridden(tuple(f"preflight:{fault}" for fault in faults), command.reason),)
    start = ev.RecedeStarted(ev.RecedeCause.ROLLBACK, command.reason)
    share = ev.TrafficWanted(ZERO, rollout.traffic.wanted, ev.Basis(ev.BasisKind.PERSON, command.reason))
    return Accepted((start, *noted, share), f"{rollout.name}: {spec.champion} becomes champion again")


def _faults(rollout: Rollout, pic: Picture) -> list[str]:
    """What speaks against the previous version: not up, or another version in its slot."""
    assert rollout.champion_slot is not None
    spec, last = rollout.spec, pic.seen.slot(rollout.champion_slot)
    where = f"slot {rollout.champion_slot.value}"
    if last is None or not last.health.up:
        return [f"{where} of {spec.champion} is not known to be up ({last.health.detail if last else 'not probed'})"]
    if last.health.version not in (None, spec.champion):
        return [f"{where} serves {last.health.version}, not {spec.champion}"]
    return []
