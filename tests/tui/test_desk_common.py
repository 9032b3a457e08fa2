"""What every screen has: help that searches and runs, palette, copy, bell, read-only, and silence when nobody looks."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_tui.keys import remap
from rollout_tui.preferences import Preferences
from rollout_tui.widgets.canvas import Canvas
from tests.tui import worlds
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon

STORM = [(200, 60), (120, 36), (100, 28), (80, 24), (79, 23), (60, 20), (40, 10), (39, 9), (20, 5)]


async def test_help_searches_and_enter_runs_on_the_screen_below(daemon: FakeDaemon) -> None:
    """``?``, letters, Enter: the palette's and the help's promote ask as the key does; nothing is sent without y."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        for opens in ("question_mark", "colon"):
            await desk.keys(opens, *"promote")
            await desk.sees("promote_", "go up to the next stage now")
            await desk.keys("enter")
            await desk.sees("PROMOTE ranker v42 from 10.0% to 50.0%", "y yes at revision")
            await desk.keys("escape")
        await desk.keys("question_mark", *"nothing like this", "enter")
        await desk.sees("No command has these words.")
        await desk.keys("escape", "question_mark", *["down"] * 40)
        await desk.sees("States", "NOT OBEYED")
        await desk.keys("escape")
        assert not daemon.posts
        await desk.keys("colon", *"abort", "enter")
        await desk.sees("daemon has it")
    assert [post.verb for post in daemon.posts] == ["abort"]


async def test_by_hand_has_the_commands_also_when_lost(daemon: FakeDaemon) -> None:
    """``!`` shows what to type elsewhere; no key acts there."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.sees("LOST", "! by hand")
        await desk.keys("!")
        await desk.sees("rollout abort ranker --wait", "rolloutd emergency-abort")
        await desk.keys("a", "y", "escape")
        await desk.sees("NOTHING IS LIVE")
    assert not daemon.posts


async def test_copy_writes_a_file_and_says_where(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The screen's text, with time and host, for its owner only; the clipboard gets the same."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("C")
        await desk.sees("Copied to the clipboard where the terminal allows it; also in")
        (file,) = (tmp_path / "rollout").iterdir()
        text = file.read_text()
        assert "daemon on deploy-1" in text.splitlines()[0]
        assert "asked 10.0%" in text
        assert file.stat().st_mode & 0o777 == 0o600
        assert desk.app.clipboard == text


async def test_a_read_only_session_says_so_on_every_screen_and_to_the_daemon(daemon: FakeDaemon) -> None:
    """Line 1 of all screens; the daemon hears it with each request and is the one that decides."""
    daemon.hello = worlds.hello("viewer", read_only=True)
    async with driven(daemon, read_only=True) as desk:
        await desk.sees("READ ONLY rolloutd")
        await desk.open_ranker()
        for key in ("2", "4", "[", "escape", "5", "question_mark", "escape", "w", "escape", "!"):
            await desk.keys(key)
            assert desk.text.startswith("READ ONLY ")
        await desk.keys("escape", "m")
        await desk.sees("This session is read-only")
    assert {headers.get("rollout-read-only") for headers in daemon.heard} == {"1"}


async def test_news_ring_once_and_mute_is_shown(daemon: FakeDaemon) -> None:
    """A rollout that turns to harm rings; what this person did does not; ``z`` says how long it is silent."""
    async with driven(daemon) as desk:
        await desk.sees("bell on")
        daemon.set_row(worlds.row("feed-rank", "harm", 0.5, revision=301))
        await desk.until(lambda: desk.app.ringer.rung == 1)
        await desk.keys("z")
        await desk.sees("bell off ")
        daemon.set_row(worlds.row("ads-ctr", "harm", 0.5, revision=301))
        await desk.until(lambda: desk.app.facts.rows["ads-ctr"].state == "harm")
        desk.app.tick()
        assert desk.app.ringer.rung == 1
        await desk.keys("z")
        await desk.sees("bell on")


async def test_nobody_looks_one_frame_in_five_seconds(daemon: FakeDaemon) -> None:
    """Without focus the screen is drawn every five seconds, and at once when it is looked at again."""
    async with driven(daemon) as desk:
        await desk.sees("ranker")
        desk.app.on_app_blur()
        drawn_s = desk.app.drawn.at_s
        for _ in range(4):
            desk.clock.forward(1.0)
            daemon.beat()
            await desk.pilot.pause()
            desk.app.tick()
        assert desk.app.drawn.at_s == drawn_s
        desk.clock.forward(1.5)
        desk.app.tick()
        assert desk.app.drawn.at_s == desk.clock.now_s
        desk.clock.forward(0.1)
        desk.app.on_app_focus()
        assert desk.app.drawn.at_s == desk.clock.now_s


async def test_moved_keys_act_and_are_shown_everywhere(daemon: FakeDaemon) -> None:
    """``pause`` on ``l``: the last line, the help and the key itself agree; ``p`` does nothing."""
    async with driven(daemon, preferences=Preferences(keys=remap({"pause": "l"}))) as desk:
        await desk.open_ranker()
        await desk.sees("l pause")
        await desk.keys("p")
        assert not daemon.posts
        await desk.keys("l")
        await desk.until(lambda: [post.verb for post in daemon.posts] == ["pause"])


async def test_a_key_file_that_was_not_taken_is_said(daemon: FakeDaemon) -> None:
    """The first screen carries the sentence."""
    mine = replace(Preferences(), trouble="tui.toml was not taken: pause and sort would both be on s.")
    async with driven(daemon, preferences=mine) as desk:
        await desk.sees("was not taken", "both be on s")


async def test_the_fleet_is_held_with_a_reason_and_y(daemon: FakeDaemon) -> None:
    """``H`` asks for a reason and y; it names no rollout on the wire."""
    async with driven(daemon) as desk:
        await desk.sees("hold off")
        await desk.keys("H")
        await desk.sees("HOLD the whole fleet", "Reason:")
        await desk.keys(*"black friday", "enter")
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: [(post.name, post.verb) for post in daemon.posts] == [("v1", "hold")])


async def test_what_has_ended_can_be_taken_up_again(daemon: FakeDaemon) -> None:
    """``u`` on an aborted rollout asks for a reason, ``y`` sends it at the revision that was read."""
    daemon.statuses["ranker"] = worlds.status("aborted", [], ended=True, outcome="aborted", phase="aborted")
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.sees("It has ended", "u reopen")
        await desk.keys("u", *"was my mistake", "enter")
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: [post.verb for post in daemon.posts] == ["reopen"])
    assert daemon.posts[0].headers["if-match"] == '"317"'


async def test_a_storm_of_sizes_leaves_a_whole_screen_and_an_abort(daemon: FakeDaemon) -> None:
    """A window that is dragged: every size from 200x60 to 20x5 in any order, on each tab; then one key stops it."""
    chance = random.Random(5)
    async with driven(daemon) as desk:
        await desk.open_ranker()
        for turn in range(60):
            await desk.pilot.resize_terminal(*chance.choice(STORM))
            if turn % 10 == 0:
                await desk.keys(str(1 + turn // 10 % 5))
        await desk.pilot.resize_terminal(120, 36)
        await desk.keys("1")
        await desk.sees("[1 Stages]", "HARM", "asked 10.0%")
        assert len(desk.app.screen.query_one(Canvas).lines) == 36
        await desk.pilot.resize_terminal(20, 5)
        await desk.sees("HARM", "10.0%")
        await desk.keys("a")
        await desk.until(lambda: [post.verb for post in daemon.posts] == ["abort"])
