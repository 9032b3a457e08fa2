"""Loads the challenger's own server before it has any traffic, off the live path, and judges how it bears that.

First come requests that warm it up and are not counted. The requests are begun when they are due, whether or not
earlier ones were answered, as users begin theirs: a server that cannot keep up shows it in its latency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import perf_counter

from pydantic import Field

from rollout_adapters.options import AdapterOptions, BadOption, check_options
from rolloutd.core.values import BadValue, Slot, parse_duration_ms
from rolloutd.ports import Case, CheckFinding, Prober, Smoke

MOST_AT_ONCE = 500
QUANTILE = 0.95


class LoadOptions(AdapterOptions):
    """``rps`` requests a second for the time ``lasts``, by GET or with ``body`` by POST, to ``path``.

    A right answer has ``status`` and comes within the time ``within`` for 95 of 100; of all at most ``most_bad``
    percent are wrong or have no answer within ``deadline_each``. ``warm_up`` requests come before, uncounted.
    """

    rps: float = Field(10.0, gt=0, le=1000)
    lasts: str = "10s"
    path: str = ""
    body: str = ""
    status: int = Field(200, ge=100, le=599)
    within: str = "250ms"
    deadline_each: str = "2s"
    most_bad: float = Field(1.0, ge=0, le=100)
    warm_up: int = Field(20, ge=0, le=10_000)


def make(name: str, options: Mapping[str, object], prober: Prober) -> Load:
    """A check that loads the challenger's slot. Raises BadOption."""
    owner = f"Check {name} (load)"
    read = check_options(LoadOptions, options, owner)
    times = {}
    for key in ("lasts", "within", "deadline_each"):
        try:
            times[key] = parse_duration_ms(getattr(read, key))
        except BadValue as error:
            raise BadOption(f"{owner} cannot use its option {key}: {error}", key) from None
    try:
        probe = Smoke("load", read.path, read.status, "", read.body, times["deadline_each"])
    except BadValue as error:
        raise BadOption(f"{owner} cannot make its request: {error}", "path") from None
    return Load(prober, probe, read, times["lasts"], times["within"])


class Load:
    """One kind of request at one rate."""

    def __init__(self, prober: Prober, probe: Smoke, options: LoadOptions, lasts_ms: int, within_ms: int) -> None:
        self._prober = prober
        self._probe = probe
        self._options = options
        self._lasts_ms = lasts_ms
        self._within_ms = within_ms

    async def examine(self, case: Case) -> CheckFinding:
        """Warm up, load, judge; cancelling ends every request that is under way."""
        for _ in range(self._options.warm_up):
            await self._one(case.route, case.challenger_slot, [])
        took: list[float | None] = []
        loop, count = asyncio.get_running_loop(), max(1, round(self._options.rps * self._lasts_ms / 1000))
        begun, running, dropped = loop.time(), set[asyncio.Task[None]](), 0
        try:
            for number in range(count):
                await asyncio.sleep(max(0.0, begun + number / self._options.rps - loop.time()))
                if len(running) >= MOST_AT_ONCE:
                    dropped += 1
                    continue
                task = asyncio.create_task(self._one(case.route, case.challenger_slot, took))
                running.add(task)
                task.add_done_callback(running.discard)
            while running:
                await asyncio.wait(set(running))
        finally:
            for task in running:
                task.cancel()
        return self._judged([*took, *[None] * dropped], loop.time() - begun)

    async def _one(self, route: str, slot: Slot, took: list[float | None]) -> None:
        begun = perf_counter()
        finding = await self._prober.smoke(route, slot, self._probe)
        took.append((perf_counter() - begun) * 1000 if finding.right else None)

    def _judged(self, took: list[float | None], lasted_s: float) -> CheckFinding:
        good = sorted(ms for ms in took if ms is not None)
        bad = len(took) - len(good)
        rate = f"{len(took)} requests at {len(took) / lasted_s:.3g} a second"
        if not good:
            return CheckFinding(answered=True, passed=False, detail=f"{rate}: none was answered rightly")
        slowest = good[min(len(good) - 1, int(QUANTILE * len(good)))]
        said = f"{rate}: {bad} wrong or unanswered, {QUANTILE:.0%} within {slowest:.3g} ms"
        fine = bad * 100 <= self._options.most_bad * len(took) and slowest <= self._within_ms
        limits = f" (at most {self._options.most_bad:g}% bad, {self._within_ms} ms)"
        return CheckFinding(answered=True, passed=fine, detail=said + limits)

    async def close(self) -> None:
        """The prober keeps nothing open."""
