"""Counts each arm's answers by class, or by where a number lies between edges; it joins nothing and judges nothing.

A class or an edge is as the metric says, before the first answer is looked at. An answer that fits none, also one
without an output, is counted as such and never left out. Failures are no answers. A line that comes twice counts once,
as long as it is remembered: so many of the last ones are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rollout_adapters.predictions.joiner import ARMS_MAX
from rollout_adapters.predictions.record import Output, Record, greatest

ELSE = ""
"""What stands in the place of a class for an answer that fits none."""


@dataclass(slots=True)
class BinCounts:
    """One arm's answers by the name of their bin; every figure only grows."""

    from_ms: int
    record_at_ms: int = 0
    n: int = 0
    by_bin: dict[str, int] = field(default_factory=dict)


class BinBook:
    """All arms' answers, told apart into ``names``: classes, or what lies between the ``edges``."""

    def __init__(self, names: Sequence[str], edges: Sequence[float], most: int) -> None:
        self._names = tuple(names)
        self._edges = tuple(edges)
        self._most = most
        self._seen: dict[tuple[str, str], None] = {}
        self.arms: dict[str, BinCounts] = {}
        self.doubles = 0

    def add(self, lines: Iterable[object], now_ms: int) -> None:
        """Take answers in; whatever else a log says is passed over."""
        for line in lines:
            if isinstance(line, Record) and not line.failed:
                self._answer(line, now_ms)
        for key in [key for key, _ in zip(self._seen, range(len(self._seen) - self._most), strict=False)]:
            del self._seen[key]

    def bin_of(self, output: Output) -> str:
        """The name of the bin of an output."""
        if self._edges:
            return self._names[bisect_right(self._edges, output)] if isinstance(output, float) else ELSE
        if isinstance(output, tuple):
            output = float(greatest(output))
        said = f"{output:.12g}" if isinstance(output, float) else output
        return said if said in self._names and said is not None else ELSE

    def _answer(self, record: Record, now_ms: int) -> None:
        counts = self.arms.get(record.arm)
        if counts is None:
            if len(self.arms) >= ARMS_MAX:
                return
            counts = self.arms[record.arm] = BinCounts(now_ms, by_bin=dict.fromkeys((*self._names, ELSE), 0))
        counts.record_at_ms = now_ms
        key = (record.request_id, record.arm)
        if key in self._seen:
            self.doubles += 1
            return
        self._seen[key] = None
        counts.n += 1
        counts.by_bin[self.bin_of(record.output)] += 1
