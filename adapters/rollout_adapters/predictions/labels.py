"""Joins answers with labels that come later, by the request's id, and counts once an answer is ripe; it reads nothing.

An answer waits until it is as old as the metric says (``ripe``), counted from its arrival, for both arms alike. What is
known of its label then is what counts: the last one said, once. What is said later changes nothing, and an answer
without a label is missing, neither right nor wrong. What waits is held in memory under a cap; past it the oldest answer
goes, and whose it was is told to be too much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from rollout_adapters.predictions.joiner import ARMS_MAX
from rollout_adapters.predictions.ordering import OrderBook
from rollout_adapters.predictions.record import Label, Output, Record, right, score_of, squared_error
from rolloutd.core.metrics import COVERED_BY

_Key = TypeVar("_Key")


@dataclass(slots=True)
class LabelCounts:
    """What one arm's ripe answers came to; every figure only grows. Times are those of the clock that is given.

    ``scored`` are those that are probabilities with a label of 0 or 1, ``squared`` is the sum of their squared errors,
    ``scores`` says of the last labelled ones why one has no such error, empty where it has; ``orders`` likewise why one
    is no score that has an order.
    """

    from_ms: int
    due: int = 0
    missing: int = 0
    labelled: int = 0
    wrong: int = 0
    scored: int = 0
    squared: float = 0.0
    record_at_ms: int = 0
    dropped_at_ms: int | None = None
    last: deque[bool] = field(default_factory=lambda: deque(maxlen=COVERED_BY))
    scores: deque[str] = field(default_factory=lambda: deque(maxlen=COVERED_BY))
    orders: deque[str] = field(default_factory=lambda: deque(maxlen=COVERED_BY))

    @property
    def coverage(self) -> tuple[int, int]:
        """Of the last ripe answers, how many there are and how many have a label."""
        return len(self.last), sum(self.last)

    def unscored(self, arm: str) -> str:
        """Why its squared errors say nothing now: some of the last labelled answers have none. Empty where all have."""
        return _lacking(arm, self.scores, "no probability of 0 or 1")

    def unordered(self, arm: str) -> str:
        """Why its order says nothing now: some of the last labelled answers are no scores. Empty where all are."""
        return _lacking(arm, self.orders, "no score of 0 or 1")

    def score(self, error: float | str) -> None:
        """Add a labelled answer's squared error, or why it has none."""
        self.scores.append(error if isinstance(error, str) else "")
        if not isinstance(error, str):
            self.scored += 1
            self.squared += error


class LabelBook:
    """All arms' answers for one age: ``most`` may wait, and as many labels. Numbers are right within ``tolerance``."""

    def __init__(self, ripe_ms: int, most: int, tolerance: float = 0.0) -> None:
        self._ripe_ms = ripe_ms
        self._most = most
        self._tolerance = tolerance
        # In the order of arrival, as dicts are.
        self._waiting: dict[tuple[str, str], tuple[Output, int]] = {}
        self._labels: dict[str, tuple[Output, int]] = {}
        self._judged: dict[tuple[str, str], int] = {}
        self.arms: dict[str, LabelCounts] = {}
        self.order: OrderBook | None = None
        self.doubles = 0

    def watch_order(self, stretch_ms: int) -> OrderBook:
        """From now on compare scores, too, of answers that came in the same stretch of time."""
        if self.order is None:
            self.order = OrderBook(stretch_ms, self._most)
        return self.order

    def add(self, lines: Iterable[Record | Label], now_ms: int) -> None:
        """Take answers and labels in, in their order."""
        for line in lines:
            if isinstance(line, Label):
                self._labels.pop(line.request_id, None)  # a correction counts, and is as young as it is
                self._labels[line.request_id] = (line.label, now_ms)
            elif not line.failed:
                self._answer(line, now_ms)
        while len(self._labels) > self._most:
            del self._labels[next(iter(self._labels))]
        while len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            self.arms[oldest[1]].dropped_at_ms = now_ms

    def _answer(self, record: Record, now_ms: int) -> None:
        counts = self.arms.get(record.arm)
        if counts is None:
            if len(self.arms) >= ARMS_MAX:
                return
            counts = self.arms[record.arm] = LabelCounts(from_ms=now_ms)
        counts.record_at_ms = now_ms
        key = (record.request_id, record.arm)
        if key in self._waiting or key in self._judged:
            self.doubles += 1
        else:
            self._waiting[key] = (record.output, now_ms)

    def ripen(self, now_ms: int) -> None:
        """Count the answers that are ripe by now, and forget what can be asked for no more."""
        over_ms = now_ms - self._ripe_ms
        for key in list(_until(self._waiting, over_ms)):
            output, came_ms = self._waiting.pop(key)
            self._judged[key] = now_ms
            said = self._labels.get(key[0])
            counts = self.arms[key[1]]
            self._count(counts, None if said is None else right(output, said[0], self._tolerance))
            if said is not None:
                counts.score(squared_error(output, said[0]))
                self._rank(counts, key, score_of(output, said[0]), came_ms, now_ms)
        if self.order is not None:
            self.order.close(over_ms)
        for request_id in list(_until(self._labels, over_ms - self._ripe_ms)):  # an answer may be logged later still
            del self._labels[request_id]
        for key in [key for key, _ in zip(self._judged, range(len(self._judged) - self._most), strict=False)]:
            del self._judged[key]

    def _rank(
        self, counts: LabelCounts, key: tuple[str, str], score: tuple[float, bool] | str, came_ms: int, now_ms: int
    ) -> None:
        """Take in a labelled answer's score, where scores are compared."""
        counts.orders.append(score if isinstance(score, str) else "")
        if self.order is None or isinstance(score, str):
            return
        request_id, arm = key
        if not self.order.add(arm, request_id, score[0], came_ms, positive=score[1]):
            counts.dropped_at_ms = now_ms

    def _count(self, counts: LabelCounts, verdict: bool | None) -> None:
        counts.due += 1
        counts.last.append(verdict is not None)
        if verdict is None:
            counts.missing += 1
            return
        counts.labelled += 1
        counts.wrong += not verdict


def _until(waiting: dict[_Key, tuple[Output, int]], over_ms: int) -> Iterator[_Key]:
    """Those that came no later than this; all others came after them."""
    for key, (_, at_ms) in waiting.items():
        if at_ms > over_ms:
            return
        yield key


def _lacking(arm: str, whys: Iterable[str], what: str) -> str:
    """A sentence where some of the last labelled answers are no such thing."""
    told = list(whys)
    said = [why for why in told if why]
    return f"of {arm}'s last {len(told)} labelled answers {len(said)} are {what}: {said[-1]}" if said else ""
