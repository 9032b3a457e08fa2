"""A thousand keys at random on the real daemon: without ``y`` no share ever rises, with it one does (I4).

The screen and the daemon run in one loop; what is looked at is the router in memory and the record, not the screen.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from textual import events

from rollout_tui.desk import RolloutApp
from rollout_tui.link import LinkState
from rollout_tui.options import Options
from rollout_tui.scene import Look
from rolloutd import server_events
from rolloutd.simdemo.stories import STORIES
from tests.tui.driving import Clock
from tests.tui.true_daemon import TrueDaemon, true_daemon

EVERYTHING = [*"bcCefgGhHijkmMnNoOprRsStTuUvwxXzY12345/?:![]{}() ", "enter", "enter", "escape", "escape", "tab", "end",
              "up", "down", "left", "right"]  # fmt: skip
"""All keys but ``y``, and but ``a``: a rollout that was aborted has no share left that could rise."""
DEADLINE_S = 60.0
RAISING = [*"mmyyxxxx", "enter"]

PLACES = {"FleetScreen", "RolloutScreen", "WhyScreen", "FinderScreen", "ByHandScreen", "WizardScreen"} | {
    "ReportScreen",
    "stages", "charts", "segments", "timeline", "plan", "replay",
}  # fmt: skip


@asynccontextmanager
async def screen(true: TrueDaemon, name: str) -> AsyncIterator[tuple[RolloutApp, Clock]]:
    """The screen on that daemon, on a clock of its own, open on one rollout."""
    clock = Clock()
    options = Options(str(true.where), look=Look(ascii=True, zone=UTC), retry_s=0.02, name=name)
    app = RolloutApp(options, clock)
    async with app.run_test(size=(120, 36)):
        async with asyncio.timeout(DEADLINE_S):
            while app.facts.status is None:
                await asyncio.sleep(0.01)
        yield app, clock


async def _beat(app: RolloutApp, clock: Clock) -> None:
    """Wait for the daemon's next word, so that the screen's clock and the daemon's go together.

    A word that does not come within some looks is lost; the screen then waits by its own clock, which must go on.
    """
    async with asyncio.timeout(DEADLINE_S):
        looks = 0
        while app.facts.fleet_link.heard_s != clock.now_s:
            looks += 1
            if looks % 500 == 0:
                clock.forward(0.5)
            await asyncio.sleep(0.002)


async def _type(app: RolloutApp, clock: Clock, keys: list[str], chance: random.Random, count: int) -> Counter[str]:
    """Press keys; returns on which screens they were pressed, and how many met a connected one (``live``)."""
    seen: Counter[str] = Counter()
    for at in range(count):
        clock.forward(chance.choice([0.01, 0.05, 0.2, 0.5, 0.7]))
        if at % 4 == 0:
            await _beat(app, clock)
        key = chance.choice(keys)
        link = app.facts.fleet_link.state(clock())
        seen["live"] += link in {LinkState.LIVE, LinkState.LATE}
        seen[type(app.screen).__name__] += 1
        seen[app.tab] += app.facts.name != ""
        seen["replay"] += app.archive.papers.replay is not None
        app.screen.post_message(events.Key("space" if key == " " else key, key if len(key) == 1 else None))
        async with asyncio.timeout(DEADLINE_S):
            while app.key_s != clock():
                await asyncio.sleep(0)
        app.tick()
        if app.return_code is not None or app._exit:
            break
    return seen


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon speaks a hundred times a second here, for the screen's clock runs faster than ours."""
    monkeypatch.setattr(server_events, "HEARTBEAT_S", 0.01)


@pytest.mark.slow
async def test_a_thousand_keys_without_y_never_raise_a_share() -> None:
    """On every screen, as admin, with rollouts that may go up: the router and the record show no increase."""
    chance, seen = random.Random(7), Counter[str]()
    with TemporaryDirectory(prefix="roll-") as folder:
        async with true_daemon(Path(folder)) as true:
            before = await true.shares()
            while seen["pressed"] < 1000 or (seen["pressed"] < 4000 and not all(seen[place] for place in PLACES)):
                async with screen(true, chance.choice(STORIES).route) as (app, clock):
                    found = await _type(app, clock, EVERYTHING, chance, 250)
                seen.update(found)
                seen["pressed"] = sum(count for name, count in seen.items() if name.endswith("Screen"))
            after = await true.shares()
            for story in STORIES:
                assert after[story.route] <= before[story.route]
                assert await true.rises(story.route) == []
            assert len(true.daemon.loop.lanes) + len(true.daemon.loop.ended) == len(STORIES), "nothing was started"
            assert any(share.basis_points for share in after.values()), "there was something left to raise"
    assert {place for place in PLACES if not seen[place]} == set()
    assert seen["live"] >= 0.9 * seen["pressed"]


@pytest.mark.slow
async def test_with_y_a_share_does_rise() -> None:
    """The positive control: the same daemon, the same screen, and ``y`` among the keys."""
    with TemporaryDirectory(prefix="roll-") as folder:
        async with true_daemon(Path(folder)) as true, screen(true, "healthy") as (app, clock):
            chance = random.Random(3)
            async with asyncio.timeout(30):
                while app.facts.status is None or app.facts.status.blocked_by != ["gate:errors"]:
                    await asyncio.sleep(0.02)
            for _ in range(20):
                await _type(app, clock, RAISING, chance, 50)
                if await true.rises("healthy"):
                    break
            assert await true.rises("healthy")
