"""The router and the servers as one process reaches them: with delays, lost replies, and the moments at which it dies.

A call that was cut short before it reached the engine lands at that very moment or never while the process lives, and
within 400 ms or never when the process died; nothing lands later than that, as a closed connection guarantees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from rolloutd.core.observed import Abilities, RouteReading, SlotHealth, SmokeFinding
from rolloutd.core.plan import Smoke
from rolloutd.core.values import Share, Slot
from rolloutd.ports import RouterRefused, RouterUnreachable
from rolloutd.simulation.checkers import Checkers
from rolloutd.simulation.engine import CHALLENGER_SLOT, CHAMPION_SLOT, Cause
from rolloutd.simulation.plans import CHALLENGER, CHAMPION
from rolloutd.simulation.scenario import Kind
from rolloutd.simulation.world import World

LANDS_LATE_S = 0.4
STRAGGLERS = 0.03
"""The part of all calls that take long although nothing is wrong."""
Cross = Callable[[str], None]


class SimulatedRouter:
    """Implements ``ports.Router`` for one process. ``cross`` marks the borders at which the process may die."""

    def __init__(self, world: World, checkers: Checkers, cross: Cross, alive: Callable[[], bool]) -> None:
        self._world = world
        self._checkers = checkers
        self._cross = cross
        self._alive = alive

    @property
    def abilities(self) -> Abilities:
        """See ``Router.abilities``."""
        scenario = self._world.scenario
        segmented = scenario.plan.segments is not None
        return Abilities("simulated", scenario.lease_ms is not None, scenario.finest_step_bp, segments=segmented)

    async def read(self, route: str) -> RouteReading:
        """See ``Router.read``."""
        self._cross("read-before")
        await self._way()
        reading = self._world.engine.read()
        self._cross("read-after")
        return reading

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """See ``Router.set_share``."""
        self._cross("router-before")
        allowed = self._checkers.calling(slot is CHALLENGER_SLOT, share)
        await self._write(partial(self._world.engine.set_share, slot, share, Cause.DAEMON, allowed))

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """See ``Router.renew``."""
        self._cross("router-before")
        await self._way()
        return await self.read(route) if self._world.engine.renew(slot, share) else None

    async def set_base(self, route: str, slot: Slot) -> None:
        """See ``Router.set_base``."""
        self._cross("router-before")
        allowed = self._checkers.calling_base(slot is CHALLENGER_SLOT)
        await self._write(partial(self._world.engine.set_base, slot, Cause.DAEMON, allowed))

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """See ``Router.isolate``."""
        self._cross("router-before")
        await self._write(partial(self._world.engine.isolate, segments, Cause.DAEMON))

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _write(self, land: Callable[[], None]) -> None:
        """Carry a write to the engine and the reply back, as far as the faults of this moment let it."""
        world = self._world
        try:
            await self._way()
        except asyncio.CancelledError:
            self._cut_short(land)
            raise
        if Kind.NOT_APPLIED not in world.active:
            land()
        self._cross("router-after")
        await self._way()
        if Kind.REPLY_LOST in world.active:
            raise RouterUnreachable("the connection broke before an answer came")

    def _cut_short(self, land: Callable[[], None]) -> None:
        world = self._world
        if world.rng.random() < 0.5:
            return
        if self._alive():
            land()
        else:
            asyncio.get_running_loop().call_later(world.rng.uniform(0, LANDS_LATE_S), land)

    async def _way(self) -> None:
        """One way between the daemon and the engine. Raises what the faults of this moment say."""
        world = self._world
        slow = world.active.get(Kind.ROUTER_SLOW)
        delay_ms = world.rng.uniform(0.5, 15) + (0 if slow is None else slow.amount * world.rng.random())
        if world.rng.random() < STRAGGLERS:
            delay_ms += world.rng.uniform(20, 1_500)
        await asyncio.sleep(delay_ms / 1000)
        if Kind.ROUTER_AWAY in world.active:
            raise RouterUnreachable("connection refused")
        if Kind.ROUTER_REFUSES in world.active:
            raise RouterRefused("told to refuse")


class SimulatedProber:
    """Implements ``ports.Prober``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """See ``Prober.probe``."""
        await asyncio.sleep(self._world.rng.uniform(0.001, 0.02))
        champion = slot is CHAMPION_SLOT
        down = (Kind.CHAMPION_DOWN if champion else Kind.CHALLENGER_DOWN) in self._world.active
        version = CHAMPION if champion else CHALLENGER
        return SlotHealth(not down, None if down else version, "told to be down" if down else "200")

    async def smoke(self, route: str, slot: Slot, probe: Smoke) -> SmokeFinding:
        """See ``Prober.smoke``."""
        health = await self.probe(route, slot)
        return SmokeFinding(answered=health.up, right=health.up, detail=health.detail)

    async def close(self) -> None:
        """Nothing is kept open."""
