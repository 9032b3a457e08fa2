"""Recorded, observed, wanted: three values compared, and the safe steps that bring the router to the wanted one.

``judge_route`` is the one function that tells a lapse, a restart and a hand apart. ``pending`` computes effects from
state and never remembers any: after a crash it asks again for what is missing. ``check_invariants`` runs in production.
"""

from __future__ import annotations

from enum import StrEnum

from rolloutd.core import mirroring
from rolloutd.core.effects import (
    DropOverride,
    Effect,
    ProbeSlot,
    ReadRoute,
    RenewLease,
    SetBase,
    SetIsolated,
    SetTraffic,
)
from rolloutd.core.observed import RouteReading, Seen
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Share, Slot


class RouteVerdict(StrEnum):
    """How the router's share stands to the record."""

    UNKNOWN = "unknown"
    AGREES = "agrees"
    CONFIRMS = "confirms"
    PENDING = "pending"
    RESTARTED = "restarted"
    LAPSED = "lapsed"
    LOWERED = "lowered"
    RAISED = "raised"


def judge_route(
    *,
    wanted: Share,
    confirmed: Share,
    observed: Share,
    same_instance: bool,
    lease_was_due: bool,
    asked: Share = ZERO,
) -> RouteVerdict:
    """Tell apart why the router shows what it shows.

    While a change is under way: the wanted share confirms it; anything above both ends was raised by somebody. A share
    that we ``asked`` for and gave up before it was confirmed may show too, and is not somebody's.
    In rest, higher is always somebody's hand. Lower (while a change is under way: than both of its ends) is a lapse
    when the lease was due (nobody renewed it, whatever else happened); a restart when the engine is a new instance;
    otherwise somebody lowered it on purpose. Shares with segments are compared segment by segment: raised is what gives
    anybody more than the record allows.
    """
    if observed == wanted:
        return RouteVerdict.AGREES if wanted == confirmed else RouteVerdict.CONFIRMS
    if not observed <= wanted.join(confirmed).join(asked):
        return RouteVerdict.RAISED
    if observed > wanted or (wanted != confirmed and observed >= wanted.meet(confirmed)):
        return RouteVerdict.PENDING
    if lease_was_due:
        return RouteVerdict.LAPSED
    return RouteVerdict.LOWERED if same_instance else RouteVerdict.RESTARTED


def route_verdict(rollout: Rollout, seen: Seen, now_ms: int) -> RouteVerdict:
    """How the last reading stands to this rollout's record; UNKNOWN without a reading."""
    observed = observed_share(rollout, seen)
    if observed is None or seen.route is None:
        return RouteVerdict.UNKNOWN
    traffic = rollout.traffic
    return judge_route(
        wanted=traffic.wanted,
        confirmed=traffic.confirmed,
        observed=observed,
        same_instance=traffic.engine_instance in ("", seen.route.instance),
        lease_was_due=_lease_was_due(seen, now_ms),
        asked=traffic.asked,
    )


def observed_share(rollout: Rollout, seen: Seen) -> Share | None:
    """The challenger's share as the router shows it, or None when it was not read or the slots are not known yet."""
    if seen.route is None or rollout.challenger_slot is None:
        return None
    return seen.route.share_of(rollout.challenger_slot)


def _lease_was_due(seen: Seen, now_ms: int) -> bool:
    """Whether the lease had time to run out: nobody renewed it for its whole length, or the host was away."""
    if not seen.leases or seen.lease_ms is None:
        return False
    if seen.rebooted:
        return True
    at_ms = seen.route_at_ms if seen.route_at_ms is not None else now_ms
    return seen.renewed_at_ms is not None and at_ms - seen.renewed_at_ms >= seen.lease_ms


def pending(rollout: Rollout, seen: Seen) -> tuple[Effect, ...]:
    """The effects that bring the world to the recorded wish, in the order in which they are safe.

    What lowers comes before everything. A base is moved only while the override carries the same traffic, so that no
    request changes sides by the move itself.
    """
    if not rollout.live or rollout.champion_slot is None or rollout.challenger_slot is None:
        return ()
    if rollout.phase is Phase.FINISHING:
        return _finishing(rollout, seen.route)
    share, isolation, mirror = _share(rollout, seen), _isolation(rollout, seen), mirroring.step(rollout, seen)
    if any(isinstance(effect, SetTraffic) and not effect.urgent for effect in share):
        # A share beside a mirror would get its own requests twice: the mirror is off before anything goes up.
        share, isolation = isolation, () if mirror else share  # nobody is let in before whoever shall stay out is out
    return (*_back_to_champion(rollout, seen.route), *share, *isolation, *mirror)


def _finishing(rollout: Rollout, route: RouteReading | None) -> tuple[Effect, ...]:
    """Base first, then the override goes; each step only after the one before was read back."""
    challenger = rollout.challenger_slot
    assert challenger is not None
    name = rollout.spec.route
    if route is None:
        return ()
    if route.base is not challenger:
        return (SetBase(name, challenger),)
    if route.override_slot is not None:
        return (DropOverride(name, route.override_slot),)
    return ()


def _back_to_champion(rollout: Rollout, route: RouteReading | None) -> tuple[Effect, ...]:
    """A rollout that is not finishing has the champion as base; a crash in the middle of finishing is undone here."""
    champion = rollout.champion_slot
    assert champion is not None
    if route is None or route.base is champion:
        return ()
    return (SetBase(rollout.spec.route, champion),)


def _share(rollout: Rollout, seen: Seen) -> tuple[Effect, ...]:
    """Write the wanted share when the router shows another, renew the lease when it shows the same."""
    challenger = rollout.challenger_slot
    assert challenger is not None
    wanted, observed = rollout.traffic.wanted, observed_share(rollout, seen)
    route = rollout.spec.route
    if observed is None:
        # Nothing is known. Zero may be asserted blindly, it only lowers; anything else waits for a reading.
        return (SetTraffic(route, challenger, ZERO, urgent=True),) if wanted == ZERO and rollout.visits else ()
    if observed != wanted:
        if wanted == ZERO and seen.route is not None and seen.route.base is challenger and not seen.route.override_slot:
            return ()  # all of it is the base's; taking an override away would lower nothing
        lowers = not observed <= wanted  # for somebody; whoever has less than wanted keeps that meanwhile
        if not lowers and not seen.may_raise:
            return ()
        target = wanted.meet(observed) if lowers else wanted
        if lowers:
            return (SetTraffic(route, challenger, target, urgent=True),)
        return (SetTraffic(route, challenger, target, False, rollout.traffic.confirmed, rollout.kept_off),)
    if seen.leases and wanted > ZERO:
        return (RenewLease(route, challenger, wanted),)
    return ()


def _isolation(rollout: Rollout, seen: Seen) -> tuple[Effect, ...]:
    """Keep off whoever shall be, first; let in again whoever we kept off ourselves and shall be no more.

    A segment that somebody else keeps off is recorded as such (advance.py), and never let in by this.
    """
    if rollout.spec.plan.segments is None or seen.route is None:
        return ()
    wanted, shown = set(rollout.kept_off), set(seen.route.isolated)
    if wanted - shown:
        return (SetIsolated(rollout.spec.route, tuple(sorted(wanted | shown)), True, seen.route.isolated),)
    ours = (shown - wanted) & rollout.ours_off
    if not ours or not seen.may_raise:
        return ()
    return (SetIsolated(rollout.spec.route, tuple(sorted(shown - ours)), False, seen.route.isolated),)


def reads(rollout: Rollout) -> tuple[Effect, ...]:
    """What is looked at every tick of a live rollout: the route, and both slots' servers."""
    if not rollout.live:
        return ()
    route = rollout.spec.route
    return (ReadRoute(route), ProbeSlot(route, Slot.A), ProbeSlot(route, Slot.B))


def check_invariants(rollout: Rollout) -> tuple[str, ...]:
    """Sentences about what must never be and is. Empty is the only good answer; otherwise nothing may be raised.

    I1 is about what *we* did: a router above the ceiling without our doing is drift, told by ``judge_route``.
    """
    broken = []
    traffic = rollout.traffic
    if rollout.live and rollout.visits and not traffic.wanted <= rollout.stage.share and not rollout.base_moved:
        broken.append(
            f"I1: {traffic.wanted} is wanted on stage {rollout.stage.name}, which allows {rollout.stage.share}."
        )
    if rollout.live and rollout.visits and rollout.mirror.wanted > rollout.stage.mirror:
        broken.append(
            f"I1: a mirror of {rollout.mirror.wanted} is wanted on stage {rollout.stage.name}, which has "
            f"{rollout.stage.mirror}."
        )
    if rollout.phase is Phase.RECEDING and (traffic.wanted != ZERO or rollout.mirror.wanted != ZERO):
        broken.append(f"I2: the rollout goes back, but {max(traffic.wanted, rollout.mirror.wanted)} is wanted.")
    if rollout.end is not None and rollout.end.outcome.value != "done" and traffic.wanted != ZERO:
        broken.append(f"I2: the rollout ended {rollout.end.outcome.value}, but {traffic.wanted} is wanted.")
    if traffic.wanted > ZERO and traffic.basis is None:
        broken.append("I4: a share is wanted that rests on nothing.")
    return tuple(broken)
