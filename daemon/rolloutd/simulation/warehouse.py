"""The labels of one run, hours late: the true history of requests, and one process's way to ask what became of them.

It counts as the sources of labels do: window after window, each once, and a new process begins new counters. It judges
nothing; what an answer was worth in truth is told to the checkers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Point, Question, Unreadable
from rolloutd.core.plan import Gate
from rolloutd.core.values import Slot
from rolloutd.simulation.scenario import Kind
from rolloutd.simulation.sight import Sight
from rolloutd.simulation.timewarp import WALL_AT_START_MS
from rolloutd.simulation.world import World

WAREHOUSE = "warehouse"
ONE_WRONG_IN = 10
"""One answer of so many is wrong, of both versions."""


@dataclass(slots=True)
class _Window:
    """One arm's counters as this process keeps them: since when, and what was counted."""

    from_ms: int
    n: int = 0
    wrong: int = 0
    at_ms: int = 0


class SimulatedWarehouse:
    """Implements ``ports.MetricSource`` for gates on labels."""

    name = WAREHOUSE

    def __init__(self, world: World, told: Callable[[str, Sight, int], None], gate: Gate) -> None:
        self._world = world
        self._told = told
        self._gate = gate
        self._until_ms: int | None = None
        self._windows: dict[Slot, _Window] = {}

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """See ``MetricSource.read``."""
        world = self._world
        now_ms = world.now_ms()
        fault = world.active.get(Kind.UNREADABLE)
        if fault is not None and fault.metric == self._gate.metric:
            self._told(self._gate.metric, Sight.BLIND, now_ms)
            return Answer.unreadable(question, WALL_AT_START_MS + now_ms, BlindReason(fault.word), "told to be")
        self._count(now_ms)
        by_arm = {slot.value: self._reading(slot, now_ms) for slot in Slot}
        silent = any(isinstance(reading, Unreadable) for reading in by_arm.values())
        self._told(self._gate.metric, Sight.VAGUE if silent else Sight.GOOD, now_ms)
        return Answer(WALL_AT_START_MS + now_ms, by_arm)

    def _count(self, now_ms: int) -> None:
        """One window more, of requests that are ripe by now; each is counted once."""
        until_ms = now_ms - self._gate.template.ripe_ms
        since_ms = until_ms - self._gate.max_age_ms if self._until_ms is None else self._until_ms
        self._until_ms = until_ms
        past = self._world.servers.past
        for slot in Slot:
            before, after = past.served(slot, since_ms), past.served(slot, until_ms)
            if after > before:
                window = self._windows.setdefault(slot, _Window(until_ms))
                window.n += after - before
                window.wrong += after // ONE_WRONG_IN - before // ONE_WRONG_IN
                window.at_ms = now_ms

    def _reading(self, slot: Slot, now_ms: int) -> ArmReading:
        window = self._windows.get(slot)
        if window is None:
            return Unreadable(BlindReason.NO_SERIES, f"no ripe request of {slot.value} yet")
        at_ms, series = WALL_AT_START_MS + window.at_ms, f"{slot.value}/{window.from_ms}"
        total, wrong = (
            Point(f"n/{series}", float(window.n), at_ms),
            Point(f"wrong/{series}", float(window.wrong), at_ms),
        )
        return Counted((total,), (wrong,))

    async def close(self) -> None:
        """Nothing is kept open."""
