"""Wakes the loop: APScheduler with nothing durable in it. Every job is derived from the live rollouts, again and again.

A late job still runs, once (no grace, coalesced): whether something is due is decided from recorded time, never from a
timer having fired. The scheduler reckons by the wall clock, so the beat (which does not) watches for steps of it and
sets every alarm anew; the watchdog is fed by the beat and by nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from rolloutd.loop import Loop
from rolloutd.polling import Poller
from rolloutd.ports import Clock

SWEEP_S = 5.0
BEAT_S = 1.0
WALL_STEP_MS = 2_000
TICKS_AT_ONCE = 4
ENDS_WITHIN_S = 5.0
"""How long a stop waits for the work under way, inside the unit's TimeoutStopSec."""
log = logging.getLogger("rolloutd.schedule")


class Schedule:
    """The daemon's alarm clock."""

    def __init__(
        self,
        loop: Loop,
        poller: Poller,
        every_ms: Mapping[str, int],
        clock: Clock,
        beat: Callable[[], Awaitable[None]],
        seal_every_ticks: int,
        broken: Callable[[BaseException], None],
    ) -> None:
        self._loop = loop
        self._poller = poller
        self._every_ms = every_ms
        self._clock = clock
        self._beat = beat
        self._beating: asyncio.Task[None] | None = None
        self._stopping = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._seal_every = seal_every_ticks
        self._broken = broken
        self._ticks: dict[str, int] = {}
        self._pace = asyncio.Semaphore(TICKS_AT_ONCE)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(self._job_broke, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Begin: the beat, the sweep, one poll a source, one tick a rollout."""
        self._scheduler.start()
        self._set_alarms()
        self._beating = asyncio.create_task(self._beat_for_ever(), name="beat")

    def _set_alarms(self) -> None:
        """Every job, due from now on; also after a step of the wall clock."""
        self._scheduler.remove_all_jobs()
        self._every("sweep", SWEEP_S, self._sweep)
        for source, every_ms in self._every_ms.items():
            self._every(f"poll:{source}", every_ms / 1000, self._poll_of(source))
        self.follow()

    async def _beat_for_ever(self) -> None:
        """One turn a second on the steady clock; an exception in it ends the daemon."""
        before = self._clock.now()
        beat = self._watched(self._beat)
        try:
            while True:
                await asyncio.sleep(BEAT_S)
                now = self._clock.now()
                step_ms = (now.wall_ms - before.wall_ms) - (now.clock_ms - before.clock_ms)
                before = now
                if abs(step_ms) > WALL_STEP_MS:
                    log.warning("the wall clock stepped", extra={"step_ms": step_ms})
                    self._set_alarms()
                await beat()
        except Exception as error:  # noqa: BLE001 - handed on: a daemon without its beat must end
            self._broken(error)

    def follow(self) -> None:
        """Give every live rollout its tick and take it from those that ended."""
        wanted = {f"tick:{name}": name for name in self._loop.lanes}
        present = {job.id for job in self._scheduler.get_jobs() if job.id.startswith("tick:")}
        for job_id in present - set(wanted):
            self._scheduler.remove_job(job_id)
            self._ticks.pop(job_id.removeprefix("tick:"), None)
        for job_id in set(wanted) - present:
            name = wanted[job_id]
            tick_s = self._loop.lanes[name].rollout.spec.plan.timing.tick_ms / 1000
            spread_s = (zlib.crc32(name.encode()) % 1000) / 1000 * tick_s
            self._every(job_id, tick_s, self._tick_of(name), first_in_s=spread_s)

    def poll_soon(self, sources: set[str]) -> None:
        """Poll these sources at once, besides their cadence: a new rollout's checks wait for it."""
        for source in sources:
            job = self._scheduler.get_job(f"poll:{source}")
            if job is not None:
                job.modify(next_run_time=datetime.now(UTC))

    async def stop(self) -> None:
        """Begin nothing more and let what is under way end: the scheduler's own shutdown would cancel it half done."""
        self._stopping = True
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._idle.wait()
        except TimeoutError:
            log.warning("work under way did not end and is cut off", extra={"jobs": self._under_way})
        if self._beating is not None:
            self._beating.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _watched(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """``work``, which a stop waits for when it has begun and which does not begin after that."""

        async def watched() -> None:
            if self._stopping:
                return
            self._under_way += 1
            self._idle.clear()
            try:
                await work()
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._idle.set()

        return watched

    def _every(self, job_id: str, every_s: float, work: Callable[[], Awaitable[None]], first_in_s: float = 0.0) -> None:
        first = datetime.now(UTC) + timedelta(seconds=first_in_s)
        self._scheduler.add_job(
            self._watched(work), "interval", seconds=every_s, id=job_id, next_run_time=first, replace_existing=True
        )

    def _tick_of(self, name: str) -> Callable[[], Awaitable[None]]:
        async def tick() -> None:
            async with self._pace:
                await self._loop.calm.wait()
                if self._stopping:
                    return
                await self._loop.tick(name)
                self._ticks[name] = self._ticks.get(name, 0) + 1
                if self._ticks[name] % self._seal_every == 0:
                    await self._loop.seal(name)
                if len(self._loop.lanes) > TICKS_AT_ONCE:
                    await asyncio.sleep(0.001)

        return tick

    def _poll_of(self, source: str) -> Callable[[], Awaitable[None]]:
        async def poll() -> None:
            await self._poller.poll(source)

        return poll

    async def _sweep(self) -> None:
        """Derive the jobs again from the live rollouts, whatever was forgotten."""
        self.follow()

    def _job_broke(self, event: JobExecutionEvent) -> None:
        """An exception in a job is a broken daemon, not a log line; what a stop cut off is not one."""
        if self._stopping and isinstance(event.exception, asyncio.CancelledError):
            return
        log.critical("job broke", extra={"job": event.job_id, "error": repr(event.exception)})
        self._broken(event.exception)
