"""What the screen is started with, and the clock it goes by; it decides nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rollout_tui.facts import Facts
from rollout_tui.preferences import Preferences
from rollout_tui.scene import Look
from rollout_tui.theme import DARK, Palette

if TYPE_CHECKING:
    from rollout_tui.bridge import Bridge
    from rollout_tui.early import Early

RETRY_S = 2.0


def boot_clock() -> float:
    """Seconds on a clock that goes on while the machine sleeps: a laptop that wakes up has an old picture."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class Options:
    """What the screen is started with.

    ``bridges`` lead to other hosts, by their names. ``facts`` is what the first frame showed, ``early`` the stream that
    it came from.
    """

    where: str = ""
    filter_text: str = ""
    look: Look = field(default_factory=Look)
    palette: Palette = DARK
    retry_s: float = RETRY_S
    name: str = ""
    read_only: bool = False
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    preferences: Preferences = field(default_factory=Preferences)
    facts: Facts = field(default_factory=Facts)
    early: Early | None = None
