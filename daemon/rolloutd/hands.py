"""Carries out effects through the ports: one branch a kind, a total deadline each, and what came of it is reported.

It never decides and never retries by itself: the core asks again as long as something is missing. A write that lowers
does not wait for one that raises: it goes at once on its own connection, ends the other one, and is asserted again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from rolloutd.core.checks import RunCheck
from rolloutd.core.effects import (
    DropOverride,
    Effect,
    Observation,
    ProbeSlot,
    ReadRoute,
    RenewLease,
    RouteNotSeen,
    RouteSeen,
    SetBase,
    SetIsolated,
    SetMirror,
    SetTraffic,
    SlotProbed,
    SlotSmoked,
    SmokeSlot,
)
from rolloutd.core.observed import RouteReading
from rolloutd.core.values import ZERO, Slot
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.examining import NOBODY, Examining
from rolloutd.ports import Clock, Examiner, Mirrors, Prober, Router, RouterError, RouterRefused
from rolloutd.promptness import Stopwatch

ROUTER_DEADLINE_S = 2.0
PROBE_DEADLINE_S = 2.0
RETRY_PAUSE_S = 1.0
"""A write that came to nothing is asked for again at once; it goes out again only so long after its last end."""

Write = SetTraffic | SetMirror | SetBase | DropOverride | SetIsolated
Still = Callable[[], bool]
"""Whether what was seen of a route still counts: no write on it was begun since it was looked at."""
log = logging.getLogger("rolloutd.hands")


class Report(Protocol):
    """Takes what was seen into a rollout, once its turn has come, unless ``still`` says no by then."""

    async def __call__(self, lane: str, seen: Observation, still: Still = lambda: True, /) -> None:
        """Take it."""


@dataclass(slots=True)
class _Writing:
    """The write under way on one route."""

    effect: Write
    task: asyncio.Task[None]


class Hands:
    """The only caller of routers and probers. ``routers`` is by route name; ``report`` takes what was seen."""

    def __init__(
        self,
        routers: Mapping[str, Router],
        prober: Prober,
        clock: Clock,
        report: Report,
        examiners: Mapping[str, Examiner] = NOBODY,
    ) -> None:
        self._routers = routers
        self._clock = clock
        self._prober = prober
        self._report = report
        self._writing: dict[str, _Writing] = {}
        self._written: dict[str, tuple[Write, float]] = {}
        self._not_out: set[object] = set()
        """Writes that only wait or look as yet: the router has heard nothing of them."""
        self._generation: dict[str, int] = {}
        self._single: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._took: dict[str, Stopwatch] = {}
        self._ending = False
        self._examining = Examining(examiners, report, self._ended)
        self.recorded, self.end_checks = self._examining.recorded, self._examining.stop

    def took_ms(self, route: str) -> float | None:
        """The longest of the last writes with their read-back on this route; None before the first."""
        return self._took[route].worst_ms if route in self._took else None

    def _note(self, route: str, began_ms: int) -> None:
        self._took.setdefault(route, Stopwatch()).note(self._clock.now().clock_ms - began_ms)

    def router(self, route: str) -> Router:
        """The router that splits this route. Raises KeyError for a route that the configuration does not know."""
        return self._routers[route]

    def knows(self, route: str) -> bool:
        """Whether the configuration knows this route."""
        return route in self._routers

    def perform(self, lane: str, effect: Effect) -> bool:
        """Begin an effect for a rollout; returns whether a *write* was begun. Reading is single-flight and silent."""
        if self._ending and not self._still_lowers(effect):
            return False
        match effect:
            case SetTraffic() | SetMirror() | SetBase() | DropOverride() | SetIsolated():
                return self._begin_write(lane, effect)
            case RenewLease():
                self._alone(("renew", effect.route), self._renew(lane, effect))
            case ReadRoute():
                self._alone(("read", effect.route), self._read(lane, effect.route))
            case ProbeSlot():
                self._alone(("probe", f"{effect.route}/{effect.slot}"), self._probe(lane, effect))
            case SmokeSlot():
                self._alone(("smoke", f"{effect.route}/{effect.probe.name}"), self._smoke(lane, effect))
            case RunCheck():
                self._examining.begin(lane, effect)
            case _:
                assert_never(effect)
        return False

    def _begin_write(self, lane: str, effect: Write) -> bool:
        """Start a write unless the same one is under way. Only what lowers may overtake another write."""
        under_way = self._under_way(effect.route)
        if under_way is not None and not _overtakes(effect, under_way.effect):
            return False
        overtaken = None if under_way is None else self._overtake(under_way)
        self._outdate(effect.route)
        still = self._still(effect.route)
        task = asyncio.create_task(self._write(lane, effect, overtaken, still), name=f"write {effect.route}")
        self._writing[effect.route] = _Writing(effect, task)
        self._not_out.add(task)
        self._keep(task)
        return True

    def _under_way(self, route: str) -> _Writing | None:
        under_way = self._writing.get(route)
        return None if under_way is None or under_way.task.done() else under_way

    def _overtake(self, under_way: _Writing) -> asyncio.Task[None]:
        """The task of a write that something lower goes before; it must not go out any more if it has not yet."""
        if under_way.task in self._not_out:
            under_way.task.cancel()
        return under_way.task

    def _outdate(self, route: str) -> None:
        """A write begins: whatever was seen of this route before counts no longer."""
        self._generation[route] = self._generation.get(route, 0) + 1

    def _still(self, route: str) -> Still:
        """Asked when a reading begins, and again when it is taken in: its turn may come after a write has begun."""
        generation = self._generation.get(route, 0)
        return lambda: generation == self._generation.get(route, 0)

    async def _write(self, lane: str, effect: Write, overtaken: asyncio.Task[None] | None, still: Still) -> None:
        loop = asyncio.get_running_loop()
        await self._pause(effect)
        began_ms = self._clock.now().clock_ms
        try:
            async with asyncio.timeout(ROUTER_DEADLINE_S):
                lowered = await self._lowered_meanwhile(effect)
                self._not_out.discard(asyncio.current_task())
                reading = lowered or await self._write_and_read(effect, overtaken)
            if lowered is None:
                self._note(effect.route, began_ms)
            seen: Observation = RouteSeen(reading, began_ms if lowered is None and _leases(effect, reading) else None)
        except (RouterError, TimeoutError, OSError) as error:
            seen = RouteNotSeen(str(error) or f"no answer within {ROUTER_DEADLINE_S:g} s")
        self._written[effect.route] = (effect, loop.time())
        if still():
            self._writing.pop(effect.route, None)
            await self._report(lane, seen, still)

    async def _lowered_meanwhile(self, effect: Write) -> RouteReading | None:
        """What the router shows where a hand was there since the last look: lowered it, or let in who is kept off.

        None where nothing stands against this write.
        """
        if isinstance(effect, SetIsolated):
            reading = await self._routers[effect.route].read(effect.route)
            return reading if set(reading.isolated) - set(effect.shown) else None
        if not isinstance(effect, SetTraffic) or effect.urgent or (effect.confirmed == ZERO and not effect.kept_off):
            return None
        reading = await self._routers[effect.route].read(effect.route)
        let_in = set(effect.kept_off) - set(reading.isolated)
        return reading if let_in or not effect.confirmed <= reading.share_of(effect.slot) else None

    async def _pause(self, effect: Write) -> None:
        """Wait before the same write goes out again, so that a router that ignores or refuses it is not flooded."""
        last, ended_s = self._written.get(effect.route, (None, 0.0))
        if last == effect:
            await asyncio.sleep(max(0.0, ended_s + RETRY_PAUSE_S - asyncio.get_running_loop().time()))

    async def _write_and_read(self, effect: Write, overtaken: asyncio.Task[None] | None) -> RouteReading:
        """Write, make sure that nothing overtaken can land afterwards, and read back on a connection of its own."""
        router = self._routers[effect.route]
        reach(CrashPoint.INTENT_DURABLE)
        await _last(lambda: self._call(router, effect), overtaken)
        reach(CrashPoint.ROUTER_ANSWERED)
        reading = await router.read(effect.route)
        reach(CrashPoint.READ_BACK)
        return reading

    async def _call(self, router: Router, effect: Write) -> None:
        match effect:
            case SetTraffic():
                call = router.set_share(effect.route, effect.slot, effect.share)
            case SetMirror():
                if not isinstance(router, Mirrors):
                    raise RouterRefused(f"The router of {effect.route} cannot mirror requests; nothing was changed.")
                call = router.set_mirror(effect.route, effect.slot, effect.share)
            case SetBase():
                call = router.set_base(effect.route, effect.slot)
            case DropOverride():
                call = router.set_share(effect.route, effect.slot, ZERO)
            case SetIsolated():
                call = router.isolate(effect.route, effect.segments)
            case _:
                assert_never(effect)
        # Once the call has begun and waits; a turn of the event loop for it alone would delay every abort.
        called = asyncio.get_running_loop().call_soon(reach, CrashPoint.ROUTER_CALLED)
        try:
            await call
        finally:
            called.cancel()

    async def _renew(self, lane: str, effect: RenewLease) -> None:
        still = self._still(effect.route)
        router, began_ms = self._routers[effect.route], self._clock.now().clock_ms
        try:
            async with asyncio.timeout(ROUTER_DEADLINE_S):
                renewed = await router.renew(effect.route, effect.slot, effect.share)
                reading = renewed or await router.read(effect.route)
            self._note(effect.route, began_ms)
        except (RouterError, TimeoutError, OSError) as error:
            await self._report(lane, RouteNotSeen(str(error) or f"no answer within {ROUTER_DEADLINE_S:g} s"), still)
            return
        if still():
            await self._report(lane, RouteSeen(reading, began_ms if renewed else None), still)

    async def _read(self, lane: str, route: str) -> None:
        """Read the route; a reading that a write of ours overlapped proves nothing and is dropped."""
        still = self._still(route)
        seen: Observation
        try:
            async with asyncio.timeout(ROUTER_DEADLINE_S):
                seen = RouteSeen(await self._routers[route].read(route))
        except (RouterError, TimeoutError, OSError) as error:
            seen = RouteNotSeen(str(error) or f"no answer within {ROUTER_DEADLINE_S:g} s")
        if still() and route not in self._writing:
            await self._report(lane, seen, still)

    async def _probe(self, lane: str, effect: ProbeSlot) -> None:
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                health = await self._prober.probe(effect.route, effect.slot)
        except TimeoutError:
            from rolloutd.core.observed import SlotHealth

            health = SlotHealth(up=False, version=None, detail=f"no answer within {PROBE_DEADLINE_S:g} s")
        await self._report(lane, SlotProbed(effect.slot, health))

    async def _smoke(self, lane: str, effect: SmokeSlot) -> None:
        finding = await self._prober.smoke(effect.route, effect.slot, effect.probe)
        await self._report(lane, SlotSmoked(effect.probe.name, finding))

    async def look(self, route: str) -> tuple[Observation, ...]:
        """The route and both slots' servers as they are now, told to nobody else."""
        seen: list[Observation] = []

        async def keep(_lane: str, observation: Observation, _still: Still = lambda: True, /) -> None:
            seen.append(observation)

        eyes = Hands(self._routers, self._prober, self._clock, keep)
        probes = (eyes._probe("", ProbeSlot(route, slot)) for slot in Slot)
        await asyncio.gather(eyes._read("", route), *probes)
        return tuple(seen)

    async def zero_now(self, route: str, slot: Slot) -> RouteReading:
        """Assert zero without any record, for when the journal cannot be written in time. Raises RouterError.

        A write under way that does not lower is ended: it must not land while the record still waits.
        """
        router, under_way = self._routers[route], self._under_way(route)
        lowers = under_way is not None and isinstance(under_way.effect, SetTraffic) and under_way.effect.urgent
        overtaken = None if under_way is None or lowers else self._overtake(under_way)
        self._outdate(route)
        async with asyncio.timeout(ROUTER_DEADLINE_S):
            await _last(lambda: router.set_share(route, slot, ZERO), overtaken)
            return await router.read(route)

    def _alone(self, key: tuple[str, str], work: Awaitable[None]) -> None:
        """Start this unless the same is still under way."""
        running = self._single.get(key)
        if running is not None and not running.done():
            if asyncio.iscoroutine(work):
                work.close()
            return
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._single[key] = task
        self._keep(task)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """An exception nobody foresaw must not vanish: it is logged, and the loop's own handler stops the daemon."""
        self._tasks.discard(task)
        self._not_out.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "an effect broke", "exception": error})

    def _still_lowers(self, effect: Effect) -> bool:
        """Whether this takes a share down and was not tried just now: all that may still begin at the end."""
        tried = isinstance(effect, SetTraffic) and self._written.get(effect.route, (None,))[0] == effect
        return isinstance(effect, SetTraffic) and effect.urgent and not tried

    async def end(self) -> None:
        """Begin nothing but a first decrease, and wait. What fails now is the next process's, or it never ends."""
        self._ending = True
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))


async def _last(write: Callable[[], Awaitable[None]], overtaken: asyncio.Task[None] | None) -> None:
    """Write, and see to it that what was overtaken cannot land afterwards."""
    if overtaken is not None:
        with contextlib.suppress(RouterError, OSError):  # whatever came of it, it goes out again below
            await write()
        overtaken.cancel()
        await asyncio.wait({overtaken})
    await write()


def _overtakes(effect: Write, under_way: Write) -> bool:
    """What lowers goes before what does not; taking the share down goes before everything."""
    if effect == under_way:
        return False
    if isinstance(effect, SetTraffic):
        return effect.urgent
    lowering = isinstance(under_way, SetTraffic | SetIsolated) and under_way.urgent
    return isinstance(effect, SetIsolated) and effect.urgent and not lowering


def _leases(effect: Write, reading: RouteReading) -> bool:
    """Whether this write began the lease of what is shown: one that did not take leaves the old lease running out."""
    return isinstance(effect, SetTraffic) and reading.share_of(effect.slot) == effect.share
