"""The metric source of one process: true counters, or any of the ways a source can be wrong. It judges nothing.

It says of every answer what it was worth in truth; the checkers hear it, the daemon does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Point, Question, Unreadable
from rolloutd.core.values import FULL_BP, Slot
from rolloutd.simulation.engine import CHALLENGER_SLOT, CHAMPION_SLOT
from rolloutd.simulation.plans import LABEL, SOURCE
from rolloutd.simulation.scenario import Fault, Kind
from rolloutd.simulation.servers import Counters
from rolloutd.simulation.sight import Sight
from rolloutd.simulation.timewarp import WALL_AT_START_MS
from rolloutd.simulation.world import World

SILENT = ("no-series", "stale")
Told = Callable[[str, Sight, int], None]


class SimulatedSource:
    """Implements ``ports.MetricSource``. ``alive`` says whether the asking process still exists."""

    name = SOURCE

    def __init__(self, world: World, told: Told, alive: Callable[[], bool]) -> None:
        self._world = world
        self._told = told
        self._alive = alive
        self._frozen: dict[Slot, Counted] = {}
        self._frozen_told: set[tuple[str, Slot]] = set()
        """Who has heard of the frozen counters; the first time they tell what came until they froze."""

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """See ``MetricSource.read``."""
        world = self._world
        late = world.active.get(Kind.LATE_ANSWERS)
        part = world.rng.uniform(0.01, 0.2) if late is None else world.rng.uniform(0.5, 0.6 + late.chance)
        try:
            await asyncio.sleep(part * deadline_s)
        except asyncio.CancelledError:
            if self._alive():
                self._told(question.template.name, Sight.BLIND, world.now_ms())
            raise
        world.flow()
        now_ms = WALL_AT_START_MS + world.now_ms()
        sights: list[Sight] = []
        by_arm: dict[str, ArmReading] = {}
        for slot in Slot:
            by_arm[slot.value], sight = self._arm(question.template.name, slot, now_ms)
            sights.append(sight)
        worst = next(s for s in (Sight.BLIND, Sight.EMPTY, Sight.VAGUE, Sight.GOOD) if s in sights)
        world.all_series_shown |= Kind.SERIES_MISSING not in world.active
        self._told(question.template.name, worst, world.now_ms())
        return Answer(now_ms, by_arm)

    def _arm(self, metric: str, slot: Slot, at_ms: int) -> tuple[ArmReading, Sight]:
        """What is said about one arm, and what that is worth."""
        truth = self._counted(slot, at_ms)
        frozen = self._world.active.get(Kind.FROZEN)
        if frozen is None:
            self._frozen.pop(slot, None)
            self._frozen_told.discard((metric, slot))
        for kind, fault in self._world.active.items():
            if kind is Kind.SERIES_MISSING and not self._world.all_series_shown:
                continue  # a series that was never shown before is a new one when it comes
            if kind in _WRONG and _hits(fault, metric, slot):
                return self._wrong(fault, metric, slot, truth, at_ms)
        return truth, Sight.GOOD

    def _wrong(self, fault: Fault, metric: str, slot: Slot, truth: Counted, at_ms: int) -> tuple[ArmReading, Sight]:
        silent = Sight.VAGUE if self._no_traffic(slot) else Sight.BLIND
        if fault.kind is Kind.UNREADABLE:
            reading = Unreadable(BlindReason(fault.word), f"told to be {fault.word}")
            return reading, silent if fault.word in SILENT else Sight.BLIND
        if fault.kind is Kind.OLD_SAMPLES:
            return _sampled(truth, fault.at_ms + WALL_AT_START_MS - 600_000), silent
        if fault.kind is Kind.FROZEN:
            kept = self._frozen.setdefault(slot, truth)
            vague = self._no_traffic(slot) or (metric, slot) not in self._frozen_told
            self._frozen_told.add((metric, slot))
            return _sampled(kept, at_ms), Sight.VAGUE if vague else Sight.EMPTY
        if fault.kind is Kind.NOT_A_NUMBER:
            bad = Point(truth.part[0].series, float(fault.word), at_ms)
            return Counted(truth.total, (bad, *truth.part[1:])), Sight.BLIND
        if fault.kind is Kind.ZEROES:
            zero = self._counted(slot, at_ms, Counters())
            return zero, Sight.VAGUE if self._no_traffic(slot) else Sight.EMPTY
        return Counted(truth.total[:1], truth.part[:1]), Sight.VAGUE

    def _no_traffic(self, slot: Slot) -> bool:
        """Whether this arm's silence says nothing, because no traffic is meant to reach it."""
        given = self._world.engine.given.values()
        return not any(given) if slot is CHALLENGER_SLOT else min(given) == FULL_BP

    def _counted(self, slot: Slot, at_ms: int, instead: Counters | None = None) -> Counted:
        """An arm's counters as its servers show them, each segment's by itself."""
        by_segment = self._world.servers.by_segment
        each = [counted(instead or arm, at_ms, name) for (whose, name), arm in by_segment.items() if whose is slot]
        if len(each) == 1:
            return each[0]
        return Counted(tuple(p for one in each for p in one.total), tuple(p for one in each for p in one.part))

    async def close(self) -> None:
        """Nothing is kept open."""


_WRONG = frozenset(
    {Kind.UNREADABLE, Kind.OLD_SAMPLES, Kind.FROZEN, Kind.NOT_A_NUMBER, Kind.ZEROES, Kind.SERIES_MISSING}
)


def counted(arm: Counters, at_ms: int, segment: str = "") -> Counted:
    """An arm's counters as two servers of it would show them, for all users or for those of a segment."""
    of = f'{{{LABEL}="{segment}"}}' if segment else ""
    halves = (
        (arm.shown // 2, arm.shown_failed // 2),
        (arm.shown - arm.shown // 2, arm.shown_failed - arm.shown_failed // 2),
    )
    return Counted(
        tuple(Point(f"total/{number}{of}", float(n), at_ms) for number, (n, _) in enumerate(halves)),
        tuple(Point(f"failed/{number}{of}", float(bad), at_ms) for number, (_, bad) in enumerate(halves)),
    )


def _sampled(reading: Counted, at_ms: int) -> Counted:
    """The same values with another time of sampling."""
    total = tuple(Point(point.series, point.value, at_ms) for point in reading.total)
    return Counted(total, tuple(Point(point.series, point.value, at_ms) for point in reading.part))


def _hits(fault: Fault, metric: str, slot: Slot) -> bool:
    """Whether this fault is about this gate and this arm: some hit one of two gates, some one of two arms."""
    if fault.metric:
        return fault.metric == metric
    if metric != "errors" and fault.chance < 0.3:
        return False
    third = int(fault.chance * 100) % 3
    return third == 0 or (third == 1) == (slot is CHALLENGER_SLOT)


__all__ = ["CHAMPION_SLOT", "SimulatedSource", "counted"]
