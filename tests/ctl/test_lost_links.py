"""A link that is lost in the middle: what was sent is carried through, and nothing is taken for what was awaited."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rolloutd.ctl.client import Client
from rolloutd.ctl.exits import Failure
from rolloutd.ctl.following import Goal
from tests.ctl.running import finished, line, rollout, spawn
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running, until

STOPPED: dict[str, Any] = {"outcome": "aborted", "state": "aborted", "phase": "aborted", "ended": True}
OFF = {"asked": 0.0, "observed": 0.0, "confirmed": 0.0, "confirmed_is_asked": True}


async def test_a_models_name_means_one_rollout_also_after_the_link_was_lost() -> None:
    """I11: the awaited one is aborted while the daemon restarts, a newer one of its model is done: that is no 0."""
    service = FakeService(picture("ranker-v42", "ranker"))
    async with running(service) as first:
        place = first.directory
        child = await spawn(place, "wait", "ranker", "--timeout", "60s")
        await until(lambda: bool(service.feed._subscriptions))
        first.stop.set()
        await until(lambda: not service.feed._subscriptions)
        await until(lambda: not list(place.glob("*.sock")))
        service.change("ranker-v42", **STOPPED)
        done: dict[str, Any] = {"outcome": "done", "state": "done", "phase": "done", "ended": True}
        service.rollouts["ranker-v43"] = picture("ranker-v43", "ranker", **done)
        service.record["ranker-v43"] = []
        async with running(service, directory=place):
            assert (await finished(child)).code == 3


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"phase": "held"}, True),
        ({"phase": "receding"}, False),
        ({"phase": "held", "on_new": OFF}, False),
        ({"phase": "preflight", "on_new": OFF}, False),
    ],
)
def test_a_stage_is_reached_only_while_it_stands(changes: dict[str, object], holds: bool) -> None:
    """A rollout that goes back keeps the number of its stage: ``wait --for stage=2`` said that it was there."""
    found = {**picture("ranker").model_dump(), **changes}
    assert Goal.parse("stage=2").holds(found) is holds
    assert not Goal.parse("stage=3").holds(found)


def test_a_stage_of_copies_alone_is_reached_without_a_share() -> None:
    """A stage may give the new version no answer to give; it is reached once the checks are over."""
    found = picture("ranker").model_dump()
    stages = [{**stage, "share": 0.0} if stage["index"] == 1 else stage for stage in found["stages"]]
    assert Goal.parse("stage=2").holds({**found, "stages": stages, "on_new": OFF})
    assert not Goal.parse("stage=2").holds({**found, "stages": stages, "on_new": OFF, "phase": "preflight"})


@pytest.mark.parametrize("text", ["stage=²", "stage=" + "9" * 5_000, "stage=0", "stage=-1"], ids=range(4))
def test_what_is_no_stage_is_a_usage_error(text: str) -> None:
    """Some of it is a digit to Python and no number, or more than it reads."""
    with pytest.raises(Failure, match="nothing that can be waited for"):
        Goal.parse(text)


async def test_a_daemon_that_stops_while_a_command_waits_is_asked_again_with_its_key() -> None:
    """I11: it says so itself; the key is the command's own, so nobody but the command can repeat it."""
    service = FakeService(picture("ranker"))
    service.hang = True
    async with running(service) as first:
        place = first.directory
        child = await spawn(place, "abort", "ranker", "--wait", "--timeout", "60s")
        await until(lambda: bool(service.acts))
        first.stop.set()
        await until(lambda: not list(place.glob("*.sock")))
        service.hang = False
        async with running(service, directory=place):
            ran = await finished(child)
    assert (ran.code, ran.err) == (0, "")
    assert len({command_id for _, _, command_id in service.acts}) == 1


async def test_a_link_that_breaks_late_in_a_wait_is_made_again(tmp_path: Path) -> None:
    """The first try is cut after more than the command's patience; what is left of the wait is asked for."""
    waits: list[float] = []
    done = {"schema": "rollout.action/1", "router_confirmed": True}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        waits.append(json.loads(await reader.readexactly(length))["wait_s"])
        if len(waits) == 1:
            late_s = asyncio.get_running_loop().time() + 2.5
            await until(lambda: asyncio.get_running_loop().time() > late_s)  # the command's patience is over
            writer.transport.abort()
            return
        body = json.dumps(done)
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    def wait() -> object:
        client = Client(str(tmp_path), timeout_s=2.0)
        return client.post("rollouts", "ranker", "abort", body={"wait_s": 30.0}, wait_s=30.0)

    async with await asyncio.start_unix_server(serve, tmp_path / "control.sock"):
        assert await asyncio.to_thread(wait) == done
    assert waits[0] == 30.0
    assert 0.0 < waits[1] <= 27.5


async def test_watch_survives_a_daemon_that_goes_between_its_picture_and_the_record() -> None:
    """The picture had come, its record was asked for, and nobody was there: watch ended with 10."""
    service = FakeService(picture("ranker"))
    async with running(service) as first:
        place = first.directory
        child = await spawn(place, "watch", "ranker", "--timeout", "60s", "--from-seq", "0")
        assert "ranker" in await line(child)
        await until(lambda: bool(service.feed._subscriptions))
        (place / "view.sock").rename(place / "away.sock")  # its stream is open, and it takes no new connection
        service.change("ranker", "gone to 10%")
        async with asyncio.timeout(10):
            await _dead_end(place)
        (place / "away.sock").rename(place / "view.sock")
        assert "gone to 10%" in await line(child)
        service.change("ranker", "done", state="done", ended=True, outcome="done")
        assert (await finished(child)).code == 0


async def _dead_end(place: Path) -> None:
    """Until somebody knocked in vain at the door."""
    knocked = asyncio.Event()

    def came(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocked.set()
        writer.transport.abort()

    async with await asyncio.start_unix_server(came, place / "view.sock"):
        await knocked.wait()
    (place / "view.sock").unlink(missing_ok=True)


async def test_a_place_in_the_stream_that_is_no_number_is_none(server: Running) -> None:
    """Some of it is a digit to Python and no number; the stream begins with a whole picture."""
    reader, writer = await asyncio.open_unix_connection(server.path("view"))
    boot = server.service.health().boot_id.encode()
    writer.write(b"GET /v1/events HTTP/1.1\r\nhost: x\r\nlast-event-id: " + boot + b"-\xb2\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"200" in await reader.readline()
    writer.close()


async def test_too_many_for_a_moment_ends_no_command(server: Running) -> None:
    """Said once by the fake door, then it opens."""
    said: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said.append(1)
        code, status = ("too-many", 503) if len(said) == 1 else ("conflict", 409)
        body = json.dumps(
            {"schema": "rollout.error/1", "code": code, "exit": 8, "message": "m", "traffic": "t", "next": "n"}
        )
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    door = server.directory / "door"
    door.mkdir()
    async with await asyncio.start_unix_server(serve, door / "control.sock"):
        assert (await rollout(door, "abort", "ranker")).code == 8
    assert len(said) == 2
