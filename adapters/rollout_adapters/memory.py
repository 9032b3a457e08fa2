"""A router and a prober in memory, with leases on a given clock and every fault on demand; nothing real is touched.

Shipped, and used by the demonstration without parts, the simulator and the tests. It has no clock and no chance of its
own: the same calls at the same times give the same answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import field_validator

from rollout_adapters.options import AdapterOptions, check_options
from rolloutd.core.values import FULL_BP, ZERO, Instant, Share, Slot, parse_duration_ms
from rolloutd.ports import (
    Abilities,
    Clock,
    RouteConfig,
    RouterBadAnswer,
    RouterDenied,
    RouteReading,
    RouterRefused,
    RouterUnreachable,
    SlotHealth,
    Smoke,
    SmokeFinding,
)


class Fault(StrEnum):
    """What can go wrong with a call. The last two strike writes only and let reads through."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    DENIED = "denied"
    GARBLED = "garbled"
    REPLY_LOST = "reply-lost"
    """The write is carried out, and then the connection breaks."""
    IGNORED = "ignored"
    """The write is accepted and not carried out."""


_ERRORS = {
    Fault.UNREACHABLE: (RouterUnreachable, "The router in memory does not answer"),
    Fault.REFUSED: (RouterRefused, "The router in memory refuses"),
    Fault.DENIED: (RouterDenied, "The router in memory says that our rights do not suffice"),
    Fault.GARBLED: (RouterBadAnswer, "The router in memory answers nonsense"),
}


@dataclass(slots=True)
class _Route:
    """One route. ``expires_ms`` is on the rollout clock, None without a lease."""

    base: Slot = Slot.A
    slot: Slot | None = None
    share: Share = ZERO
    expires_ms: int | None = None
    isolated: tuple[str, ...] = ()
    mirror: Share = ZERO
    mirror_slot: Slot | None = None


class MemoryRouter:
    """Routes in memory. ``lease_ms`` None makes an engine without leases, whose shares also survive its restart.

    A step of more than one basis point rounds shares to the nearest multiple, as coarse engines do.
    """

    def __init__(self, clock: Clock, routes: Iterable[str], *, lease_ms: int | None = 60_000, step_bp: int = 1) -> None:
        self._clock = clock
        self._routes = {name: _Route() for name in routes}
        self._step_bp = step_bp
        self._faults: dict[Fault, int | None] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._late: list[Callable[[], None]] = []
        self._lands_late = False
        self._starts = 1
        self.leases_ms = lease_ms
        self.writes = 0

    @property
    def abilities(self) -> Abilities:
        """Leases and steps as asked for."""
        leases = self.leases_ms is not None
        return Abilities(
            "memory",
            leases=leases,
            finest_step_bp=self._step_bp,
            mirrors=not leases,
            survives_restart=not leases,
            simulated=True,
            segments=True,
        )

    @property
    def lease_ms(self) -> int:
        """The lease's length; 0 where there is none."""
        return self.leases_ms or 0

    # The port.

    async def read(self, route: str) -> RouteReading:
        """The route as it is at the clock's now. Raises whatever fault is on."""
        await self._open.wait()
        self._strike()
        found = self._find(route)
        left_ms = None if found.expires_ms is None else found.expires_ms - self._clock.now().clock_ms
        return RouteReading(
            found.base,
            found.slot,
            found.share,
            left_ms,
            f"memory:{self._starts}",
            isolated=found.isolated,
            mirror=found.mirror if self.leases_ms is None else None,
            mirror_slot=found.mirror_slot,
        )

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Override or, with zero, remove the override."""
        await self._write(lambda: self._put(route, slot, self._rounded(share)))

    async def set_mirror(self, route: str, slot: Slot, share: Share) -> None:
        """Copy this part to the slot; an engine with leases cannot."""
        if self.leases_ms is not None:
            raise RouterRefused("The router in memory cannot mirror requests while it has leases.")

        def change() -> None:
            found = self._find(route)
            found.mirror, found.mirror_slot = share, slot if share > ZERO else None

        await self._write(change)

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """Lengthen the lease of exactly this override; None when it is not there."""
        await self._open.wait()
        self._strike()
        found = self._find(route)
        if share == ZERO or found.slot is not slot or found.share != share:
            return None
        await self._write(lambda: self._put(route, slot, share))
        return await self.read(route)

    async def set_base(self, route: str, slot: Slot) -> None:
        """Make the slot the base; the override stays."""

        def change() -> None:
            self._find(route).base = slot

        await self._write(change)

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Keep exactly these segments on the base; no lapse and no restart ends it."""

        def change() -> None:
            self._find(route).isolated = tuple(sorted(segments))

        await self._write(change)

    async def close(self) -> None:
        """Nothing is kept open."""

    # What may befall it.

    def fail(self, fault: Fault, times: int | None = None) -> None:
        """Show this fault for the next ``times`` calls that it concerns, or until ``heal``."""
        self._faults[fault] = times

    def heal(self) -> None:
        """End every fault and let held calls go on."""
        self._faults.clear()
        self.go_on()

    def hold(self, *, lands_late: bool = False) -> None:
        """Let no call through until ``go_on``. With ``lands_late`` a write that is cancelled meanwhile happens then."""
        self._lands_late = lands_late
        self._open.clear()

    def go_on(self) -> None:
        """Let held calls through; first those land that nobody waits for any more."""
        late, self._late = self._late, []
        for change in late:
            change()
        self._open.set()

    def restart(self) -> None:
        """The engine begins anew: another instance, leased shares forgotten, bases kept."""
        self._starts += 1
        if self.leases_ms is not None:
            for route in self._routes.values():
                _clear(route)

    def lapse(self, route: str) -> None:
        """The lease of a route runs out now."""
        _clear(self._find(route))

    def hand_sets(self, route: str, slot: Slot, share: Share) -> None:
        """Somebody else writes a share, past the adapter and its faults."""
        self._put(route, slot, share)

    def hand_sets_base(self, route: str, slot: Slot) -> None:
        """Somebody else changes the base."""
        self._find(route).base = slot

    def hand_isolates(self, route: str, *segments: str) -> None:
        """Somebody else keeps exactly these segments on the base."""
        self._find(route).isolated = tuple(sorted(segments))

    # How it is done.

    async def _write(self, change: Callable[[], None]) -> None:
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            if self._lands_late:
                self._late.append(change)
            raise
        self._strike()
        if self._strikes(Fault.IGNORED):
            return
        self.writes += 1
        change()
        if self._strikes(Fault.REPLY_LOST):
            raise RouterUnreachable("The router in memory broke off before it answered; the write may have happened.")

    def _strike(self) -> None:
        for fault, (error, sentence) in _ERRORS.items():
            if self._strikes(fault):
                raise error(f"{sentence}; its shares are as they were.")

    def _strikes(self, fault: Fault) -> bool:
        """Whether the fault is on, counting down where it has a number of times."""
        if fault not in self._faults:
            return False
        left = self._faults[fault]
        if left is not None:
            self._faults[fault] = left - 1
            if left <= 1:
                del self._faults[fault]
        return left is None or left > 0

    def _put(self, route: str, slot: Slot, share: Share) -> None:
        found = self._find(route)
        if share == ZERO:
            _clear(found)
            return
        found.slot, found.share = slot, share
        found.expires_ms = None if self.leases_ms is None else self._clock.now().clock_ms + self.leases_ms

    def _find(self, route: str) -> _Route:
        """The route, after its lease has been looked at."""
        if route not in self._routes:
            raise RouterRefused(f"There is no route {route} in memory; known are {', '.join(sorted(self._routes))}.")
        found = self._routes[route]
        if found.expires_ms is not None and found.expires_ms <= self._clock.now().clock_ms:
            _clear(found)
        return found

    def _rounded(self, share: Share) -> Share:
        steps = (share.basis_points + self._step_bp // 2) // self._step_bp
        return Share(min(FULL_BP, steps * self._step_bp), share.segments)


def _clear(route: _Route) -> None:
    route.slot, route.share, route.expires_ms = None, ZERO, None


class MemoryProber:
    """Slots that are up, or as one says they are."""

    def __init__(self, versions: Mapping[tuple[str, Slot], str]) -> None:
        self._health = {key: SlotHealth(True, version, "in memory") for key, version in versions.items()}

    def set_health(self, route: str, slot: Slot, *, up: bool = True, version: str | None = None) -> None:
        """What the next probes of this slot find."""
        self._health[route, slot] = SlotHealth(up, version, "in memory" if up else "in memory, and down")

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """What was said about the slot; down where nothing was."""
        return self._health.get((route, slot), SlotHealth(False, None, "nothing is known of this slot"))

    async def smoke(self, route: str, slot: Slot, probe: Smoke) -> SmokeFinding:
        """Right while the slot is up; no answer otherwise."""
        health = await self.probe(route, slot)
        return SmokeFinding(answered=health.up, right=health.up, detail=health.detail)

    async def close(self) -> None:
        """Nothing is kept open."""


class MemoryOptions(AdapterOptions):
    """The keys of ``[routers.NAME]`` with ``kind = "memory"``."""

    lease: str = "60s"
    """How long a share lives without renewal."""

    @field_validator("lease")
    @classmethod
    def _a_duration(cls, text: str) -> str:
        parse_duration_ms(text)
        return text


class _HostClock:
    """The kernel's clock, for a memory router that a configuration names."""

    def now(self) -> Instant:
        return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000, time.time_ns() // 1_000_000)


def make(options: Mapping[str, object], routes: Mapping[str, RouteConfig]) -> MemoryRouter:
    """Build the router from its options, on the host's clock. Raises BadOption."""
    told = check_options(MemoryOptions, options, "The router kind memory")
    return MemoryRouter(_HostClock(), routes, lease_ms=parse_duration_ms(told.lease))
