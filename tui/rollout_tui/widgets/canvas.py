"""The one widget that paints: lines in, strips out, and only the lines that changed are painted again."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from rollout_tui.lines import Line, Role, line_width
from rollout_tui.theme import MONO, Palette, span_style, style


def differing(old: Line, new: Line, cells: int) -> tuple[int, int]:
    """The cells from the first to after the last that differ; whole lines where a character is wider than a cell."""
    if any(len(span.text) != line_width((span,)) for span in (*old, *new)):
        return 0, cells
    left, far = ([(char, span.role, span.cursor) for span in one for char in span.text][:cells] for one in (old, new))
    blank = (" ", Role.PLAIN, False)
    left, far = ([*one, *[blank] * (cells - len(one))] for one in (left, far))
    places = [x for x in range(cells) if left[x] != far[x]]
    return (places[0], places[-1] + 1) if places else (0, 1)


class Canvas(Widget):
    """A screen full of lines through Textual's line interface: no widget a row, no layout a change."""

    can_focus = False

    def __init__(self, palette: Palette = MONO) -> None:
        super().__init__()
        self.palette = palette
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: tuple[Line, ...]) -> int:
        """Paint these lines from now on; returns how many differed."""
        before, self.lines = self.lines, lines
        regions = []
        for y in range(max(len(before), len(lines))):
            old, new = before[y] if y < len(before) else (), lines[y] if y < len(lines) else ()
            if old != new:
                start, end = differing(old, new, max(1, self.size.width))
                regions.append(Region(start, y, end - start, 1))
        if regions:
            self.refresh(*regions)
        return len(regions)

    def render_line(self, y: int) -> Strip:
        """One line as styled segments in exactly the widget's width."""
        cells = self.size.width
        blank = style(self.palette, Role.PLAIN)
        spans = self.lines[y] if y < len(self.lines) else ()
        segments = [Segment(span.text, span_style(self.palette, span)) for span in spans]
        fill = cells - line_width(spans)
        if fill > 0:
            segments.append(Segment(" " * fill, blank))
        return Strip(segments, max(cells, line_width(spans))).crop(0, cells)
