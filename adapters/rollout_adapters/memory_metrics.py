"""A metric source in memory: counters that are told what to say, and every way of not knowing on demand; no I/O at all.

It is what the demo without parts, the simulator and the tests read. The same calls always give the same answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rollout_adapters.metrics.timing import SourceOptions
from rollout_adapters.options import check_options
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Point, Question, Unreadable


@dataclass(slots=True)
class _Counter:
    """One series pair: all requests, those of the template's part, and when they were last sampled."""

    total: int = 0
    part: int | None = None
    frozen_at_ms: int | None = None


@dataclass(slots=True)
class _Arm:
    """The counters of one arm by (metric, instance, further label), and the fault it shows now."""

    counters: dict[tuple[str, str, str], _Counter] = field(default_factory=dict)
    fault: Unreadable | None = None


class MemorySource:
    """Counters by metric, arm and instance. ``now_ms`` is the source's clock."""

    def __init__(self, name: str, now_ms: Callable[[], int], every_ms: int = 10_000, max_age_ms: int = 20_000) -> None:
        self.name = name
        self.every_ms = every_ms
        self.max_age_ms = max_age_ms
        self._now_ms = now_ms
        self._arms: dict[str, _Arm] = {}
        self._fault: Unreadable | None = None
        self.reads = 0

    def count(
        self, metric: str, arm: str, total: int, part: int | None = None, instance: str = "0", label: str = ""
    ) -> None:
        """Add ``total`` requests of an arm, ``part`` of them bad (or good, as the metric's template counts).

        ``label`` is one more of the series' labels, such as ``region="eu"``. The part's series is born with the first
        ``part`` that is not None, as in engines without a zero to show.
        """
        counter = self._arm(arm).counters.setdefault((metric, instance, label), _Counter())
        counter.total += total
        if part is not None:
            counter.part = (counter.part or 0) + part

    def restart(self, arm: str, instance: str = "0") -> None:
        """A server of an arm begins again: its counters are zero and its part's series is not born."""
        for (metric, where, label), counter in self._arm(arm).counters.items():
            if where == instance:
                self._arm(arm).counters[metric, where, label] = _Counter(frozen_at_ms=counter.frozen_at_ms)

    def vanish(self, arm: str, instance: str | None = None) -> None:
        """The series of an arm, or of one instance of it, are gone."""
        counters = self._arm(arm).counters
        for key in [key for key in counters if instance in (None, key[1])]:
            del counters[key]

    def freeze(self, arm: str) -> None:
        """The arm's counters are sampled no more: their last samples grow old."""
        for counter in self._arm(arm).counters.values():
            counter.frozen_at_ms = self._now_ms()

    def fail(self, reason: BlindReason, arm: str | None = None, detail: str = "scripted") -> None:
        """Answer with this reason, for one arm or for all, until ``heal``."""
        if arm is None:
            self._fault = Unreadable(reason, detail)
        else:
            self._arm(arm).fault = Unreadable(reason, detail)

    def heal(self, arm: str | None = None) -> None:
        """End every fault, or those of one arm, and go on sampling."""
        if arm is None:
            self._fault = None
        for healed in self._arms.values() if arm is None else [self._arm(arm)]:
            healed.fault = None
            for counter in healed.counters.values():
                counter.frozen_at_ms = None

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """What the script says, at once."""
        self.reads += 1
        now_ms = self._now_ms()
        if self._fault is not None:
            return Answer(now_ms, dict.fromkeys(question.arm_values, self._fault))
        return Answer(now_ms, {arm: self._read(question, arm, now_ms) for arm in sorted(question.arm_values)})

    async def close(self) -> None:
        """Nothing is kept open."""

    def _arm(self, arm: str) -> _Arm:
        return self._arms.setdefault(arm, _Arm())

    def _read(self, question: Question, arm: str, now_ms: int) -> ArmReading:
        told = self._arms.get(arm, _Arm())
        if told.fault is not None:
            return told.fault
        total, part = [], []
        for (metric, instance, label), counter in told.counters.items():
            if metric != question.template.name:
                continue
            at_ms = now_ms if counter.frozen_at_ms is None else counter.frozen_at_ms
            labels = ",".join(filter(None, (f'arm="{arm}"', f'instance="{instance}"', label)))
            total.append(Point(f"total{{{labels}}}", float(counter.total), at_ms))
            if counter.part is not None:
                part.append(Point(f"part{{{labels}}}", float(counter.part), at_ms))
        if not total:
            return Unreadable(BlindReason.NO_SERIES, f"nothing was counted for {arm}")
        return Counted(tuple(total), tuple(part))


def make(name: str, options: Mapping[str, object]) -> MemorySource:
    """A memory source on the wall clock, with nothing counted yet. Raises BadOption."""
    told = check_options(SourceOptions, options, f"Source {name} (memory)")
    return MemorySource(name, lambda: time.time_ns() // 1_000_000, told.every, told.max_age_ms)
