"""Lines and a band over time in braille dots, or in ``.``, ``*`` and ``:``; it knows numbers, not what they mean. Pure.

Values are put together to one a column of dots first, so that a long course costs no more than a short one. A gap in
the data is a gap in the line: nothing is drawn where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout_tui.lines import Line, Role, Span

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: a value for each column of dots, None where there is none. ``dotted`` leaves out every other dot."""

    values: Sequence[float | None]
    role: Role
    mark: str
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Strait:
    """What lies between two lines: its edges and a thin filling, cut off where it leaves the frame."""

    edges: Sequence[tuple[float, float] | None]
    role: Role
    mark: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The room for a plot and the values at its lower and upper edge."""

    width: int
    height: int
    low: float
    high: float

    def dot(self, value: float) -> int:
        """The row of dots, from the top, that a value falls on; at the edge where it lies outside."""
        return max(0, min(self.height * 4 - 1, self.far_dot(value)))

    def far_dot(self, value: float) -> int:
        """The same, also outside of the frame."""
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round((1 - part) * (self.height * 4 - 1))


def spread_of(curves: Sequence[Curve], also: Sequence[float] = ()) -> tuple[float, float] | None:
    """The lowest and highest value, with a little air; None where there is no value at all."""
    known = [value for curve in curves for value in curve.values if value is not None]
    if not known:
        return None
    low, high = min(*known, *also, known[0]), max(*known, *also, known[0])
    air = (high - low) * 0.08 or max(abs(high) * 0.1, 1e-4)
    return low - (air if low < 0 else min(air, low)), high + air


def plot(
    frame: Frame, curves: Sequence[Curve | Strait], level: float | None, marks: Sequence[int], *, ascii_only: bool
) -> list[Line]:
    """The rows of a plot. ``level`` is a horizontal dotted line, ``marks`` are columns of cells with a vertical one."""
    cells: list[list[tuple[int, Curve | Strait | None]]] = [[(0, None)] * frame.width for _ in range(frame.height)]
    for curve in curves:
        for x, y in _within(frame, curve) if isinstance(curve, Strait) else _dots(frame, curve):
            dots, _ = cells[y // 4][x // 2]
            cells[y // 4][x // 2] = (dots | _DOTS[x % 2][y % 4], curve)
    level_row = frame.dot(level) // 4 if level is not None and frame.low <= level <= frame.high else None
    rows = []
    for y, row in enumerate(cells):
        spans: list[Span] = []
        for x, (dots, owner) in enumerate(row):
            char, role = _cell(dots, owner, ascii_only=ascii_only)
            if not dots:
                char, role = _empty(at_level=y == level_row, at_mark=x in marks, even=x % 2 == 0, ascii_only=ascii_only)
            if spans and spans[-1].role is role:
                spans[-1] = Span(spans[-1].text + char, role)
            else:
                spans.append(Span(char, role))
        rows.append(tuple(spans))
    return rows


def _cell(dots: int, owner: Curve | Strait | None, *, ascii_only: bool) -> tuple[str, Role]:
    if owner is None:
        return " ", Role.PLAIN
    return (owner.mark if ascii_only else chr(_BRAILLE | dots)), owner.role


def _empty(*, at_level: bool, at_mark: bool, even: bool, ascii_only: bool) -> tuple[str, Role]:
    if at_mark:
        return "|" if ascii_only else "│", Role.NOTICE
    if at_level and even:
        return "-" if ascii_only else "╌", Role.WARNING
    return " ", Role.PLAIN


def _within(frame: Frame, strait: Strait) -> list[tuple[int, int]]:
    """The dots of a strait: its edges where they are in the frame, and every fourth dot of every fourth column."""
    found: list[tuple[int, int]] = []
    last = frame.height * 4 - 1
    for x, edges in enumerate(strait.edges[: frame.width * 2]):
        if edges is None:
            continue
        upper, lower = frame.far_dot(edges[1]), frame.far_dot(edges[0])
        found += [(x, y) for y in (upper, lower) if 0 <= y <= last and x % 2 == 0]
        if x % 4 == 0:
            found += [(x, y) for y in range(max(0, upper), min(last, lower) + 1) if y % 4 == 2]
    return found


def _dots(frame: Frame, curve: Curve) -> list[tuple[int, int]]:
    """The dots of a curve: each value, and where the next column jumps, the dots between on the way."""
    found: list[tuple[int, int]] = []
    before: int | None = None
    for x, value in enumerate(curve.values[: frame.width * 2]):
        if value is None:
            before = None
            continue
        y = frame.dot(value)
        if not curve.dotted or x % 2 == 0:
            way = range(min(before, y), max(before, y) + 1) if before is not None and not curve.dotted else (y,)
            found += [(x, one) for one in way]
        before = y
    return found
