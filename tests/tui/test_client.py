"""The client over real sockets: what it sends, what it reads, and how it says that nothing answered."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from rollout_tui.client import Client
from rollout_tui.http import Unreachable
from rollout_tui.orders import Order
from rolloutd.wire import ActionDone, ActionRequest, Fleet, Problem, Status
from rolloutd.wire_daemon import Heartbeat, Hello
from tests.tui.fake_daemon import FakeDaemon, conflict


async def test_the_stream_tells_hello_picture_and_beat(daemon: FakeDaemon) -> None:
    """First who and where, then everything, then that it lives."""
    seen: list[type] = []
    async with aclosing(Client(daemon.where).events("ranker")) as events:
        async for one in events:
            seen.append(type(one))
            if isinstance(one, Heartbeat):
                break
    assert seen == [Hello, Fleet, Status, Heartbeat]


async def test_the_end_of_a_stream_is_said(daemon: FakeDaemon) -> None:
    """A cut stream raises with a reason; it never just stops."""
    async with aclosing(Client(daemon.where).events()) as events:
        assert isinstance(await anext(events), Hello)
        daemon.drop()
        with pytest.raises(Unreachable) as raised:
            async for _ in events:
                pass
    assert raised.value.why


async def test_only_what_has_a_revision_sends_one(daemon: FakeDaemon) -> None:
    """If-Match goes along exactly when the order names a revision; the idempotency key always does."""
    client = Client(daemon.where)
    done = await client.act(Order.make("ranker", "promote", ActionRequest(reason="x"), 317))
    assert isinstance(done, ActionDone)
    await client.act(Order.make("ranker", "abort", ActionRequest(), None))
    first, second = daemon.posts
    assert first.headers["if-match"] == '"317"'
    assert first.body["reason"] == "x"
    assert "if-match" not in second.headers
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


async def test_a_problem_comes_back_as_a_problem(daemon: FakeDaemon) -> None:
    """A refusal is an answer, not an error of the connection."""
    daemon.answer = conflict
    answer = await Client(daemon.where).act(Order.make("ranker", "promote", ActionRequest(), 317))
    assert isinstance(answer, Problem)
    assert answer.code == "conflict"


async def test_no_socket_was_never_sent() -> None:
    """Without a socket it is certain that nothing arrived."""
    with pytest.raises(Unreachable) as raised:
        await Client(Path("/nowhere")).status("ranker")
    assert not raised.value.sent


async def test_silence_may_have_been_sent(daemon: FakeDaemon) -> None:
    """A daemon that takes the request and says nothing: within the deadline, and not called unsent."""
    daemon.deaf = True
    with pytest.raises(Unreachable) as raised:
        await Client(daemon.where).act(Order.make("ranker", "abort", ActionRequest(), None), deadline_s=0.05)
    assert raised.value.sent
    assert "no answer in time" in raised.value.why


async def test_junk_is_not_an_answer(tmp_path: Path) -> None:
    """What cannot be read was not said: no crash, no half-read picture."""

    async def junk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"name": true}'[:-1])
        writer.close()

    server = await asyncio.start_unix_server(junk, str(tmp_path / "view.sock"))
    async with server:
        with pytest.raises(Unreachable, match="cannot read"):
            await Client(tmp_path).status("ranker")
