"""The difference of the stage so far and its range, column by column, as the daemon said it. It works nothing out.

Between two moments of one stage the line is straight; across a gap in the data, or from one stage to the next, there is
none. Where the daemon kept no range nothing is drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutd.pictures import SeriesPoint

Moment = tuple[float, "SeriesPoint"]


@dataclass(frozen=True, slots=True)
class Course:
    """One value a column: the difference so far, and its range."""

    deltas: list[float | None]
    edges: list[tuple[float, float] | None]

    @property
    def newest(self) -> tuple[float, float] | None:
        """The last range there is."""
        return next((both for both in reversed(self.edges) if both is not None), None)


def course_of(
    moments: Sequence[Moment], entered_s: Sequence[float], reach_s: float, column: Callable[[float], int], count: int
) -> Course:
    """The course over ``count`` columns. ``entered_s`` are when stages began, ``reach_s`` what is no gap yet."""
    found = Course([None] * count, [None] * count)
    begun = sorted(entered_s)
    before: tuple[float, float, float, float] | None = None
    for (last_s, _), (at_s, point) in pairwise([(float("-inf"), None), *moments]):
        if point is None:
            continue
        if at_s - last_s > reach_s or point.challenger is None:
            before = None
        if point.delta is None or point.low is None or point.high is None:
            continue
        here = (at_s, point.delta, point.low, point.high)
        if before is None or bisect_right(begun, before[0]) != bisect_right(begun, at_s):
            before = here
        _fill(found, before, here, column)
        before = here
    return found


def _fill(found: Course, one: tuple[float, ...], other: tuple[float, ...], column: Callable[[float], int]) -> None:
    """A straight line from one moment to the other, both in it."""
    begin, end = column(one[0]), column(other[0])
    for x in range(max(0, begin), min(len(found.deltas) - 1, end) + 1):
        part = (x - begin) / (end - begin) if end > begin else 1.0
        delta, low, high = (a + (b - a) * part for a, b in zip(one[1:], other[1:], strict=True))
        found.deltas[x], found.edges[x] = delta, (low, high)
