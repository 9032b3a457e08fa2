"""Drives the real application in a headless terminal against the scripted daemon, on a clock that a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from textual.pilot import Pilot

from rollout_tui.desk import RolloutApp
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.preferences import Preferences
from rollout_tui.scene import Look
from rollout_tui.theme import DARK
from rollout_tui.widgets.canvas import Canvas
from tests.tui import worlds
from tests.tui.fake_daemon import FakeDaemon

DEADLINE_S = 10.0
AS_OF_S = datetime.fromisoformat(worlds.AS_OF).timestamp()
"""The wall clock stands still at the moment that the scripted daemon names."""


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now_s

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


@dataclass
class Driven:
    """A running screen, its clock, and the daemon behind it."""

    app: RolloutApp
    pilot: Pilot[None]
    clock: Clock
    daemon: FakeDaemon

    @property
    def text(self) -> str:
        """What the terminal shows, without colour."""
        return texts(self.app.screen.query_one(Canvas).lines)

    async def keys(self, *names: str, gap_s: float = 0.2) -> None:
        """Press keys as a person would, some time after what came before."""
        for name in names:
            self.clock.forward(gap_s)
            await self.pilot.press(name)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the application run until something holds; fails with the screen's text when it never does."""
        end_s = time.monotonic() + DEADLINE_S
        while not holds():
            if time.monotonic() > end_s:
                raise AssertionError(f"It never came to hold. The screen shows:\n{self.text}")
            await asyncio.sleep(0.005)
            self.app.tick()
            await self.pilot.pause()

    async def sees(self, *words: str) -> None:
        """Wait until the screen shows all of these, wherever its lines are broken."""
        await self.until(lambda: all(word in " ".join(self.text.split()) for word in words))

    async def open_ranker(self) -> None:
        """From the fleet to the ranker's screen."""
        await self.sees("ranker")
        async with asyncio.timeout(DEADLINE_S):
            while self.app.listing.name != "ranker":
                await self.keys("j")
        await self.keys("enter")
        await self.sees("asked 10.0%", "NEXT")
        self.clock.forward(1.0)
        self.daemon.beat()
        await self.until(lambda: self.app.facts.detail_link.heard_s == self.clock.now_s)


@asynccontextmanager
async def driven(
    daemon: FakeDaemon,
    size: tuple[int, int] = (120, 36),
    filter_text: str = "",
    *,
    read_only: bool = False,
    preferences: Preferences | None = None,
) -> AsyncIterator[Driven]:
    """The application on a terminal of this size, connected to ``daemon``."""
    clock = Clock()
    look, mine = Look(ascii=True, zone=UTC), preferences or Preferences()
    options = Options(str(daemon.where), filter_text, look, DARK, retry_s=0.02, read_only=read_only, preferences=mine)
    app = RolloutApp(options, clock, lambda: AS_OF_S)
    app.courier.again_s = 0.02
    async with app.run_test(size=size) as pilot:
        yield Driven(app, pilot, clock, daemon)
