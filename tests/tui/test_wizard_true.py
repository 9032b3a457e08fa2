"""The wizard on the real daemon: it offers what is there, measures what is measured, and y begins a rollout (I2, I4).

The screen and the daemon run in one loop, on the demo's doubles; what is looked at is the daemon's own record.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from textual import events

from rollout_tui.lines import texts
from rollout_tui.widgets.canvas import Canvas
from rolloutd.simdemo.stories import FREE, RPS, STORIES
from tests.tui.test_random_keys_true import screen
from tests.tui.true_daemon import true_daemon

DEADLINE_S = 60.0


@pytest.mark.slow
async def test_from_the_fleet_to_a_rollout_at_its_first_share() -> None:
    """n, three times Enter, y: the rollout of the dry run is on record, started by this person, and gets its share."""
    with TemporaryDirectory(prefix="roll-") as folder:
        async with true_daemon(Path(folder)) as true, screen(true, STORIES[0].route) as (app, clock):

            async def press(key: str, *shown: str) -> None:
                clock.forward(0.6)
                app.screen.post_message(events.Key(key, key if len(key) == 1 else None))
                async with asyncio.timeout(DEADLINE_S):
                    while not all(word in " ".join(seen().split()) for word in shown):
                        await asyncio.sleep(0.02)
                        app.tick()

            def seen() -> str:
                return "\n".join(texts(canvas.lines) for canvas in app.screen.query(Canvas))

            await press("q", "STATE", "ROLLOUT")
            await press("n", "[1 What]", FREE.route, "the other slot")
            await press("enter", "[2 Risk]", "requests a second", "RUNNER-UP")
            traffic = float(seen().split("TRAFFIC")[1].split()[0].replace(",", ""))
            assert 0.1 * RPS < traffic < 2 * RPS, "a busy machine sends less than it should"
            await press("enter", "[3 Plan]", "GATE errors")
            assert true.daemon.desk.status(f"{FREE.route}-v2") is None
            await press("enter", "WOULD START", "y yes")
            assert true.daemon.desk.status(f"{FREE.route}-v2") is None, "a dry run starts nothing"
            await press("y", f"{FREE.route}-v2", "[1 Stages]", "router confirms")
            async with asyncio.timeout(DEADLINE_S):
                while (begun := true.daemon.desk.status(f"{FREE.route}-v2")) is None or not begun.on_new.observed:
                    await asyncio.sleep(0.02)
            assert begun.on_new.observed == begun.stages[0].share
            rows = await true.daemon.journal.load(begun.name)
            assert (rows[0].actor.via, rows[0].actor.name) != ("test", "ci")
