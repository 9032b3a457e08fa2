"""Segments taken off the challenger and let in again: what the router shows, what harm does, what people ask. Pure.

Taking off lowers: it is at once, asks nothing, and nothing but a person's word ends it. Putting back raises: a revision
and a reason, and where the evidence took the segment off, an override in good form.
"""

from __future__ import annotations

from rolloutd.core import events as ev
from rolloutd.core import overrides
from rolloutd.core.blockers import Picture
from rolloutd.core.commands import Act, RefusalCode, Refused
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnSegment
from rolloutd.core.state import Isolated, Rollout
from rolloutd.core.verdict import GateVerdict

Events = tuple[ev.Event, ...]
NOTHING: Events = ()


def shown(rollout: Rollout, pic: Picture, now_ms: int) -> Events:
    """What the router shows of isolation and is not recorded yet: somebody's hand, or what was asked for."""
    route, segments = pic.seen.route, rollout.spec.plan.segments
    if route is None or segments is None or rollout.phase is Phase.FINISHING:
        return NOTHING
    wanted, off = rollout.kept_off, set(route.isolated)
    if rollout.phase is not Phase.RECEDING:
        foreign = sorted(off - set(wanted) - set(rollout.isolation))
        for name in (each for each in foreign if each in segments.everybody):
            why = f"somebody isolated {name} on the router, outside of rolloutd; it is kept"
            return (ev.SegmentIsolated(name, ev.Basis(ev.BasisKind.ROUTER, why)),)
    lost = set(rollout.isolation) & set(wanted) - off
    if lost or (route.isolated == wanted and (rollout.isolation != wanted or rollout.isolation_asked_ms is not None)):
        asked_ms = rollout.isolation_asked_ms
        return (ev.IsolationConfirmed(route.isolated, 0 if asked_ms is None else max(0, now_ms - asked_ms)),)
    return NOTHING


def still_off(rollout: Rollout, pic: Picture) -> bool:
    """Whether the router keeps anybody off whom this rollout isolated: it does not end before they are free."""
    return pic.seen.route is not None and bool(rollout.ours_off.intersection(pic.seen.route.isolated))


def by_harm(rollout: Rollout, fired: GateVerdict, why: str) -> ev.SegmentIsolated | None:
    """The segment that goes off because it alone shows the harm, where the gate says so; None where all go back."""
    if fired.gate.on_segment is not OnSegment.ISOLATE or not fired.segment or _isolated(rollout, fired.segment):
        return None
    return ev.SegmentIsolated(fired.segment, ev.Basis(ev.BasisKind.HARM, why))


def isolate(rollout: Rollout, command: Act) -> tuple[Events, str] | Refused:
    """Take a segment off the challenger; the events and a sentence."""
    unknown = _unknown(rollout, command)
    if unknown is not None:
        return unknown
    name = command.segment
    if _isolated(rollout, name):
        return NOTHING, f"{name} is already isolated."
    if rollout.phase is Phase.RECEDING:
        return NOTHING, f"{rollout.name} is going back; {name} goes with everybody."
    if rollout.phase is Phase.FINISHING:
        message = f"{rollout.name} is being finished; the challenger becomes everybody's."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout abort {rollout.name}")
    why = command.reason or f"{command.actor.name} isolated {name}"
    return (ev.SegmentIsolated(name, ev.Basis(ev.BasisKind.PERSON, why)),), f"{name} goes back to the champion"


def put_back(rollout: Rollout, command: Act, now_ms: int, blocked: str) -> tuple[Events, str] | Refused:
    """Let an isolated segment in again. ``blocked`` is what nobody may pass by, empty when there is nothing."""
    unknown = _unknown(rollout, command)
    if unknown is not None:
        return unknown
    name, known = command.segment, _isolated(rollout, command.segment)
    if known is None or rollout.phase in (Phase.RECEDING, Phase.FINISHING):
        message = f"{name} is not isolated." if known is None else f"{rollout.name} is {rollout.phase.value}."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout status {rollout.name}")
    if name not in rollout.isolation:
        message = f"The router has not shown {name} isolated yet."
        return Refused(RefusalCode.NOT_NOW, message, f"Wait for it: rollout status {rollout.name}")
    if blocked:
        message = f"{name} cannot be put back: {blocked}."
        return Refused(RefusalCode.GATE, message, "This cannot be overridden. Mend it first: rollout doctor")
    noted: Events = ()
    if known.basis.kind is ev.BasisKind.HARM:
        refusal = overrides.form(rollout, command, known.basis.why)
        if refusal is not None:
            return refusal
        noted = overrides.carried(rollout, command, (overrides.of_segment(name),), now_ms)
        if any(isinstance(event, ev.OverrideProposed) for event in noted):
            return noted, f"asked for, not done: a second admin must approve: rollout approve {rollout.name}"
    elif len(command.reason) < overrides.REASON_LENGTH_MIN:
        message = f"Putting {name} back raises exposure and needs a reason of 10 or more letters."
        return Refused(RefusalCode.GATE, message, f'rollout putback {rollout.name} {name} --reason "..."')
    basis = ev.Basis(ev.BasisKind.PERSON, command.reason)
    return (
        *noted,
        ev.SegmentPutBack(name, basis),
        ev.WindowRestarted(f"{name} was put back"),
    ), f"{name} is let in again"


def _isolated(rollout: Rollout, name: str) -> Isolated | None:
    return next((known for known in rollout.isolated if known.segment == name), None)


def _unknown(rollout: Rollout, command: Act) -> Refused | None:
    segments = rollout.spec.plan.segments
    if segments is None:
        message = f"Route {rollout.spec.route} has no segments; nobody can be told apart on it."
        return Refused(
            RefusalCode.BAD_INPUT, message, "Give the route segment_header and segments for the next rollout."
        )
    if command.segment not in segments.everybody:
        message = f"There is no segment {command.segment or '(none was named)'} on route {rollout.spec.route}."
        return Refused(RefusalCode.BAD_INPUT, message, f"Known are {', '.join(segments.everybody)}.")
    return None
