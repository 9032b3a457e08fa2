"""The commands that every screen has, from help to the bell. They change how things are looked at, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rollout_tui import alerts, copying
from rollout_tui.screens.base import Sheet
from rollout_tui.screens.by_hand import ByHandScreen
from rollout_tui.screens.finder import FinderScreen
from rollout_tui.widgets.canvas import Canvas

if TYPE_CHECKING:
    from rollout_tui.desk import RolloutApp


def _find(desk: RolloutApp, *, palette: bool) -> None:
    if isinstance(desk.screen, Sheet) and not isinstance(desk.screen, FinderScreen):
        desk.go(FinderScreen(desk.screen, palette=palette))


def _by_hand(desk: RolloutApp) -> None:
    if isinstance(desk.screen, Sheet) and not isinstance(desk.screen, ByHandScreen):
        desk.go(ByHandScreen(desk.screen.target(), on_rollout=desk.screen.on_rollout))


def _copy(desk: RolloutApp) -> None:
    """Into the clipboard, which the terminal may refuse without a word, and into a file, which is certain."""
    at, hello = datetime.now(UTC), desk.facts.hello
    for canvas in desk.screen.query(Canvas):
        text = copying.picture(canvas.lines, hello.host if hello else "", at)
        desk.copy_to_clipboard(text)
        file, why = copying.write(text, copying.place(), "screen", "txt", at)
        kept = f"also in {file}" if file else f"no file was written ({why})"
        desk.note = f"Copied to the clipboard where the terminal allows it; {kept}."


def _mouse(desk: RolloutApp) -> None:
    desk.mouse_on = not desk.mouse_on
    desk.say_to_terminal("\x1b[?1000h\x1b[?1003h\x1b[?1006h" if desk.mouse_on else "\x1b[?1000l\x1b[?1003l\x1b[?1006l")
    desk.note = "The mouse is the screen's." if desk.mouse_on else "The mouse is the terminal's: select text as usual."


def _mute(desk: RolloutApp) -> None:
    desk.ringer.alarms = alerts.mute(desk.ringer.alarms, desk.now())


_COMMON: Mapping[str, Callable[[RolloutApp], None]] = {
    "help": lambda desk: _find(desk, palette=False),
    "palette": lambda desk: _find(desk, palette=True),
    "quit": lambda desk: desk.exit(),
    "redraw": lambda desk: desk.redraw(),
    "copy": _copy,
    "mouse": _mouse,
    "zone": lambda desk: desk.toggle_zone(),
    "by-hand": _by_hand,
    "mute": _mute,
}


def common(desk: RolloutApp, name: str) -> bool:
    """Do a command that every screen has; False when this is none."""
    if name not in _COMMON:
        return False
    _COMMON[name](desk)
    return True
