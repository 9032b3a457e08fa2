"""The tabs and the replay on the real application: what is read, and that the past can only stop the present."""

from __future__ import annotations

from rollout_tui.papers import Replay, step
from rollout_tui.scene import Tab
from tests.tui import worlds
from tests.tui.driving import Driven, driven
from tests.tui.fake_daemon import FakeDaemon


async def _replaying(desk: Driven) -> None:
    """The ranker, one entry before the newest."""
    await desk.open_ranker()
    await desk.keys("4")
    await desk.sees("claimed this")
    await desk.keys("[")
    await desk.sees("REPLAY 03:02:07", "NOT LIVE", "at this moment: COLLECTING")


async def test_each_tab_reads_what_it_shows(daemon: FakeDaemon) -> None:
    """Courses, plan and record come from the daemon; the segments' tab says in a sentence that there are none."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("2")
        await desk.sees("[2 Charts]", "champion v41", "challenger v42", "now 03:13:04")
        await desk.until(lambda: set(desk.app.archive.papers.series) == {"latency", "error_rate", "ctr"})
        await desk.keys("t")
        await desk.sees("range: whole rollout", "|10.0%")
        await desk.keys("v")
        await desk.sees("challenger less champion, so far", "99% range")
        await desk.keys("5")
        await desk.sees("[5 Plan]", "SAFE WITHIN", "x1.5", "Without data for 10s nothing goes up")
        await desk.keys("3")
        await desk.sees("are not told apart")
        await desk.keys("tab", "tab", "shift+tab")
        assert desk.app.tab is Tab.TIMELINE
        await desk.keys("1")
        await desk.sees("[1 Stages]", "breach to 0%: 11.2s")


async def test_a_replay_says_so_and_leads_back(daemon: FakeDaemon) -> None:
    """Every tab of the past is marked; End and Esc lead to the present, which is the same screen."""
    async with driven(daemon) as desk:
        await _replaying(desk)
        for key, shown in (("1", "LAST SAID"), ("2", "champion v41"), ("5", "SAFE WITHIN"), ("3", "segments")):
            await desk.keys(key)
            await desk.sees("REPLAY 03:02:07", "NOT LIVE", shown)
            assert "HARM" not in desk.text.splitlines()[0]
        await desk.keys("1", "end")
        await desk.sees("! HARM", "asked 10.0%", "LIVE")
        assert "REPLAY" not in desk.text
        await desk.keys("4", "[", "escape")
        await desk.sees("[4 Timeline]", "LIVE")
        assert "REPLAY" not in desk.text


async def test_the_record_plays_to_the_present(daemon: FakeDaemon) -> None:
    """Space plays one entry a second and stops at the present."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("4")
        await desk.sees("claimed this")
        await desk.keys("space")
        await desk.sees("REPLAY", "Space stop")
        for _ in range(4):
            desk.clock.forward(1.1)
            daemon.beat()
            desk.app.tick()
        await desk.until(lambda: desk.app.archive.papers.replay is None)
        await desk.sees("LIVE")


async def test_from_the_past_abort_asks_about_the_present_and_acts_on_it(daemon: FakeDaemon) -> None:
    """``a`` leaves the replay, says what holds now, and ``y`` sends it."""
    async with driven(daemon) as desk:
        await _replaying(desk)
        await desk.keys("a")
        await desk.sees("ABORT ranker NOW", "You were looking at the past. Now: 10.0%, HARM.")
        assert "REPLAY" not in desk.text
        assert not daemon.posts
        await desk.keys("y", gap_s=1.0)
        await desk.sees("daemon has it")
    assert [post.verb for post in daemon.posts] == ["abort"]


async def test_nothing_that_raises_can_be_reached_from_the_past(daemon: FakeDaemon) -> None:
    """Promote, resume and even claim only say how to come back."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await _replaying(desk)
        for key in ("m", "r", "c", "u"):
            await desk.keys(key)
            await desk.sees("This is the past", "End goes back to it")
            assert desk.app.strip is None
            await desk.keys("y", gap_s=1.0)
    assert not daemon.posts


async def test_the_next_that_needs_you(daemon: FakeDaemon) -> None:
    """``)`` and ``(`` go round the rollouts that need somebody, without a way over the fleet."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        seen = []
        for _ in range(3):
            await desk.keys(")")
            await desk.sees("asked")
            seen.append(desk.app.facts.name)
        await desk.keys("(")
        assert desk.app.facts.name == seen[-2]
        assert len(set(seen)) == 3
        assert {name for name in seen if not desk.app.facts.rows[name].needs_you} == set()
        await desk.keys("escape")
        await desk.sees("NEEDS YOU")


def test_steps_stay_in_the_record() -> None:
    """Back from the first and on from the last stay there; jumps stop only at what moved something."""
    kinds = ["StageEntered", "TrafficConfirmed", "TrafficConfirmed", "RolloutHeld"]
    entries = [
        worlds.entry(k, "daemon", f"entry {k}").model_copy(update={"kind": kind}) for k, kind in enumerate(kinds)
    ]
    assert step(entries, None, -1) == Replay(2)
    assert step(entries, Replay(0), -1) == Replay(0)
    assert step(entries, Replay(3), 1) == Replay(3)
    assert step(entries, Replay(3), -1, only_moves=True) == Replay(0)
    assert step(entries, Replay(0), 1, only_moves=True) == Replay(3)
