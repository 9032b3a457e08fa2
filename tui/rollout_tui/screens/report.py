"""The report of one rollout, read from the daemon, shown, and kept as a file. What stops the rollout works here too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rollout_tui import copying
from rollout_tui.http import Unreachable
from rollout_tui.keys import Place
from rollout_tui.lines import Line, clean
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.widgets.report import Page, moved, page_height, render_report
from rolloutd.wire import Problem

if TYPE_CHECKING:
    from rolloutd.wire_report import Report

END = 1 << 20


class ReportScreen(Sheet):
    """One page about a rollout."""

    def __init__(self, name: str, *, on_rollout: bool) -> None:
        super().__init__()
        self.on_rollout = on_rollout
        self._page = Page(name)

    def on_mount(self) -> None:
        """Ask the daemon."""
        super().on_mount()
        self.desk.errand(self._ask())

    async def _ask(self) -> None:
        try:
            found = await self.desk.client.report(self._page.name)
        except Unreachable as error:
            self.desk.note = f"The report could not be read: {error.why}. Traffic goes on as before; press e again."
        else:
            if isinstance(found, Problem):
                self.desk.note = f"{found.message} {found.next}"
            else:
                self._page = _kept(self._page.name, found)
        self.desk.draw()

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The report."""
        return render_report(scene, self._page)

    def target(self) -> str:
        """The rollout that it is about."""
        return self._page.name

    def places(self) -> tuple[Place, ...]:
        """A report: its keys scroll."""
        return (Place.REPORT,)

    def do(self, name: str) -> None:
        """Scroll, or back."""
        scene = self.desk.scene(on_rollout=self.on_rollout)
        half = max(1, page_height(scene, self._page) // 2)
        ways = {
            "line-down": 1,
            "line-up": -1,
            "page-down": half,
            "page-up": -half,
            "first-line": -END,
            "last-line": END,
        }
        if name in ways:
            self._page = replace(self._page, first=moved(scene, self._page, ways[name]))
        elif name in {"back", "escape", "report", "open"}:
            self.desk.back()


def _kept(name: str, found: Report) -> Page:
    """The same words and the same page as the command makes, the page in a file of its own."""
    from rolloutd.ctl import report_html, report_text  # only who asks for a report loads what makes it

    known = found.model_dump(mode="json", by_alias=True)
    file, why = copying.write(report_html.page(known), copying.place(), f"report-{name}", "html", datetime.now(UTC))
    rows = tuple(clean(row) for row in report_text.text(known).splitlines())
    return Page(name, rows, found.as_of, file, why)
