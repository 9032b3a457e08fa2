"""One rollout. Abort and pause are one key here, in every tab and at every size, and ask nothing."""

from __future__ import annotations

from rollout_tui.lines import Line
from rollout_tui.pages import render_rollout
from rollout_tui.scene import Scene, Tab
from rollout_tui.screens.base import Sheet
from rollout_tui.screens.help import HelpScreen
from rollout_tui.screens.why import WhyScreen


class RolloutScreen(Sheet):
    """The tabs of one rollout."""

    on_rollout = True

    def __init__(self) -> None:
        super().__init__()
        self._revision = -1

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The open tab; the record is read again whenever the rollout moved on."""
        status = scene.facts.status
        if scene.tab is Tab.TIMELINE and status is not None and status.revision != self._revision and not scene.stale:
            self._revision = status.revision
            self.desk.errand(self.desk.fetch_timeline())
        return render_rollout(scene)

    def target(self) -> str:
        """The open rollout."""
        return self.desk.facts.name

    def press(self, key: str) -> None:
        """Tabs, why, help, back."""
        desk, tabs = self.desk, list(Tab)
        if key in {"1", "2", "3", "4", "5"}:
            desk.tab = tabs[int(key) - 1]
        elif key in {"tab", "shift+tab"}:
            step = 1 if key == "tab" else -1
            desk.tab = tabs[(tabs.index(desk.tab) + step) % len(tabs)]
        elif key == "w":
            desk.go(WhyScreen(desk.facts.name, on_rollout=True))
        elif key == "?":
            desk.go(HelpScreen(on_rollout=True))
        elif key in {"q", "escape"}:
            desk.leave()
