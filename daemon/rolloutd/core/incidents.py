"""When a rollout needs a person, and what people are told: one incident a rollout, from recorded events alone. Pure.

An incident opens when the rollout needs somebody, is acknowledged by a claim, and is resolved when it no longer needs
anybody, or when it has ended and somebody looked. The same record always makes the same messages with the same ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from rolloutd.core.checks import awaiting_approval
from rolloutd.core.events import HoldCause, RecedeCause, Recorded, RolloutEnded
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Spec
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO


class Need(StrEnum):
    """Why a rollout needs somebody, in the screen's words."""

    NOT_OBEYED = "not_obeyed"
    GOING_BACK = "going_back"
    ROLLED_BACK = "rolled_back"
    BLIND = "blind"
    DRIFT = "drift"
    ASKS_YOU = "asks_you"


CRITICAL = frozenset({Need.NOT_OBEYED, Need.GOING_BACK, Need.ROLLED_BACK})
_NEED_OF_HOLD = {HoldCause.BLINDNESS: Need.BLIND, HoldCause.DRIFT: Need.DRIFT}
_HELD_ON_PURPOSE = frozenset({HoldCause.PERSON, HoldCause.POLICY})
_A_PERSONS = frozenset({RecedeCause.PERSON, RecedeCause.ROLLBACK})
_SAID = {
    Need.NOT_OBEYED: "the router does not show the share that was asked for",
    Need.GOING_BACK: "it goes back by itself",
    Need.ROLLED_BACK: "it was rolled back",
    Need.BLIND: "it is held, because a gate has no data",
    Need.DRIFT: "it is held, because somebody changed the share outside of rolloutd",
    Need.ASKS_YOU: "it waits for a person",
}


class Turn(StrEnum):
    """What became of an incident."""

    OPENED = "opened"
    CHANGED = "changed"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """A rollout's open incident. ``key`` is the same from its opening to its end, and at every retelling.

    ``critical`` stays once it was: whoever is only told of what is critical must hear the end of it, too. ``cause`` is
    why it goes back or is held, in one word.
    """

    key: str
    rollout: str
    model: str
    route: str
    versions: str
    need: Need
    what: str
    version: int
    opened_wall_ms: int
    by: str | None = None
    ended: bool = False
    critical: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell. ``id`` is the same however often it is sent; ``incident`` the same for all about one incident.

    ``what`` says what happened and where traffic is; ``next_step`` is a command. Times are UTC, in milliseconds.
    """

    id: str
    incident: str
    turn: Turn
    need: str
    critical: bool
    rollout: str
    model: str
    route: str
    what: str
    next_step: str
    by: str
    opened_wall_ms: int
    at_wall_ms: int
    versions: str = ""
    cause: str = ""

    @property
    def title(self) -> str:
        """One short line, for a list or a pager."""
        end = {Turn.RESOLVED: "resolved", Turn.ACKNOWLEDGED: f"{self.by} looks at it"}
        return f"{self.rollout}: {end.get(self.turn, self.need.replace('_', ' ').upper())}"


def need_of(rollout: Rollout) -> Need | None:
    """Why this rollout needs somebody now, as far as its record says; None when it does not."""
    if rollout.live and rollout.traffic.not_obeyed:
        return Need.NOT_OBEYED
    by_itself = rollout.recede is not None and rollout.recede.cause not in _A_PERSONS
    match rollout.phase:
        case Phase.ASKING:
            return Need.ASKS_YOU
        case Phase.PREFLIGHT if rollout.spec.checks and awaiting_approval(rollout) is not None:
            return Need.ASKS_YOU
        case Phase.HELD if rollout.hold is not None and rollout.hold.cause not in _HELD_ON_PURPOSE:
            return _NEED_OF_HOLD.get(rollout.hold.cause, Need.ASKS_YOU)
        case Phase.RECEDING if by_itself:
            return Need.GOING_BACK
        case Phase.ROLLED_BACK if by_itself and rollout.claimed_by is None:
            return Need.ROLLED_BACK
        case _:
            return None


def follow(
    incident: Incident | None, rollout: Rollout, row: Recorded, sender: str
) -> tuple[Incident | None, tuple[Message, ...]]:
    """The incident and what is to be told after ``row``, which made ``rollout``. ``sender`` tells daemons apart."""
    need = need_of(rollout)
    if incident is None:
        if need is None or (not rollout.live and not isinstance(row.event, RolloutEnded)):
            return None, ()
        incident = opened(rollout, need, row.at.wall_ms, sender)
        told = [first_message(incident)]
    elif need is None:
        gone = replace(incident, what=_resolved(rollout), by=rollout.claimed_by or row.actor.name)
        return None, (message(gone, Turn.RESOLVED, row.version, row.at.wall_ms),)
    else:
        told = []
        what = incident.what if need is incident.need else _what(rollout, need)
        critical = incident.critical or need in CRITICAL
        ended, cause = not rollout.live, _cause(rollout)
        after = replace(incident, need=need, what=what, ended=ended, critical=critical, cause=cause)
        if need is not incident.need or (incident.by is not None and rollout.claimed_by is None):
            told = [message(replace(after, by=rollout.claimed_by), Turn.CHANGED, row.version, row.at.wall_ms)]
        incident = after
    if rollout.claimed_by is not None and rollout.claimed_by != incident.by:
        incident = replace(incident, by=rollout.claimed_by)
        told.append(message(incident, Turn.ACKNOWLEDGED, row.version, row.at.wall_ms))
    return replace(incident, by=rollout.claimed_by), tuple(told)


def opened(rollout: Rollout, need: Need, wall_ms: int, sender: str) -> Incident:
    """The incident of a rollout that needs somebody since then."""
    spec = rollout.spec
    return Incident(
        key=f"{sender}/{rollout.name}",
        rollout=rollout.name,
        model=spec.model,
        route=spec.route,
        versions=f"{spec.champion} > {spec.challenger}",
        need=need,
        what=_what(rollout, need),
        version=rollout.version,
        opened_wall_ms=wall_ms,
        ended=not rollout.live,
        critical=need in CRITICAL,
        cause=_cause(rollout),
    )


def first_message(incident: Incident) -> Message:
    """The opening, always with the same id: told again to whoever may not have heard it."""
    return message(incident, Turn.OPENED, incident.version, incident.opened_wall_ms)


def message(incident: Incident, turn: Turn, version: int | str, wall_ms: int) -> Message:
    """What is told of an incident at this turn; ``version`` is the recorded event's, which gives the message its id."""
    return Message(
        id=f"{incident.key}/{version}/{turn.value}",
        incident=incident.key,
        turn=turn,
        need=incident.need.value,
        critical=incident.critical,
        rollout=incident.rollout,
        model=incident.model,
        route=incident.route,
        what=incident.what,
        next_step=f"rollout why {incident.rollout}",
        by=incident.by or "",
        opened_wall_ms=incident.opened_wall_ms,
        at_wall_ms=max(wall_ms, incident.opened_wall_ms),
        versions=incident.versions,
        cause=incident.cause,
    )


def succeeded(incident: Incident, by: Spec, row: Recorded) -> Message | None:
    """The end of the incident of an ended rollout, when somebody starts the next one on its route: it was seen."""
    if not incident.ended or incident.route != by.route:
        return None
    seen = replace(incident, what=f"{incident.model}: {row.actor.name} started {by.name} after it.", by=row.actor.name)
    return message(seen, Turn.RESOLVED, f"before-{by.name}", row.at.wall_ms)


def _what(rollout: Rollout, need: Need) -> str:
    spec, said = rollout.spec, _SAID[need]
    return f"{spec.model} {spec.champion} > {spec.challenger}: {said}{_because(rollout, need)}. {_traffic(rollout)}"


def _cause(rollout: Rollout) -> str:
    """Why it goes back, went back or is held, in the record's own word; empty for none of them."""
    if rollout.recede is not None:
        return rollout.recede.cause.value
    return rollout.hold.cause.value if rollout.phase is Phase.HELD and rollout.hold is not None else ""


def _because(rollout: Rollout, need: Need) -> str:
    why = ""
    if need in (Need.GOING_BACK, Need.ROLLED_BACK) and rollout.recede is not None:
        why = rollout.recede.reason
    elif rollout.phase is Phase.HELD and rollout.hold is not None:
        why = rollout.hold.reason
    elif need is Need.ASKS_YOU and rollout.question is not None:
        why = rollout.question.value
    return f" ({why.rstrip('.')})" if why else ""


def _resolved(rollout: Rollout) -> str:
    spec, phase = rollout.spec, rollout.phase.value.replace("_", " ")
    return (
        f"{spec.model} {spec.champion} > {spec.challenger}: needs nobody any more, it is {phase}. {_traffic(rollout)}"
    )


def _traffic(rollout: Rollout) -> str:
    spec = rollout.spec
    if rollout.phase is Phase.DONE:
        return f"{spec.challenger} serves all traffic."
    share = rollout.traffic.confirmed
    if share == ZERO:
        return f"{spec.champion} serves all traffic."
    return f"{share} of the traffic is on {spec.challenger}, the rest on {spec.champion}."
