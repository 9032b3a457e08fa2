"""The mirror of a shadow stage: what is wanted, what the router shows, and the safe step between the two. Pure.

Copies reach nobody, so a mirror is no share; but it is load on the challenger, and what a shadow's gates judge rests on
it. So it goes the same way: recorded before it is asked for, confirmed by reading back, lowered by anybody's hand and
then kept, raised only on a verdict's or a person's word.
"""

from __future__ import annotations

from rolloutd.core import events as ev
from rolloutd.core.effects import SetMirror
from rolloutd.core.grounds import GROUNDS_FOR_MORE
from rolloutd.core.observed import Seen
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import FULL, ZERO, Share


def against(rollout: Rollout, event: ev.Event) -> str:
    """The law for copies that this event breaks, or nothing: grounds, the stage's bound, confirmed as wanted."""
    wanted = rollout.mirror.wanted
    if isinstance(event, ev.RolloutEnded) and rollout.mirror.confirmed != ZERO:
        return f"A rollout cannot end while the router mirrors {rollout.mirror.confirmed} of the requests."
    if isinstance(event, ev.MirrorConfirmed) and event.share != wanted:
        return f"The router mirrors {event.share}, but {wanted} is wanted; that is no confirmation."
    if not isinstance(event, ev.MirrorWanted):
        return ""
    if event.previous != wanted:
        return f"The mirrored part before was {wanted}, not {event.previous}."
    if event.share <= wanted:
        return ""
    if event.basis.kind not in GROUNDS_FOR_MORE or rollout.phase is Phase.RECEDING:
        return f"A mirror cannot grow to {event.share} on the ground of {event.basis.kind.value}."
    if event.share > rollout.stage.mirror:
        return f"Stage {rollout.stage.name} mirrors {rollout.stage.mirror}, not {event.share}."
    return ""


def observed_mirror(rollout: Rollout, seen: Seen) -> Share | None:
    """The mirrored part that the router shows; None where it was not read, or cannot mirror.

    A mirror of the wrong slot is no confirmation of anything, so it shows as what is not wanted.
    """
    if seen.route is None or seen.route.mirror is None or rollout.challenger_slot is None:
        return None
    if seen.route.mirror > ZERO and seen.route.mirror_slot is not rollout.challenger_slot:
        return FULL if rollout.mirror.wanted == ZERO else ZERO
    return seen.route.mirror


def wanting(rollout: Rollout, share: Share, basis: ev.Basis) -> tuple[ev.Event, ...]:
    """The intent to mirror this part from now on; nothing where it is wanted already."""
    wanted = rollout.mirror.wanted
    return () if wanted == share else (ev.MirrorWanted(share, wanted, basis),)


def disagrees(rollout: Rollout, seen: Seen) -> bool:
    """Whether the router was read and does not mirror what is wanted."""
    shown = observed_mirror(rollout, seen)
    if shown is None:
        return seen.route is not None and rollout.mirror.wanted > ZERO
    return shown != rollout.mirror.wanted


def step(rollout: Rollout, seen: Seen) -> tuple[SetMirror, ...]:
    """The write that brings the router's mirror to the wanted one, if any."""
    challenger, shown = rollout.challenger_slot, observed_mirror(rollout, seen)
    if challenger is None or shown is None or shown == rollout.mirror.wanted:
        return ()
    if shown < rollout.mirror.wanted and not seen.may_raise:
        return ()
    return (SetMirror(rollout.spec.route, challenger, rollout.mirror.wanted),)


def follows(rollout: Rollout, seen: Seen, now_ms: int) -> tuple[ev.Event, ...]:
    """What the router's mirror says: the wanted one confirmed, or one that somebody lowered, which is kept."""
    shown, mirror, route = observed_mirror(rollout, seen), rollout.mirror, seen.route
    if shown is None or route is None or rollout.phase is Phase.FINISHING:
        return ()
    if shown == mirror.wanted and shown != mirror.confirmed:
        took_ms = 0 if mirror.wanted_at is None else max(0, now_ms - mirror.wanted_at.clock_ms)
        return (ev.MirrorConfirmed(shown, route.instance, took_ms),)
    if mirror.settled and shown < mirror.wanted:
        why = f"somebody lowered the mirrored part to {shown} outside of rolloutd; it is kept"
        lower = ev.MirrorWanted(shown, mirror.wanted, ev.Basis(ev.BasisKind.ROUTER, why))
        return (lower, ev.RolloutHeld(ev.HoldCause.DRIFT, why), ev.WindowRestarted(why))
    return ()
