"""What one query counted so far, window after window, as counters that only grow; it asks nothing.

Each window is read once: what a label says later changes nothing that was counted. An arm whose row could not be used
begins a new counter, so that what was missed is never made up for on one side alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rollout_adapters.sql.rows import ArmRow
from rolloutd.core.metrics import COVERED_BY, ArmReading, BlindReason, Counted, Point, Unreadable, lacking_labels


@dataclass(slots=True)
class Arm:
    """One arm's counters, since ``from_ms``. ``covered`` are the last windows: how many were due, how many counted."""

    from_ms: int
    n: int = 0
    bad: float = 0.0
    at_ms: int = 0
    newest_ms: int | None = None
    covered: deque[tuple[int, int]] = field(default_factory=deque)

    @property
    def coverage(self) -> tuple[int, int]:
        """Of the last windows, how many were due and how many of those counted."""
        return sum(due for due, _ in self.covered), sum(n for _, n in self.covered)


class Ledger:
    """The counters of one query. ``until_ms`` is how far its windows reach, None before the first."""

    def __init__(self) -> None:
        self.until_ms: int | None = None
        self._arms: dict[str, Arm] = {}
        self._trouble: dict[str, Unreadable] = {}

    def take(self, rows: Mapping[str, ArmRow | Unreadable], until_ms: int, now_ms: int) -> None:
        """Add a window that ends at ``until_ms``, read now."""
        self.until_ms = until_ms
        self._trouble = {}
        for name, row in rows.items():
            if isinstance(row, Unreadable):
                self._trouble[name] = row
                self._arms.pop(name, None)
                continue
            arm = self._arms.setdefault(name, Arm(from_ms=until_ms))
            arm.n += row.n
            arm.bad += row.bad
            arm.newest_ms = row.newest_ms
            if row.due:
                arm.at_ms = now_ms
                _cover(arm.covered, row)

    def readings(self, arms: Iterable[str], now_ms: int, max_age_ms: int, least: float) -> dict[str, ArmReading]:
        """What each asked arm's counters say. A window without a row adds nothing, and the counters grow old."""
        return {name: self._reading(name, now_ms, max_age_ms, least) for name in arms}

    def _reading(self, name: str, now_ms: int, max_age_ms: int, least: float) -> ArmReading:
        if name in self._trouble:
            return self._trouble[name]
        arm = self._arms.get(name)
        if arm is None or arm.at_ms == 0:
            return Unreadable(BlindReason.NO_SERIES, f"the query has no row for {name} yet")
        if arm.newest_ms is not None and now_ms - arm.newest_ms > max_age_ms:
            late_s = (now_ms - arm.newest_ms) / 1000
            return Unreadable(BlindReason.TARGET_DOWN, f"the newest label is {late_s:.0f} s old: labels have stopped")
        if (lacking := lacking_labels(name, *arm.coverage, least)) is not None:
            return lacking
        series = f'{{arm="{name}",from="{arm.from_ms}"}}'
        total, bad = Point(f"n{series}", float(arm.n), arm.at_ms), Point(f"bad{series}", float(arm.bad), arm.at_ms)
        return Counted((total,), (bad,))


def _cover(covered: deque[tuple[int, int]], row: ArmRow) -> None:
    covered.append((row.due, row.n))
    while sum(due for due, _ in covered) - covered[0][0] >= COVERED_BY:
        covered.popleft()
