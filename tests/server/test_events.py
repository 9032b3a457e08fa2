"""The event stream: snapshot, changes, heartbeat, resuming, slow readers, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from rolloutd import server_events
from rolloutd.feed import Feed
from rolloutd.wire import Fleet, FleetRow, Status
from rolloutd.wire_daemon import Heartbeat, Hello
from tests.server.fake_service import BOOT_ID, FakeService, picture
from tests.server.running import DEADLINE_S, Running, until

READS: dict[str, type[BaseModel]] = {
    "hello": Hello,
    "snapshot": Fleet,
    "row": FleetRow,
    "status": Status,
    "heartbeat": Heartbeat,
}


@dataclass
class Message:
    """One message of the stream."""

    event: str
    data: dict[str, Any]
    id: str


class Stream:
    """A reader of the stream that reads only when it is asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def next(self, *skip: str) -> Message | None:
        """The next message that is none of ``skip``; None at the end of the stream."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self._message()
                if message is None or message.event not in skip:
                    return message

    async def _message(self) -> Message | None:
        fields: dict[str, str] = {}
        while True:
            line = (await self._reader.readline()).decode()
            if line.startswith("0\r\n") or not line:
                return None
            key, colon, value = line.strip().partition(": ")
            if colon:
                fields[key] = value
            elif line == "\n" and fields:
                message = Message(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
                if message.event in READS:
                    READS[message.event].model_validate(message.data)
                return message


@contextlib.asynccontextmanager
async def opened(server: Running, query: str = "", last_id: str = "", limit: int = 2**22) -> AsyncIterator[Stream]:
    """An open stream."""
    reader, writer = await asyncio.open_unix_connection(server.path("view"), limit=limit)
    resume = f"last-event-id: {last_id}\r\n" if last_id else ""
    writer.write(f"GET /v1/events{query} HTTP/1.1\r\nhost: x\r\n{resume}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head
    assert b"text/event-stream" in head
    try:
        yield Stream(reader, writer)
    finally:
        writer.close()


async def events(stream: Stream, count: int, *skip: str) -> list[Message]:
    """The next messages."""
    found = [await stream.next(*skip) for _ in range(count)]
    assert None not in found
    return [message for message in found if message is not None]


async def test_hello_then_the_whole_then_only_what_changes(server: Running, service: FakeService) -> None:
    """The reader learns who it is, sees everything once, and then each changed row under a growing id."""
    async with opened(server) as stream:
        hello, snapshot = await events(stream, 2)
        assert (hello.event, hello.data["boot_id"], hello.data["role"]) == ("hello", BOOT_ID, "admin")
        assert [row["name"] for row in snapshot.data["rollouts"]] == ["fraud-score", "ranker"]
        service.change("ranker", state="paused")
        (row,) = await events(stream, 1, "heartbeat")
        assert (row.event, row.data["state"], row.data["revision"]) == ("row", "paused", 318)
        assert row.id == f"{BOOT_ID}-3" > snapshot.id


async def test_one_rollout_in_full_by_its_models_name(server: Running, service: FakeService) -> None:
    """``name`` adds the whole status of that one, ``rows=0`` leaves the fleet out."""
    async with opened(server, "?name=fraud&rows=0") as stream:
        _, first = await events(stream, 2)
        assert (first.event, first.data["name"]) == ("status", "fraud-score")
        service.change("ranker")
        service.change("fraud-score", state="harm")
        (second,) = await events(stream, 1, "heartbeat")
        assert (second.event, second.data["state"]) == ("status", "harm")
    assert (await server.ask("GET", "/v1/events?name=nobody", socket_name="view")).status == 404
    assert (await server.ask("GET", "/v1/events", socket_name="control")).status == 404


async def test_the_heartbeat_goes_on_without_any_change(server: Running) -> None:
    """It says who is here, and comes again and again."""
    async with opened(server) as stream:
        beats = await events(stream, 2, "hello", "snapshot")
        assert [beat.event for beat in beats] == ["heartbeat", "heartbeat"]
        assert len(beats[0].data["here"]) == 1


async def test_resuming_gives_the_difference_and_no_snapshot(server: Running, service: FakeService) -> None:
    """After a cut, Last-Event-ID brings what changed in between, once each."""
    async with opened(server) as stream:
        await events(stream, 2)
        service.change("ranker")
        (seen,) = await events(stream, 1, "heartbeat")
    service.change("ranker", state="paused")
    service.change("fraud-score", state="harm")
    async with opened(server, last_id=seen.id) as stream:
        found = await events(stream, 3, "heartbeat")
    assert [(one.event, one.data.get("name")) for one in found[1:]] == [("row", "ranker"), ("row", "fraud-score")]


@pytest.mark.parametrize("last_id", ["otherboot-1", f"{BOOT_ID}-99", f"{BOOT_ID}-x", "nonsense", "-" * 100])
async def test_an_id_that_means_nothing_here_brings_the_snapshot(server: Running, last_id: str) -> None:
    """Of another run of the daemon, from the future, or nonsense: the reader starts anew."""
    async with opened(server, last_id=last_id) as stream:
        assert [message.event for message in await events(stream, 2)] == ["hello", "snapshot"]


async def test_a_rollout_that_is_no_longer_shown_is_gone(server: Running, service: FakeService) -> None:
    """The reader is told to forget it."""
    async with opened(server) as stream:
        await events(stream, 2)
        del service.rollouts["ranker"]
        service.feed.publish("ranker")
        (gone,) = await events(stream, 1, "heartbeat")
    assert (gone.event, gone.data) == ("gone", {"name": "ranker"})


async def test_a_reader_that_falls_behind_is_told_where_to_resume(server: Running, service: FakeService) -> None:
    """More changes than may wait: the stream ends with the id that it can go on from."""
    service.feed = Feed(behind_events=2)
    async with opened(server) as stream:
        await events(stream, 2)
        for name in ("a", "b", "c"):
            service.feed.publish(name)
        (behind,) = await events(stream, 1, "heartbeat")
        assert (behind.event, behind.data) == ("behind", {"resume_from": f"{BOOT_ID}-0"})
        assert await stream.next() is None
    text = (await server.ask("GET", "/metrics")).body.decode()
    assert "rolloutd_streams_dropped_total 1.0" in text


async def test_a_reader_that_takes_nothing_is_cut_off(
    server: Running, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds one connection for a while and no memory that grows; the others never notice."""
    monkeypatch.setattr(server_events, "STALLED_S", 0.2)
    for number in range(3_000):
        service.rollouts[f"r{number}"] = picture(f"r{number}")
    async with opened(server, limit=1_024) as lazy:
        await until(lambda: server.local.metrics.streams_dropped._value.get() == 1)
        await until(lambda: server.local.connections("view") == 0)
        assert lazy.writer.transport.get_extra_info("socket") is not None
    assert (await server.ask("GET", "/v1/health")).status == 200


async def test_a_reader_that_leaves_is_forgotten(server: Running, service: FakeService) -> None:
    """Closing the connection frees its subscription and its place."""
    async with opened(server) as stream:
        await events(stream, 2)
        assert len(service.feed._subscriptions) == 1
    await until(lambda: not service.feed._subscriptions)
    await until(lambda: server.local.connections("view") == 0)


async def test_stopping_says_bye_to_every_reader_and_waits_for_nobody(server: Running) -> None:
    """An open stream ends with a last word; a reader that does not take it cannot keep the daemon from stopping."""
    async with opened(server) as stream, opened(server, limit=1_024):
        await events(stream, 2)
        server.stop.set()
        bye = await stream.next("heartbeat")
        assert bye is not None
        assert bye.event == "bye"
        assert await stream.next() is None
    await until(lambda: not any(server.directory.iterdir()))
