"""One rollout. Abort and pause are one key here, in every tab and at every size; only in a replay they ask."""

from __future__ import annotations

from dataclasses import replace

from rollout_tui.keys import Command, Place
from rollout_tui.lines import Line
from rollout_tui.pages import TAB_COMMANDS, render_rollout
from rollout_tui.scene import Scene, Tab
from rollout_tui.screens.base import Sheet
from rollout_tui.screens.report import ReportScreen
from rollout_tui.screens.why import WhyScreen
from rollout_tui.segmenting import ON_SEGMENT, beside

_TABS = dict(zip(TAB_COMMANDS, Tab, strict=True))
_PLACES = {
    Tab.SEGMENTS: (Place.ROLLOUT, Place.SEGMENTS),
    Tab.CHARTS: (Place.ROLLOUT, Place.CHARTS),
    Tab.TIMELINE: (Place.ROLLOUT, Place.TIMELINE),
}


class RolloutScreen(Sheet):
    """The tabs of one rollout."""

    on_rollout = True

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The open tab."""
        return render_rollout(scene)

    def target(self) -> str:
        """The open rollout."""
        return self.desk.facts.name

    def places(self) -> tuple[Place, ...]:
        """The open tab; in a replay the keys of the record work in every tab but the charts' own."""
        desk = self.desk
        if desk.archive.papers.replay is not None and desk.tab is not Tab.CHARTS:
            return _PLACES[Tab.TIMELINE]
        return _PLACES.get(desk.tab, (Place.ROLLOUT,))

    def do(self, name: str) -> None:
        """Tabs, charts, the record, why, report, back."""
        desk, tabs = self.desk, list(Tab)
        if name in _TABS:
            desk.tab = _TABS[name]
        elif name in {"next-tab", "last-tab"}:
            way = 1 if name == "next-tab" else -1
            desk.tab = tabs[(tabs.index(desk.tab) + way) % len(tabs)]
        elif name in {"next-needs", "last-needs"}:
            desk.other(1 if name == "next-needs" else -1)
        elif name == "why":
            desk.go(WhyScreen(desk.facts.name, on_rollout=True))
        elif name == "report":
            desk.go(ReportScreen(desk.facts.name, on_rollout=True))
        elif name in {"back", "escape"}:
            self._back()
        elif name in {"segment-down", "segment-up"}:
            desk.segment = beside(desk.facts.status, desk.segment, 1 if name == "segment-down" else -1)
        elif not self._in_record(name):
            self._in_charts(name)

    def run(self, command: Command) -> None:
        """On another tab the key of a segment only opens its tab, so that nothing is isolated that is not seen."""
        status = self.desk.facts.status
        if command.name in ON_SEGMENT and self.desk.tab is not Tab.SEGMENTS and status is not None and status.segments:
            self.desk.tab, self.desk.segment = Tab.SEGMENTS, ""
            return
        super().run(command)

    def _back(self) -> None:
        """Out of the past first, then to the fleet."""
        if self.desk.archive.papers.replay is not None:
            self.desk.archive.live()
        else:
            self.desk.leave()

    def _in_record(self, name: str) -> bool:
        """Ways through the record."""
        archive = self.desk.archive
        ways = {"step-back": (-1, False), "step-on": (1, False), "event-back": (-1, True), "event-on": (1, True)}
        if name in ways:
            way, only_moves = ways[name]
            archive.step(way, only_moves=only_moves)
        elif name == "play":
            archive.play()
        elif name == "live":
            archive.live()
        else:
            return False
        return True

    def _in_charts(self, name: str) -> None:
        """Ways to look at the charts."""
        archive = self.desk.archive
        chart = archive.papers.chart
        if name == "range":
            archive.look(chart.turned())
        elif name == "view":
            archive.look(replace(chart, difference=not chart.difference))
        elif name in {"lower", "upper"}:
            archive.look(replace(chart, first=max(0, chart.first + (1 if name == "lower" else -1))))
