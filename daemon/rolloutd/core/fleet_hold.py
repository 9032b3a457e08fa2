"""The hold of the whole fleet: who froze it and why, folded from its own stream, and who may end it. Pure.

Everybody has a hold of their own, so that one person's release never ends what another one wanted. While any lasts, no
rollout goes up and none starts; triggers stay armed, and whatever lowers works as ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused
from rolloutd.core.decide import Accepted, Decision
from rolloutd.core.values import Actor, Instant, Role


@dataclass(frozen=True, slots=True)
class FleetHold:
    """One person's hold."""

    by: Actor
    reason: str
    at: Instant


Holds = tuple[FleetHold, ...]


def fold_holds(holds: Holds, rows: Iterable[ev.Recorded]) -> Holds:
    """The holds after these events, the oldest first."""
    for row in rows:
        match row.event:
            case ev.FleetHeld(reason=reason):
                holds = (*_without(holds, row.actor.uid), FleetHold(row.actor, reason, row.at))
            case ev.FleetReleased(holder_uid=uid):
                holds = _without(holds, uid)
            case _:
                pass
    return holds


def _without(holds: Holds, uid: int | None) -> Holds:
    return tuple(hold for hold in holds if hold.by.uid != uid)


def sentence(holds: Holds) -> str:
    """By whom and why the fleet is held, empty when it is not."""
    if not holds:
        return ""
    others = f" (and {len(holds) - 1} more)" if len(holds) > 1 else ""
    return f"by {holds[0].by.name}: {holds[0].reason}{others}"


def decide_hold(holds: Holds, actor: Actor, reason: str) -> Decision:
    """Freeze the fleet. Never refused; a second time from the same person keeps the first."""
    own = next((hold for hold in holds if hold.by.uid == actor.uid), None)
    if own is not None:
        return Accepted((), f"the fleet is already held by you: {own.reason}")
    why = reason or f"{actor.name} gave no reason"
    return Accepted((ev.FleetHeld(why),), "no rollout goes up; triggers stay armed, abort works as ever")


def decide_release(holds: Holds, actor: Actor, reason: str) -> Decision:
    """End one's own hold; an admin ends everybody's."""
    if not holds:
        return Accepted((), "the fleet is not held")
    admin = actor.role.covers(Role.ADMIN)
    mine = tuple(hold for hold in holds if admin or hold.by.uid == actor.uid)
    if not mine:
        message = f"The fleet is held {sentence(holds)}. Only {holds[0].by.name} or an admin ends that hold."
        next_step = f'Ask {holds[0].by.name}; an admin: rollout hold --release --reason "..."'
        return Refused(RefusalCode.NOT_PERMITTED, message, next_step, Role.ADMIN)
    if not reason:
        message = "Ending a hold lets every rollout go up again; it needs a reason."
        return Refused(RefusalCode.BAD_INPUT, message, 'rollout hold --release --reason "..."')
    left = tuple(hold for hold in holds if hold not in mine)
    said = f"the fleet is still held {sentence(left)}" if left else "rollouts may go up again"
    return Accepted(tuple(ev.FleetReleased(hold.by.name, hold.by.uid, reason) for hold in mine), said)
