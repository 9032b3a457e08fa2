"""How news leave the screen: the bell, a desktop notification, the window's title. It rings what alerts.py says.

Every text is stripped of control characters before it goes into a sequence, so that a rollout's name can end none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollout_tui import alerts, figures
from rollout_tui.alerts import Alarms
from rollout_tui.lines import clean
from rollout_tui.words import attention, state_word

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow

ESC, BEL, END = "\x1b", "\x07", "\x1b\\"
NOTIFY = ("off", "bell", "osc9", "osc777", "osc99")


@dataclass(frozen=True, slots=True)
class Ways:
    """How to notify, and whether to reach through tmux."""

    notify: str = "bell"
    through_tmux: bool = False


def sequence(ways: Ways, text: str) -> str:
    """What to write for one ring: the bell, and the notification where one is wanted."""
    if ways.notify == "off":
        return ""
    told = clean(text).replace(";", ",")[:200]
    note = {
        "osc9": f"{ESC}]9;{told}{END}",
        "osc777": f"{ESC}]777;notify;rolloutd;{told}{END}",
        "osc99": f"{ESC}]99;i=rolloutd;{told}{END}",
    }.get(ways.notify, "")
    return BEL + (_through(note) if note and ways.through_tmux and os.environ.get("TMUX") else note)


def _through(note: str) -> str:
    """A sequence wrapped for tmux's passthrough."""
    return f"{ESC}Ptmux;{note.replace(ESC, ESC + ESC)}{END}"


def title(rows: Mapping[str, FleetRow], urgent: frozenset[str], *, lost: bool) -> str:
    """The window's title: how many need somebody, and the most urgent of them; ``urgent`` names those that do."""
    if lost:
        return "LOST rolloutd"
    if not urgent:
        return "rolloutd"
    top = min((rows[name] for name in urgent), key=lambda row: (attention(row.state), -row.asked, row.name))
    return f"({len(urgent)}!) rolloutd: {top.name} {state_word(top.state).word}"


class Bell:
    """Rings and writes the title through ``write``, which takes a sequence for the terminal."""

    def __init__(self, ways: Ways, write: Callable[[str], None]) -> None:
        self.ways = ways
        self._write = write
        self._titled: tuple[Mapping[str, FleetRow], frozenset[str], bool] | None = None
        self._title = ""
        self.alarms = Alarms()
        self.rung = 0

    def begin(self) -> None:
        """Keep the title that was there."""
        self._write(f"{ESC}[22;2t")

    def end(self) -> None:
        """Give it back."""
        self._write(f"{ESC}[23;2t")

    def say(self, now_s: float) -> str:
        """The bell's state, always shown."""
        left_s = self.alarms.left_s(now_s)
        return (
            f"bell off {figures.age(left_s)}" if left_s > 0 else "bell off" if self.ways.notify == "off" else "bell on"
        )

    def tick(self, rows: Mapping[str, FleetRow], urgent: frozenset[str], *, lost: bool, now_s: float) -> None:
        """Ring what is due; write the title when it changed."""
        self.alarms = alerts.link(self.alarms, lost=lost)
        self.alarms, ring = alerts.due(self.alarms, now_s)
        if ring is not None:
            self.rung += 1
            self._write(sequence(self.ways, ring.text))
        if self._titled is not None and self._titled[0] is rows and self._titled[1:] == (urgent, lost):
            return
        self._titled = (rows, urgent, lost)
        fresh = title(rows, urgent, lost=lost)
        if fresh != self._title:
            self._title = fresh
            self._write(f"{ESC}]2;{clean(fresh)}{END}")
