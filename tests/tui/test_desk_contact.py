"""The whole screen when contact is late, lost, back, or was never there: an old number never looks live."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rollout_tui.options import Options
from tests.tui import worlds
from tests.tui.driving import Driven, driven
from tests.tui.fake_daemon import FakeDaemon


async def _go_silent(desk: Driven) -> None:
    """The daemon hangs: sockets stay, words do not come."""
    desk.daemon.deaf = True
    desk.clock.forward(10.0)
    await desk.sees("LOST 10s")


async def test_late_after_three_silent_seconds(daemon: FakeDaemon) -> None:
    """Three seconds without a heartbeat are LATE; a heartbeat makes it LIVE again."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        desk.clock.forward(2.9)
        await desk.sees("LIVE 2s")
        desk.clock.forward(0.2)
        await desk.sees("LATE 3s")
        desk.daemon.beat()
        await desk.sees("LIVE 0s")


async def test_lost_after_ten_silent_seconds_marks_every_value(daemon: FakeDaemon) -> None:
    """A hung daemon keeps its sockets: silence alone makes the picture LOST, and every value carries the mark."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await _go_silent(desk)
        await desk.sees("NO CONTACT WITH THE DAEMON FOR 10s", "NOTHING IS LIVE", "HARM~", "asked 10.0%~", "7.30%~")


async def test_a_closed_socket_is_lost_at_once(daemon: FakeDaemon) -> None:
    """A cut stream needs no waiting."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.sees("LOST 0s", "there is no socket")


async def test_no_raising_key_works_while_lost_and_none_is_remembered(daemon: FakeDaemon) -> None:
    """Promote, resume and pause are refused in words while LOST, and nothing is sent when contact comes back."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await _go_silent(desk)
        for key in ("m", "r", "p", "y"):
            await desk.keys(key, gap_s=1.0)
            assert desk.app.strip is None
        await desk.keys("m")
        await desk.sees("Not sent: no contact with the daemon")
        daemon.deaf = False
        daemon.drop()
        await desk.sees("LIVE")
    assert not daemon.posts


async def test_a_question_open_when_contact_is_lost_sends_nothing(daemon: FakeDaemon) -> None:
    """``y`` on a strip whose picture is LOST closes it with the reason."""
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await _go_silent(desk)
        await desk.keys("y", gap_s=1.0)
        await desk.sees("Closed: the contact with the daemon was lost")
    assert not daemon.posts


async def test_abort_is_tried_on_while_lost_when_a_person_says_so(daemon: FakeDaemon) -> None:
    """``a`` asks, ``y`` keeps trying under one idempotency key with a countdown, until the daemon takes it."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.sees("LOST")
        await desk.keys("a")
        await desk.sees("keep trying to send ABORT for 60 s?")
        await desk.keys("y", gap_s=1.0)
        await desk.sees("trying to send, 60 s left")
        desk.clock.forward(12.0)
        await desk.sees("48 s left")
        await daemon.start()
        await desk.sees("daemon has it, rev 318")
    assert [post.verb for post in daemon.posts] == ["abort"]


async def test_trying_on_ends_with_esc_or_with_its_time(daemon: FakeDaemon) -> None:
    """Esc stops the trial in words; so do its 60 seconds, and then nothing is sent any more."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.sees("LOST")
        await desk.keys("a")
        await desk.keys("y", gap_s=1.0)
        await desk.sees("trying to send")
        await desk.keys("escape")
        await desk.sees("Stopped trying. ABORT ranker was not sent.")
        await desk.keys("a")
        await desk.keys("y", gap_s=1.0)
        desk.clock.forward(61.0)
        await desk.sees("was not sent: no contact for 60 s", "rollout abort ranker")
        await daemon.start()
        await desk.sees("LIVE")
    assert not daemon.posts


async def test_after_contact_is_back_the_picture_is_the_present_one(daemon: FakeDaemon) -> None:
    """A reconnect shows the present revision's numbers, not the ones from before; it is tried every two seconds."""
    assert Options().retry_s <= 2.0, "so that the screen is live within three"
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        await desk.sees("LOST")
        daemon.statuses["ranker"] = worlds.status("paused", revision=400)
        await daemon.start()
        await desk.sees("PAUSED", "LIVE")
        assert desk.app.facts.status is not None
        assert desk.app.facts.status.revision == 400
        assert "~" not in desk.text


async def test_contact_that_is_back_shows_its_gap_until_acknowledged(daemon: FakeDaemon) -> None:
    """How long nothing was heard of the same daemon; Esc takes the note away and leaves the screen as it is."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        desk.clock.forward(21.0)
        await daemon.start()
        await desk.sees("LIVE", "Contact is back after 21s.", "what happened meanwhile is in the timeline")
        await desk.keys("escape")
        await desk.until(lambda: "Contact is back" not in desk.text)
        assert "[1 Stages]" in desk.text


async def test_a_restarted_daemon_is_said_until_acknowledged(daemon: FakeDaemon) -> None:
    """Another boot id means that no checks ran for a while: the note stays until Esc."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await daemon.stop()
        desk.clock.forward(21.0)
        daemon.hello = worlds.hello(boot="boot-2")
        await daemon.start()
        await desk.sees("Daemon restarted. It was away for 21s; no checks ran in that time.")
        await desk.keys("j", "escape")
        await desk.until(lambda: "Daemon restarted" not in desk.text)
        assert "[1 Stages]" in desk.text


async def test_a_daemon_that_was_never_there_is_explained() -> None:
    """What was tried, what it means, what to do; and it keeps trying."""
    with TemporaryDirectory(prefix="roll-") as folder:
        daemon = FakeDaemon(Path(folder))
        async with driven(daemon) as desk:
            await desk.sees("NO CONTACT YET WITH THE DAEMON", "there is no socket", "systemctl status rolloutd")
            await desk.keys("a", "m", "y")
            await daemon.start()
            await desk.sees("LIVE", "fraud-score")
            await daemon.stop()
    assert not daemon.posts


async def test_another_major_version_can_only_look_and_stop(daemon: FakeDaemon) -> None:
    """What raises exposure needs the same major version of the API."""
    daemon.hello = worlds.hello().model_copy(update={"api": "2.0"})
    daemon.statuses["ranker"] = worlds.ready()
    async with driven(daemon) as desk:
        await desk.open_ranker()
        await desk.keys("m")
        await desk.sees("actions need the same major version")
        await desk.keys("a")
        await desk.until(lambda: len(daemon.posts) == 1)
    assert daemon.posts[0].verb == "abort"


async def test_clocks_that_differ_are_said_and_change_no_age(daemon: FakeDaemon) -> None:
    """More than two seconds apart is a note in the fleet; what is old is still counted by the daemon's own words."""
    for late, told in ((-41, "clock here 41s ahead"), (3, "clock here 3s behind")):
        shifted = datetime.fromisoformat(worlds.AS_OF) + timedelta(seconds=late)
        daemon.hello = worlds.hello().model_copy(update={"as_of": shifted.isoformat()})
        async with driven(daemon) as desk:
            await desk.sees("LIVE 0s", told)
    daemon.hello = worlds.hello()
    async with driven(daemon) as desk:
        await desk.sees("LIVE 0s")
        assert "clock" not in desk.text


async def test_another_version_is_said_before_a_key_is_pressed(daemon: FakeDaemon) -> None:
    """Whoever looks at the fleet knows that this screen can only read and stop."""
    daemon.hello = worlds.hello().model_copy(update={"api": "2.0"})
    async with driven(daemon) as desk:
        await desk.sees("API 1.0 here, 2.0 there: look and stop only")


async def test_an_unanswered_action_is_said_to_be_unknown(daemon: FakeDaemon) -> None:
    """A request that went out without an answer is not called undone, and pressing again sends the same key."""
    async with driven(daemon) as desk:
        await desk.open_ranker()
        keys: list[str] = []

        def vanish(post: object) -> object:
            raise ConnectionResetError

        answer, daemon.answer = daemon.answer, vanish  # type: ignore[assignment]
        await desk.keys("a")
        await desk.sees("It is not known whether the daemon has it")
        daemon.answer = answer
        await desk.keys("a")
        await desk.sees("daemon has it")
        keys = [post.headers["idempotency-key"] for post in daemon.posts]
    assert len(keys) == 2
    assert keys[0] == keys[1]
