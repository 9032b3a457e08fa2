"""Sends to the terminal only the cells that are painted anew; the toolkit's own update begins each at the left edge.

It draws nothing itself and decides nothing: what is in a cell comes from the screen's canvas.
"""

from __future__ import annotations

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor


class ExactUpdate(ChopsUpdate):
    """An update whose every piece begins where its change does."""

    def render_segments(self, console: Console) -> str:
        """The update as what a terminal takes."""
        return "".join(self._piece(console, y, begin, end) for y, begin, end in self.spans)

    def _piece(self, console: Console, y: int, begin: int, end: int) -> str:
        found = []
        for stop, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            first, last = max(x, begin), min(stop, end)
            if strip is not None and first < last:
                piece = strip.crop(first - x, last - x).render(console)
                found.append(f"\x1b[{y + 1};{first + 1}H{piece}")
        return "".join(found)


class ExactCompositor(Compositor):
    """Puts a screen together as the toolkit does, and sends changes exactly."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The changed cells since the last one."""
        found = super().render_partial_update()
        return None if found is None else ExactUpdate(found.chops, found.spans, found.chop_ends)
