"""The one widget that paints: lines in, strips out, and only the lines that changed are painted again."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from rollout_tui.lines import Line, Role, line_width
from rollout_tui.theme import MONO, Palette, span_style, style


def changed(old: Line, new: Line, cells: int) -> tuple[int, int]:
    """From which cell to which a line is to be painted anew: whole spans, from the first to the last that differs."""
    alike = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    begin, end = line_width(new[:alike]), cells
    if len(old) == len(new):
        after = next(at for at in range(len(new), alike, -1) if old[at - 1] != new[at - 1])
        if line_width(old[:after]) == line_width(new[:after]):
            end = line_width(new[:after])
    begin = min(begin, cells - 1)
    return begin, max(begin + 1, min(end, cells))


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
                begin, end = changed(old, new, max(1, self.size.width))
                regions.append(Region(begin, y, end - begin, 1))
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
