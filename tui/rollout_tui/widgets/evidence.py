"""The evidence bar: how far the evidence has come toward going back and toward going up. Not a probability."""

from __future__ import annotations

import math

from rollout_tui.lines import Line, Role, Span, line


def _filled(part: float, cells: int) -> int:
    """Filled cells for a part of the way: all of them only when the line is reached, none only for nothing."""
    if math.isnan(part) or part <= 0:
        return 0
    return cells if part >= 1 else max(1, min(cells - 1, math.floor(part * cells)))


def render_bar(harm: float, safe: float, half: int) -> Line:
    """Two bars that grow from the middle: harm to the left, safe to the right. A reached line ends in ``*``."""
    left, far = _filled(harm, half), _filled(safe, half)
    back = "#" * left + "" if left < half else "*" + "#" * (half - 1)
    up = "#" * far if far < half else "#" * (half - 1) + "*"
    return line(
        "[" + "-" * (half - left),
        Span(back, Role.CRITICAL if harm > 0.5 else Role.WARNING),
        "|",
        Span(up, Role.GOOD),
        "-" * (half - far) + "]",
    )
