"""Joins what two arms answered to one request, by its id, and keeps counts; it reads nothing and judges nothing.

A record waits for its pair for a window of arrival time: logs of two hosts arrive when they do, their clocks differ.
What finds none within it is counted as unpaired. What waits, and what was paired lately (a retried line must not count
twice), is held in memory under a cap; past it the longest waiting goes, and whose record it was is told to be too much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rollout_adapters.predictions.record import Record, same

ARMS_MAX = 2_000


@dataclass(slots=True)
class Timed:
    """Pairs in which both say how long they took, and those in which this arm alone was slower than a limit."""

    pairs: int = 0
    slow_alone: int = 0


@dataclass(slots=True)
class ArmCounts:
    """What one arm's records came to; every figure only grows. Times are those of the clock that is given."""

    records: int = 0
    pairs: int = 0
    failed_alone: int = 0
    answered: int = 0
    differ: int = 0
    due: int = 0
    unpaired: int = 0
    timed: dict[float, Timed] = field(default_factory=dict)
    record_at_ms: int = 0
    pair_at_ms: int = 0
    dropped_at_ms: int | None = None


class Joiner:
    """All arms' records: ``window_ms`` is how long one waits, ``most_waiting`` how many may."""

    def __init__(self, window_ms: int, most_waiting: int, tolerance: float = 0.0) -> None:
        self._window_ms = window_ms
        self._most = most_waiting
        self._tolerance = tolerance
        self._limits: set[float] = set()
        # In the order of arrival, as dicts are: the first is always the one that has waited longest.
        self._waiting: dict[str, tuple[Record, int]] = {}
        self._paired: dict[str, int] = {}
        self.arms: dict[str, ArmCounts] = {}
        self.doubles = 0
        self.strangers = 0

    @property
    def waiting(self) -> int:
        """How many records wait for their pair."""
        return len(self._waiting)

    def watch_latency(self, limit_ms: float) -> None:
        """From now on count, too, who alone was slower than this."""
        self._limits.add(limit_ms)

    def add(self, records: Iterable[Record], now_ms: int) -> None:
        """Take records in, in their order."""
        for record in records:
            counts = self._counts(record.arm)
            if counts is None:
                self.strangers += 1
                continue
            counts.records += 1
            counts.record_at_ms = now_ms
            first = self._waiting.get(record.request_id)
            if first is None and record.request_id not in self._paired:
                self._waiting[record.request_id] = (record, now_ms)
            elif first is None or first[0].arm == record.arm:
                self.doubles += 1
            else:
                del self._waiting[record.request_id]
                self._paired[record.request_id] = now_ms
                self._pair(first[0], record, now_ms)
        self._within_cap(now_ms)

    def expire(self, now_ms: int) -> None:
        """Give up waiting for pairs whose window is over, and forget those that were paired so long ago."""
        over_ms = now_ms - self._window_ms
        for request_id, (record, since_ms) in list(_first(self._waiting, over_ms)):
            del self._waiting[request_id]
            self._give_up(record)
            assert since_ms <= over_ms
        old = []
        for request_id, since_ms in self._paired.items():
            if since_ms > over_ms:
                break
            old.append(request_id)
        for request_id in old:
            del self._paired[request_id]

    def _within_cap(self, now_ms: int) -> None:
        while len(self._waiting) > self._most:
            request_id = next(iter(self._waiting))
            record, _ = self._waiting.pop(request_id)
            self._give_up(record)
            self.arms[record.arm].dropped_at_ms = now_ms
        while len(self._paired) > self._most:
            del self._paired[next(iter(self._paired))]

    def _give_up(self, record: Record) -> None:
        counts = self.arms[record.arm]
        counts.due += 1
        counts.unpaired += 1

    def _pair(self, one: Record, other: Record, now_ms: int) -> None:
        """Count a pair for both arms: each from its own side."""
        failed = (one.failed, other.failed)
        differ = failed[0] != failed[1] or not same(one.output, other.output, self._tolerance)
        compared = not all(failed)
        for mine, its, record in ((failed[0], failed[1], one), (failed[1], failed[0], other)):
            counts = self.arms[record.arm]
            counts.pairs += 1
            counts.due += 1
            counts.pair_at_ms = now_ms
            counts.failed_alone += mine and not its
            counts.answered += compared
            counts.differ += compared and differ
        if self._limits and one.latency_ms is not None and other.latency_ms is not None:
            self._time(one, other)

    def _time(self, one: Record, other: Record) -> None:
        for limit_ms in self._limits:
            slow = [(record.latency_ms or 0.0) > limit_ms for record in (one, other)]
            for mine, its, record in ((slow[0], slow[1], one), (slow[1], slow[0], other)):
                timed = self.arms[record.arm].timed.setdefault(limit_ms, Timed())
                timed.pairs += 1
                timed.slow_alone += mine and not its

    def _counts(self, arm: str) -> ArmCounts | None:
        counts = self.arms.get(arm)
        if counts is None and len(self.arms) < ARMS_MAX:
            counts = self.arms[arm] = ArmCounts()
        return counts


def _first(waiting: dict[str, tuple[Record, int]], over_ms: int) -> Iterable[tuple[str, tuple[Record, int]]]:
    """Those that came no later than this; all others came after them."""
    for item in waiting.items():
        if item[1][1] > over_ms:
            return
        yield item
