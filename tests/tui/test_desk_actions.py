"""The whole screen with real keys over real sockets: what is sent, when, and what never is."""

from __future__ import annotations

import pytest
from textual.events import Paste

from rolloutd.wire import OnNew
from tests.tui import worlds
from tests.tui.driving import driven
from tests.tui.fake_daemon import FakeDaemon, conflict, done

SIZES = [(200, 60), (120, 36), (100, 28), (80, 24), (60, 20), (40, 10), (20, 5), (10, 1)]


def _verbs(daemon: FakeDaemon) -> list[str]:
    return [f"{post.verb} {post.name}" for post in daemon.posts]


@pytest.mark.parametrize("size", SIZES)
async def test_abort_is_one_key_at_every_size(daemon: FakeDaemon, size: tuple[int, int]) -> None:
    """On the rollout's screen ``a`` sends the abort at once, without a revision and without a question."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.pilot.resize_terminal(*size)
        await desk.keys("a")
        await desk.until(lambda: len(daemon.posts) == 1)
    assert _verbs(daemon) == ["abort ranker"]
    assert "if-match" not in daemon.posts[0].headers
    assert daemon.posts[0].headers["idempotency-key"]


@pytest.mark.parametrize(("tab", "keys"), [("1", "pa"), ("2", "PA"), ("3", "pA"), ("4", "Pa"), ("5", "pa")])
async def test_stopping_keys_work_in_every_tab_and_with_caps_lock(daemon: FakeDaemon, tab: str, keys: str) -> None:
    """Pause and abort ask nothing, in each tab, also as capitals."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys(tab, *keys)
        await desk.until(lambda: len(daemon.posts) == 2)
    assert sorted(post.verb for post in daemon.posts) == ["abort", "pause"]


async def test_the_chain_ends_only_when_the_router_confirms(daemon: FakeDaemon) -> None:
    """The result line goes from sent to the daemon's revision to the router's own share, and no faster."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("a")
        await desk.sees("daemon has it, rev 318", "waiting for the router")
        receding = OnNew(asked=0.0, observed=0.1, confirmed=0.1, confirmed_is_asked=False)
        daemon.set_status(worlds.status("going_back", revision=318, on_new=receding))
        await desk.sees("GOING BACK", "asked 0.0%", "router says 10.0%", "NOT CONFIRMED")
        assert "router confirms" not in desk.text
        desk.clock.forward(1.1)
        gone = OnNew(asked=0.0, observed=0.0, confirmed=0.0, confirmed_is_asked=True)
        daemon.set_status(worlds.status("aborted", revision=319, on_new=gone, ended=True))
        await desk.sees("router confirms 0.0%, 1.1 s")


async def test_an_end_that_the_record_confirms_ends_the_chain(daemon: FakeDaemon) -> None:
    """After the end nobody asks the router any more: the share that was read back last is what confirms the abort."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("a")
        await desk.sees("waiting for the router")
        raised = OnNew(asked=0.1, observed=None, confirmed=0.1, confirmed_is_asked=True)
        daemon.set_status(worlds.status("going_back", revision=318, on_new=raised))
        await desk.sees("GOING BACK", "waiting for the router")
        gone = OnNew(asked=0.0, observed=None, confirmed=0.0, confirmed_is_asked=True)
        daemon.set_status(worlds.status("aborted", [], revision=320, on_new=gone, ended=True, outcome="aborted"))
        await desk.sees("router confirms 0.0%", "v41 has all traffic")


async def test_promote_needs_a_living_y(daemon: FakeDaemon) -> None:
    """``m`` asks; ``y`` is dead for 400 ms; then it sends the revision that was on the screen."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.sees("PROMOTE ranker v42 from 10.0% to 50.0%")
        await desk.keys("y", gap_s=0.39)
        assert not daemon.posts
        assert desk.app.strip is not None
        await desk.keys("y", gap_s=0.02)
        await desk.until(lambda: len(daemon.posts) == 1)
    assert daemon.posts[0].verb == "promote"
    assert daemon.posts[0].headers["if-match"] == '"317"'


async def test_a_promotion_that_moves_nothing_does_not_end_in_a_confirmation(daemon: FakeDaemon) -> None:
    """When a second person is needed the daemon says so, and the router's old share is not called a confirmation."""
    daemon.statuses["ranker"] = worlds.ready()
    told = "Recorded. Going to 50% needs a second person within ten minutes."
    daemon.answer = lambda post: done(post).model_copy(update={"message": told})
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.keys("y", gap_s=1.0)
        await desk.sees("daemon has it")
        daemon.set_status(worlds.ready(revision=318))
        await desk.sees("rev 318", "needs a second person within ten minutes")
        await desk.until(lambda: "waiting for the router" not in desk.text)
        assert "router confirms" not in desk.text
        higher = OnNew(asked=0.5, observed=0.5, confirmed=0.5, confirmed_is_asked=True)
        daemon.answer = lambda post: done(post, 320)
        await desk.keys("m")
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: len(daemon.posts) == 2)
        daemon.set_status(worlds.ready(revision=320, on_new=higher))
        await desk.sees("router confirms 50.0%")


@pytest.mark.parametrize("key", ["enter", "m", "space", "n", "q", "escape"])
async def test_nothing_but_y_confirms(daemon: FakeDaemon, key: str) -> None:
    """Neither Enter nor the action's own key nor a closing key promotes."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m", key, key, gap_s=1.0)
        await desk.pilot.pause()
    assert "promote ranker" not in _verbs(daemon)


async def test_early_promotion_needs_a_reason(daemon: FakeDaemon) -> None:
    """While gates are undecided ``y`` comes only after a reason of ten letters, which is sent along."""
    daemon.statuses["ranker"] = worlds.ready(gates=[worlds.ERRORS, worlds.CTR])
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m", *"soon", "enter")
        await desk.sees("6 more letters")
        await desk.keys(*" enough", "enter")
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: len(daemon.posts) == 1)
    assert daemon.posts[0].body["reason"] == "soon enough"
    assert "override" not in daemon.posts[0].body


async def test_override_needs_admin_name_and_reason(daemon: FakeDaemon) -> None:
    """Going up past a gate that shows harm: the name is typed, a reason given, and only then ``y``."""
    daemon.hello = worlds.hello("admin")
    daemon.statuses["ranker"] = worlds.ready(gates=[worlds.FAIL])
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.sees("OVERRIDE: PROMOTE ranker", "AGAINST IT: latency FAIL")
        await desk.keys("y", "enter", gap_s=1.0)
        await desk.sees("That is not ranker")
        await desk.keys("backspace", *"ranker", "enter", *"known cold cache", "enter")
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: len(daemon.posts) == 1)
    assert daemon.posts[0].body == {"reason": "known cold cache", "override": True, "confirm": "ranker"}


async def test_override_is_refused_to_an_operator_who_can_abort_instead(daemon: FakeDaemon) -> None:
    """An operator is told who may and with which command; ``a`` on that strip aborts."""
    daemon.statuses["ranker"] = worlds.ready(gates=[worlds.FAIL])
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.sees("Override needs the role admin. You are operator.", "--override")
        await desk.keys("y", "a", gap_s=1.0)
        await desk.until(lambda: bool(daemon.posts))
    assert _verbs(daemon) == ["abort ranker"]


async def test_conflict_says_who_and_what_to_press(daemon: FakeDaemon) -> None:
    """When somebody was first, the sentence names them, what traffic does, and the key to press after looking."""
    daemon.statuses["ranker"] = worlds.ready()
    daemon.answer = conflict
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.keys("y", gap_s=1.0)
        await desk.sees("Not done: ops2 paused ranker 2 s ago. Look again, then press m.", "10.0% stays on v42")


async def test_in_the_fleet_even_an_abort_asks_and_names(daemon: FakeDaemon) -> None:
    """A list cursor can be one row off: the strip names the rollout, and ``y`` sends it."""
    async with driven(daemon) as desk:
        await desk.sees("fraud-score")
        await desk.keys("j", "j", "a")
        await desk.sees("ABORT ranker v41 > v42", "goes back to v41 at once")
        assert not daemon.posts
        await desk.keys("y", gap_s=1.0)
        await desk.until(lambda: len(daemon.posts) == 1)
    assert _verbs(daemon) == ["abort ranker"]


async def test_promote_from_the_fleet_shows_the_gates_first(daemon: FakeDaemon) -> None:
    """``m`` on a row fetches the rollout's status, so that the strip says what speaks against it."""
    async with driven(daemon) as desk:
        await desk.sees("fraud-score")
        await desk.keys("j", "j", "m")
        await desk.sees("PROMOTE ranker v42 from 10.0% to 50.0% REFUSED", "minimum time")
    assert not daemon.posts


async def test_keys_right_after_a_screen_change_do_nothing(daemon: FakeDaemon) -> None:
    """An abort key 100 ms after the rollout's screen opened was meant for the screen before."""
    async with driven(daemon) as desk:
        await desk.sees("fraud-score")
        await desk.keys("enter")
        await desk.keys("a", gap_s=0.1)
        await desk.sees("dropped")
        assert not daemon.posts


async def test_a_paste_presses_no_key(daemon: FakeDaemon) -> None:
    """500 pasted characters act on nothing, neither before nor inside a question."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        desk.app.screen.post_message(Paste("amypr" * 100))
        await desk.sees("Pasted text was dropped")
        await desk.keys("m")
        desk.clock.forward(1.0)
        desk.app.screen.post_message(Paste("y" * 500))
        await desk.pilot.pause()
        assert desk.app.strip is not None
    assert not daemon.posts


async def test_a_held_key_sends_one_action(daemon: FakeDaemon) -> None:
    """Key repeat never repeats an action."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys(*["a"] * 30, gap_s=0.03)
        await desk.sees("on its way already")
    assert _verbs(daemon) == ["abort ranker"]


async def test_a_route_that_tells_nobody_apart_has_nobody_to_isolate(daemon: FakeDaemon) -> None:
    """The key says so and sends nothing."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("i")
        await desk.sees("are not told apart")
    assert not daemon.posts
