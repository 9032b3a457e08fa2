"""The screen on another host's daemon, over the pipe that ssh would be: the same bytes, and a cut pipe is LOST.

There is no ssh server in a test; a script of that name runs the command that it was given on this host.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rollout_tui.bridge import Bridge, command
from rollout_tui.client import Client
from rollout_tui.desk import RolloutApp
from rollout_tui.http import Unreachable
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.orders import Order
from rollout_tui.widgets.canvas import Canvas
from rolloutd.frames import GREETING, PAYLOAD_MAX, Cutter, Frame, Kind, NotOurs, data
from rolloutd.wire import ActionDone, ActionRequest
from tests.server.fake_service import FakeService, picture
from tests.server.running import running, until


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called ssh that drops what is for ssh and runs the rest here, after a login shell's chatter."""
    script = tmp_path / "ssh"
    here = Path(sys.executable).parent
    script.write_text(f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift 2\necho "Welcome!"\nexec {here}/"$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{here}:/usr/bin:/bin")
    return script


@asynccontextmanager
async def bridged(words: list[str]) -> AsyncIterator[Bridge]:
    """A bridge that listens."""
    bridge = Bridge(words)
    await bridge.start()
    try:
        yield bridge
    finally:
        await bridge.close()
    assert not bridge.where.exists()


def test_frames_survive_any_cut_and_chatter_before_them() -> None:
    """Fed byte by byte they come out whole; a large body is several; what a shell printed first is passed over."""
    body = b"x" * (PAYLOAD_MAX + 5)
    sent = Frame(Kind.OPEN, 1, b"view").bytes() + data(1, body) + Frame(Kind.END, 1).bytes()
    cutter = Cutter(greeted=False)
    found = [frame for byte in b"motd\n" + GREETING + sent for frame in cutter.feed(bytes([byte]))]
    assert [frame.kind for frame in found] == [Kind.OPEN, Kind.DATA, Kind.DATA, Kind.END]
    assert b"".join(frame.payload for frame in found[1:3]) == body
    with pytest.raises(NotOurs):
        list(Cutter().feed(b"\xff" + bytes(10)))


def test_the_host_is_no_option() -> None:
    """A host's name cannot become an option of ssh, and no password is asked for behind a screen."""
    assert command("-oProxyCommand=x", "/run/x")[-6:] == [
        "--",
        "-oProxyCommand=x",
        "rollout",
        "proxy",
        "--socket-dir",
        "/run/x",
    ]
    assert "BatchMode=yes" in command("h")


@pytest.mark.usefixtures("ssh")
async def test_looking_and_acting_go_over_the_bridge() -> None:
    """Both sockets: a status is read, an abort is taken, by the daemon's real server."""
    async with running(FakeService(picture("ranker"))) as server:
        async with bridged(command("somewhere", str(server.directory))) as bridge:
            client = Client(bridge.where)
            assert (await client.status("ranker")).revision == 317
            done = await client.act(Order.make("ranker", "abort", ActionRequest(), None))
            assert isinstance(done, ActionDone)
        assert [act.verb.value for _, act, _ in server.service.acts] == ["abort"]


@pytest.mark.usefixtures("ssh")
async def test_why_it_does_not_get_through_is_said() -> None:
    """No daemon on the other host, and no such host: the reason comes from there, not from here."""
    async with bridged(command("somewhere", "/nowhere")) as bridge:
        with pytest.raises(Unreachable, match=r"on that host /nowhere/view\.sock: No such file"):
            await Client(bridge.where).status("ranker")
    async with bridged(["sh", "-c", "echo 'Host key verification did not hold.' >&2; exit 255"]) as bridge:
        with pytest.raises(Unreachable, match="Host key verification did not hold"):
            await Client(bridge.where).status("ranker")


@pytest.mark.usefixtures("ssh")
async def test_a_cut_pipe_is_lost_and_comes_back() -> None:
    """ssh is ended by a signal: at once nothing is live; the next try starts it again and shows the present."""
    async with running(FakeService(picture("ranker"))) as server:
        bridge = Bridge(command("somewhere", str(server.directory)))
        app = RolloutApp(Options(str(bridge.where), name="ranker", bridges={"there": bridge}, retry_s=0.05))
        async with app.run_test(size=(120, 36)):

            def text() -> str:
                return texts(app.screen.query_one(Canvas).lines)

            await until(lambda: "asked 10.0%" in text() and "LIVE" in text())
            words, bridge._words = bridge._words, ["sh", "-c", "echo 'the line is down' >&2; exit 255"]
            assert bridge._process is not None
            bridge._process.send_signal(signal.SIGKILL)
            await until(lambda: "NOTHING IS LIVE" in text() and "asked 10.0%~" in text())
            await until(lambda: "the line is down" in text())
            server.service.change("ranker", state="paused")
            bridge._words = words
            await until(lambda: "PAUSED" in text() and "~" not in text())
