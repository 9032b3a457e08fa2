"""The fleet on the real application: moving, filtering, and rows that stay where they are."""

from __future__ import annotations

from textual import events

from rollout_tui.screens.fleet import FleetScreen
from rolloutd.wire import Fleet
from tests.tui import worlds
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon


async def test_the_first_frame_with_rows_has_the_most_urgent_on_top(daemon: FakeDaemon) -> None:
    """NOT OBEYED is the first row, and line 1 counts what needs somebody."""
    async with driven(daemon) as desk:
        await desk.sees("NEEDS YOU 6 of 12", "nothing needs you now")
        rows = desk.text.splitlines()
        assert "fraud-score" in rows[4]


async def test_a_filter_is_typed_shown_and_says_what_it_hides(daemon: FakeDaemon) -> None:
    """``/`` takes letters, none of which acts; Enter keeps the filter, Esc clears it."""
    async with driven(daemon) as desk:
        await desk.sees("ranker")
        await desk.keys("/", *"state:harm", "enter")
        await desk.sees("filter: state:harm", "5 that need you are hidden by the filter")
        assert desk.app.listing.order == ("ranker",)
        await desk.keys("escape")
        await desk.sees("filter: none")
    assert not daemon.posts


async def test_a_new_rollout_comes_into_sight_without_other_news(daemon: FakeDaemon) -> None:
    """Nobody touches a key and nothing but heartbeats follows: it is on the screen all the same, in its place."""
    async with driven(daemon) as desk:
        await desk.sees("feed-rank")
        daemon.set_row(worlds.row("new-one", "collecting", 0.1, revision=1))
        await desk.until(lambda: "new-one" in desk.app.facts.rows)
        desk.app.tick()
        desk.clock.forward(1.1)
        daemon.beat()
        await desk.until(lambda: desk.app.facts.fleet_link.heard_s == desk.clock.now_s)
        await desk.sees("new-one")


async def test_rows_do_not_move_under_the_cursor(daemon: FakeDaemon) -> None:
    """A rollout that turns to harm while somebody is in the list changes in place; the rule says to press g."""
    async with driven(daemon) as desk:
        await desk.sees("feed-rank")
        await desk.keys("j", "j", "j")
        before = desk.app.listing.order
        daemon.set_row(worlds.row("feed-rank", "harm", 0.5, revision=301))
        desk.clock.forward(8.0)
        daemon.beat()
        await desk.sees("1 below here need you now: press g")
        assert desk.app.listing.order == before
        await desk.keys("g")
        assert desk.app.listing.order[2:4] == ("feed-rank", "ranker")


async def test_a_key_right_after_the_list_moved_does_nothing(daemon: FakeDaemon) -> None:
    """When the top row became another rollout a moment ago, the key was meant for the one before."""
    async with driven(daemon) as desk:
        await desk.sees("fraud-score")
        await desk.keys("k")
        daemon.set_row(worlds.row("a-rollout", "not_obeyed", 0.9, revision=301, observed=0.1))
        await desk.until(lambda: "a-rollout" in desk.app.facts.rows)
        desk.clock.forward(6.0)
        await desk.until(lambda: desk.app.listing.name == "a-rollout")
        await desk.keys("a", gap_s=0.1)
        await desk.sees("Look again, then press it")
        assert desk.app.strip is None


async def test_five_thousand_rollouts_draw_only_what_is_seen(daemon: FakeDaemon) -> None:
    """The list is virtual: as many lines as the screen has, the cursor at the far end in sight."""
    rows = [worlds.row(f"model-{at:04}", "collecting", 0.1) for at in range(5000)]
    daemon.fleet = Fleet(as_of=worlds.AS_OF, rollouts=rows, total=5000, needs_you=0)
    async with driven(daemon) as desk:
        await desk.sees("NEEDS YOU 0 of 5000")
        await desk.keys("G")
        await desk.sees("model-4999")
        assert len(desk.text.splitlines()) == 36
        await desk.keys("/", *"4321")
        await desk.sees("model-4321")
        assert len(desk.app.listing.order) == 1


async def test_ctrl_c_says_how_to_leave(daemon: FakeDaemon) -> None:
    """It neither acts nor ends anything silently."""
    async with driven(daemon) as desk:
        await desk.sees("ranker")
        await desk.keys("ctrl+c")
        await desk.sees("q quits the screen; the daemon and every rollout go on.")


async def test_why_and_help_open_and_close(daemon: FakeDaemon) -> None:
    """The daemon's sentences, and the keys of this screen; Esc leads back."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("w")
        await desk.sees("Why ranker is where it is", "harm is at 89%")
        await desk.keys("escape", "question_mark")
        await desk.sees("Keys of a rollout's screen", "asks nothing")
        await desk.keys("a", "m", "y", "escape")
        await desk.sees("[1 Stages]")
        await desk.keys("escape")
        await desk.sees("NEEDS YOU")
    assert not daemon.posts


async def test_two_keys_in_one_go_leave_one_screen(daemon: FakeDaemon) -> None:
    """The second of two quick ``q`` was meant for a screen that is gone: it closes no other and breaks nothing."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        screen = desk.app.screen
        for _ in range(2):
            screen.post_message(events.Key("q", "q"))
        await desk.until(lambda: isinstance(desk.app.screen, FleetScreen))
        await desk.sees("ranker", "nothing needs you now")
        assert desk.app.is_running
