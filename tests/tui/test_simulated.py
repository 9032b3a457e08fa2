"""A daemon without real traffic can never be taken for one with it: line 1 of every screen says SIMULATED."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout_tui.facts import Facts, open_rollout
from rollout_tui.folding import fold
from rollout_tui.lines import Line, line_width, plain
from rollout_tui.order import Listing, arrange
from rollout_tui.pages import render_fleet, render_rollout, render_why
from rollout_tui.plain import Plain
from rollout_tui.scene import Look, Scene
from rollout_tui.widgets.finder import render_finder
from rollout_tui.widgets.link_line import marked
from tests.tui import worlds
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon
from tests.tui.test_pages import HELP

HELLO = worlds.hello().model_copy(update={"simulated": True})
SIZES = [(200, 60), (120, 36), (100, 28), (80, 24), (60, 20), (39, 9), (20, 5), (30, 1)]


def facts() -> Facts:
    """What a screen knows of such a daemon, the ranker open."""
    known = Facts()
    for came in (HELLO, worlds.fleet(), worlds.heartbeat()):
        known = fold(known, came, detail=False, now_s=100.0)
    known = open_rollout(known, "ranker")
    for one in (HELLO, worlds.status(), worlds.heartbeat()):
        known = fold(known, one, detail=True, now_s=100.0)
    return known


def screens(scene: Scene) -> list[tuple[Line, ...]]:
    """Every kind of screen at this moment."""
    home = replace(scene, on_rollout=False)
    drawn = [render_fleet(home), render_rollout(scene), render_why(scene, "ranker", None)]
    return [marked(scene, lines) for lines in [*drawn, render_finder(scene, HELP)]]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("now_s", [101.0, 114.0], ids=["live", "lost"])
def test_the_first_line_of_every_screen_says_simulated(size: tuple[int, int], now_s: float) -> None:
    """At every size, live or lost; no line grows wider than the terminal by it."""
    known = facts()
    scene = Scene(known, now_s, *size, Look(ascii=True), listing=arrange(Listing(), known.rows), on_rollout=True)
    for lines in screens(scene):
        assert plain(lines[0]).startswith("SIMULATED ")
        assert len(lines) == size[1]
        assert max(map(line_width, lines)) <= size[0]


@pytest.mark.parametrize("width", [80, 120])
def test_the_mark_costs_neither_state_nor_shares_nor_link(width: int) -> None:
    """What line 1 must never lose stands beside the mark, too."""
    known = facts()
    scene = Scene(known, 101.0, width, 36, Look(ascii=True), on_rollout=True)
    first = plain(marked(scene, render_rollout(scene))[0])
    for must in ("! HARM", "asked 10.0%", "10.0%", "LIVE 1s"):
        assert must in first


async def test_the_real_screen_shows_the_mark(daemon: FakeDaemon) -> None:
    """Through the application, in the fleet and in a rollout, and no mark where the traffic is real."""
    async with driven(daemon) as desk:
        await desk.sees("ranker")
        assert "SIMULATED" not in desk.text
        daemon.hello = HELLO
        desk.app.facts = fold(desk.app.facts, HELLO, detail=False, now_s=desk.clock.now_s)
        await desk.sees("SIMULATED rolloutd")
        await desk.open_ranker()
        await desk.sees("SIMULATED ranker")


def test_plain_mode_says_it_once() -> None:
    """The first line of all, and not again after a reconnection."""
    said: list[str] = []
    voice = Plain(Look(ascii=True), "", "", said.append)
    voice.came(HELLO)
    voice.came(HELLO)
    assert [line for line in said if "SIMULATED" in line] == [said[0]]
