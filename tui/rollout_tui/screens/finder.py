"""The help (``?``) and the palette (``:``) over a screen: letters search, Enter runs what is highlighted.

No letter acts here. What Enter runs goes the same way as its key on the screen below: what raises exposure asks.
"""

from __future__ import annotations

from dataclasses import replace

from rollout_tui.lines import Line, clean
from rollout_tui.scene import Scene
from rollout_tui.screens.base import Sheet
from rollout_tui.widgets.finder import Found, render_finder
from rollout_tui.words import STATES

_MOVES = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8}


class FinderScreen(Sheet):
    """Commands of the screen below."""

    acts = False

    def __init__(self, below: Sheet, *, palette: bool) -> None:
        super().__init__()
        self.on_rollout = below.on_rollout
        self._below = below
        self._found = Found(below.places(), below.on_rollout, palette)

    def picture(self, scene: Scene) -> tuple[Line, ...]:
        """The list."""
        return render_finder(scene, self._found)

    def target(self) -> str:
        """Nothing: no key acts here."""
        return ""

    def typing(self, key: str, character: str | None) -> bool:
        """All keys but those with ctrl belong to the search."""
        if key == "escape" or (character == "?" and not self._found.palette):
            self.desk.back()
        elif key == "enter":
            self._run()
        elif key in _MOVES:
            self._move(_MOVES[key])
        elif key == "backspace":
            self._found = replace(self._found, text=self._found.text[:-1], at=self._first(self._found.text[:-1]))
        elif character and character.isprintable():
            self._found = replace(self._found, text=(self._found.text + clean(character))[:40], at=0)
        else:
            return not key.startswith("ctrl+")
        return True

    def _first(self, text: str) -> int:
        """What is highlighted for a text: the first that was found, or nothing before anything was looked for."""
        return 0 if text else -1

    def _move(self, steps: int) -> None:
        last = len(self._found.commands) - 1
        if not self._found.palette and not self._found.text:
            last += len(STATES)
        self._found = replace(self._found, at=max(0, min(last, self._found.at + steps)))

    def _run(self) -> None:
        """Close, and do on the screen below what its key would do."""
        command = self._found.chosen
        if command is None:
            return
        self.desk.back()
        self.desk.changed_s = float("-inf")  # it was chosen for that screen, by reading its name
        self._below.run(command)
