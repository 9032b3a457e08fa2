"""A thousand keys at random: without ``y`` nothing that raises exposure is ever sent; with it, it is."""

from __future__ import annotations

import asyncio
import random

import pytest
from textual import events

from rollout_tui.link import LinkState
from rolloutd.verbs import BY_NAME, Risk
from tests.tui import worlds
from tests.tui.driving import DEADLINE_S, Driven, driven
from tests.tui.fake_daemon import FakeDaemon

KEYS = [*"aAbcCefgGhHijklmMnNoOpPrRsStTuUvwxXzY12345/?:![]{} ", "enter", "escape", "tab", "up", "down", "backspace"]
RAISING = {row.verb for row in BY_NAME.values() if row.risk is Risk.RAISES}


async def _type(desk: Driven, keys: list[str], chance: random.Random, count: int) -> int:
    """Press ``count`` keys at random with pauses at random; returns how many met a live link."""
    live = 0
    for at in range(count):
        desk.clock.forward(chance.choice([0.01, 0.05, 0.2, 0.5, 1.0]))
        desk.daemon.beat()
        if at % 10 == 0:
            await desk.pilot.pause()
            await desk.until(lambda: desk.app.facts.fleet_link.age_s(desk.clock()) == 0)
        key = chance.choice(keys)
        live += desk.app.facts.fleet_link.state(desk.clock()) in {LinkState.LIVE, LinkState.LATE}
        desk.app.screen.post_message(events.Key(key, key if len(key) == 1 else None))
        async with asyncio.timeout(DEADLINE_S):
            while desk.app.key_s != desk.clock():  # a key sets no event
                await asyncio.sleep(0)
    return live


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_thousand_keys_without_y_never_raise(daemon: FakeDaemon, seed: int) -> None:
    """As an admin, on a rollout that may go up: aborts and pauses may be sent, but nothing that raises."""
    daemon.hello = worlds.hello("admin")
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        live = await _type(desk, KEYS, random.Random(seed), 500)
    assert live >= 450
    assert daemon.posts
    assert not [post.verb for post in daemon.posts if post.verb in RAISING]


async def _open_lowered(desk: Driven) -> None:
    """Onto the screen of a rollout whose share somebody has lowered."""
    await desk.sees("ranker")
    desk.app.open("ranker")
    await desk.pilot.pause()
    await desk.sees("DRIFT", "f reapply")


@pytest.mark.parametrize("seed", [3, 4])
async def test_keys_without_y_never_re_apply_a_share(daemon: FakeDaemon, seed: int) -> None:
    """I4: the same on a rollout whose share somebody has lowered by hand; with ``y`` it is re-applied."""
    daemon.hello = worlds.hello("admin")
    daemon.statuses["ranker"] = worlds.lowered()
    async with driven(daemon) as desk:
        await _open_lowered(desk)
        await _type(desk, [*KEYS, *"ffffff"], random.Random(seed), 200)
    assert not [post.verb for post in daemon.posts if post.verb in RAISING]
    async with driven(daemon) as desk:
        await _open_lowered(desk)
        await _type(desk, ["f", "y"], random.Random(seed), 60)
        await desk.until(lambda: "reapply" in {post.verb for post in daemon.posts})


async def test_with_y_among_the_keys_it_does_rise(daemon: FakeDaemon) -> None:
    """The positive control: the same typing with ``y`` in it promotes sooner or later."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await _type(desk, ["m", "y"], random.Random(3), 60)
        await desk.until(lambda: "promote" in {post.verb for post in daemon.posts})
