"""The decision in words, as the daemon says it. What stops the rollout works here as on its own screen."""

from __future__ import annotations

from rollout_tui.http import Unreachable
from rollout_tui.lines import Line
from rollout_tui.pages import render_why
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rolloutd.wire import Problem, Why


class WhyScreen(Sheet):
    """Why a rollout is where it is."""

    def __init__(self, name: str, *, on_rollout: bool) -> None:
        super().__init__()
        self._rollout = name
        self.on_rollout = on_rollout
        self._why: Why | None = None

    def on_mount(self) -> None:
        """Ask the daemon."""
        super().on_mount()
        self.desk.errand(self._ask())

    async def _ask(self) -> None:
        try:
            found = await self.desk.client.why(self._rollout)
        except Unreachable as error:
            self.desk.note = f"The reasons could not be read: {error.why}. Traffic goes on as before; press w again."
        else:
            if isinstance(found, Problem):
                self.desk.note = f"{found.message} {found.next}"
            else:
                self._why = found
        self.desk.draw()

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The daemon's sentences."""
        return render_why(scene, self._rollout, self._why)

    def target(self) -> str:
        """The rollout that is explained."""
        return self._rollout

    def do(self, name: str) -> None:
        """Back."""
        if name in {"back", "escape", "why", "open"}:
            self.desk.back()
