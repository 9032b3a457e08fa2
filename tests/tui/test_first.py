"""The first frame before the libraries: the screen's own frame, its stream carried on, nothing rather than a guess."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser
from textual.events import Key

from rollout_tui import early, first
from rollout_tui.background import LateAnswer
from rollout_tui.desk import RolloutApp
from rollout_tui.facts import Facts
from rollout_tui.folding import opened
from rollout_tui.lines import texts
from rollout_tui.options import Options
from rollout_tui.order import Listing, arrange, keep_visible
from rollout_tui.pages import fleet_height, render_fleet
from rollout_tui.scene import Look, Scene
from rollout_tui.theme import DARK, MONO, TERMINAL
from rollout_tui.told import Told, understood
from rollout_tui.widgets.canvas import Canvas
from rollout_tui.widgets.link_line import marked
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running, until

NAMES = [f"model-{number:02}" for number in range(40)]


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    """The real server with more rollouts than a screen has lines, one of which shows harm."""
    fleet = [picture(name, state="harm" if name == "model-33" else "collecting") for name in NAMES]
    async with running(FakeService(*fleet)) as started:
        yield started


async def begun(server: Running) -> early.Early:
    """A stream that was opened early and has its first picture."""
    found = await asyncio.to_thread(early.begin, str(server.directory))
    assert found is not None
    await asyncio.to_thread(found.read)
    return found


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 20)], ids=str)
@pytest.mark.parametrize("words", ["", "state:harm", "nothing-has-this"])
async def test_it_is_the_frame_that_the_screen_draws(server: Running, size: tuple[int, int], words: str) -> None:
    """Spans and roles, with the parsed messages and with the plain ones, at every size and with a filter."""
    stream = await begun(server)
    base = Scene(Facts(), 7.0, *size, Look(ascii=True, zone=UTC))
    drawn = first.lines(stream, Listing(words=words), base)
    facts = opened(stream.hello, stream.fleet, 7.0)
    scene = Scene(facts, 7.0, *size, base.look, listing=arrange(Listing(words=words), facts.rows))
    same = Scene(facts, 7.0, *size, base.look, listing=keep_visible(scene.listing, fleet_height(scene)))
    assert drawn == marked(same, render_fleet(same))
    assert ("model-33" in texts(drawn)) is (words != "nothing-has-this")
    stream.close()


async def test_the_screen_goes_on_with_the_same_stream(server: Running) -> None:
    """It opens with the rows it has, and hears what changes on the stream that was open; it opens no second one."""
    stream = await begun(server)
    facts = opened(stream.hello, stream.fleet, 0.0)
    options = Options(str(server.directory), look=Look(ascii=True), palette=DARK, facts=facts, early=stream)
    app = RolloutApp(options, lambda: 0.0)
    async with app.run_test(size=(120, 36)):
        assert "NO CONTACT" not in texts(app.screen.query_one(Canvas).lines)
        assert app.listing.order[0] == "model-33"
        server.service.change("model-05", state="blind")
        await until(lambda: app.facts.rows["model-05"].state == "blind")
        assert app.facts.fleet_link.tries == 0
        assert next(iter(server.local.metrics.streams.collect())).samples[0].value == 1


async def test_a_terminal_is_sent_text_and_colours_alone(server: Running) -> None:
    """Each line has its place, and no text of the daemon brings a control sequence of its own."""
    stream = await begun(server)
    frame = first.lines(stream, Listing(), Scene(Facts(), 0.0, 80, 24, Look(ascii=True)))
    for palette in (DARK, TERMINAL, MONO):
        told = first.paint(frame, palette, 80)
        assert told.count("H") >= 24
        assert not set(re.sub(r"\x1b\[[\d;]+[mH]", "", told)) & {"\x1b", "\n", "\r", "\x07"}
    stream.close()


def test_a_small_terminal_waits_for_the_screen() -> None:
    """Where there is room for a line only, nothing is drawn early."""
    with pytest.raises(early.NotNow):
        first.lines(object.__new__(early.Early), Listing(), Scene(Facts(), 0.0, 30, 5))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a name short enough for sockets."""
    with TemporaryDirectory(prefix="roll-") as folder:
        yield Path(folder)


ANSWERS = {
    "nothing": b"",
    "another status": b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
    "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nevent\r\n",
    "other messages": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nevent: x\n\nabc\n\nd\r\n",
}


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS.keys())
def test_another_answer_is_no_picture(place: Path, said: bytes) -> None:
    """Whatever else comes from the socket, there is no early frame, and no error but that."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "view.sock"))
        listening.listen()

        def answer() -> None:
            peer, _ = listening.accept()
            peer.recv(4096)
            peer.sendall(said)
            peer.close()

        other = threading.Thread(target=answer)
        other.start()
        found = early.begin(str(place))
        assert found is not None
        with pytest.raises(early.NotNow):
            found.read()
        other.join()
    assert early.begin(str(place / "nowhere")) is None


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
def test_chunks_are_the_body_however_they_are_cut(body: bytes, cuts: list[int]) -> None:
    """Chunks of any size, read in pieces of any size."""
    sent, at = b"", 0
    for size in [*cuts, 40]:
        part = body[at : at + size]
        sent += f"{len(part):x}\r\n".encode() + part + b"\r\n" if part else b""
        at += size
    body = body[:at]
    reader, found, at = early.Chunks(), b"", 0
    for size in itertools.chain(cuts, itertools.repeat(7)):
        if at >= len(sent):
            break
        found += reader.feed(sent[at : at + size])
        at += size
    assert found == body


@pytest.mark.parametrize("end", ["\x1b\\", "\x07"], ids=["ST", "BEL"])
async def test_a_late_answer_of_the_terminal_presses_no_key(server: Running, end: str) -> None:
    """Its colours have letters that are keys: without care a dark background aborts the open rollout."""
    app = RolloutApp(Options(str(server.directory), look=Look(ascii=True), name="model-33"))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(lambda: "asked 10.0%" in texts(app.screen.query_one(Canvas).lines))
        await until(lambda: app.now() - app.changed_s > 0.2)
        parser = XTermParser()
        for event in [*parser.feed("\x1b]11;rgb:1a1a/aaaa/1p1p".replace("p", "0") + end), *parser.feed("")]:
            if isinstance(event, Key):
                app.screen.post_message(event)
        await pilot.pause()
        assert app.courier.result is None
        await pilot.press("a")
        await until(lambda: bool(server.service.acts))
    assert [act.verb.value for _, act, _ in server.service.acts] == ["abort"]


def test_keys_that_look_like_an_answer_are_keys() -> None:
    """What a person types one after the other is no burst, and a burst that is something else is let through."""
    late = LateAnswer()
    assert not any(late.takes(one, at * 0.5) for at, one in enumerate("]11;rgb:aaaa/aaaa/aaaa"))
    late = LateAnswer()
    assert [late.takes(one, 0.0) for one in "]1]11;ga"] == [*[False] * 5, True, True, True]
    late = LateAnswer()
    assert not any(late.takes(one, 0.0) for one in "a]1a;11")


def test_usual_command_lines_need_no_parser() -> None:
    """What is understood means the same as to the parsers; everything else is left to them."""
    line = "tui --filter state:blind --theme contrast --ascii --utc --no-mouse --read-only --socket-dir d ranker"
    assert understood(line.split()) == Told("d", "state:blind", False, "ranker", "contrast", True, True, True, False)
    assert understood([]) == Told()
    others = ("tui --host h", "tui a b", "tui --theme pink", "tui --help", "tui --filter", "tui --filter -x", "list",
              "--plain tui", "tui --no-color", "tui --filter=x", "tui --theme")  # fmt: skip
    for other in others:
        assert understood(other.split()) is None


def test_the_first_frame_waits_for_no_library() -> None:
    """What is loaded for it has no toolkit, no models, no event loop."""
    code = "import sys, rollout_tui.app, rollout_tui.early, rollout_tui.first; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in ran.stdout.split()} & {
        "asyncio",
        "h11",
        "httpx",
        "pydantic",
        "textual",
    }
