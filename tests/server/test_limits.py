"""How many, how long and how slow: the limits of each socket, seen from outside."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from rolloutd.server_connection import Door, Limits
from tests.server.fake_service import FakeService
from tests.server.running import DEADLINE_S, Running, read_answer, running, until

QUICK = Limits(first_line_s=0.1, request_s=0.3)


async def trickle(server: Running, first: bytes) -> tuple[int, bytes]:
    """Send only this; the status of the answer, and what comes after it (nothing: the connection is closed)."""
    reader, writer = await asyncio.open_unix_connection(server.path("control"))
    writer.write(first)
    answer = await read_answer(reader)
    async with asyncio.timeout(DEADLINE_S):
        rest = await reader.read()
    writer.close()
    return answer.status, rest


async def test_a_request_that_does_not_arrive_is_cut_off(service: FakeService) -> None:
    """Nothing, half a line, half a head or half a body: each ends with a sentence and a closed connection."""
    async with running(service, limits=QUICK) as server:
        for first in (
            b"",
            b"GET /v1/roll",
            b"GET / HTTP/1.1\r\nhost: x\r\nx",
            b"POST /v1/rollouts HTTP/1.1\r\nidempotency-key: 12345678\r\ncontent-length: 9\r\n\r\n{",
        ):
            assert await trickle(server, first) == (408, b"")
    assert service.starts == []


async def test_a_second_request_has_the_same_clocks(service: FakeService) -> None:
    """A connection that was good once gets no more patience the next time."""
    async with running(service, limits=QUICK) as server:
        reader, writer = await asyncio.open_unix_connection(server.path("view"))
        writer.write(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await read_answer(reader)).status == 200
        writer.write(b"\r\nGET /v1/health HTTP/1.1\r\n")
        assert (await read_answer(reader)).status == 408
        writer.close()


async def test_an_old_connection_ends_after_its_answer(service: FakeService) -> None:
    """Rights that were taken from somebody are not kept by holding a connection open."""
    async with running(service, limits=Limits(identity_s=0)) as server:
        reader, writer = await asyncio.open_unix_connection(server.path("view"))
        writer.write(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await read_answer(reader)).status == 200
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.read() == b""
        writer.close()


async def test_one_user_has_so_many_connections_and_gets_the_place_back(service: FakeService) -> None:
    """Past its share a user is told so; closing one makes room; the other socket is untouched."""
    async with running(service, limits=Limits(per_uid=2)) as server, AsyncExitStack() as stack:
        open_ones = [await asyncio.open_unix_connection(server.path("view")) for _ in range(2)]
        for _, writer in open_ones:
            stack.callback(writer.close)
            writer.write(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        for reader, _ in open_ones:
            assert (await read_answer(reader)).status == 200
        refused = await server.ask("GET", "/v1/health", socket_name="view")
        assert refused.status == 503
        assert refused.json()["code"] == "too-many"
        assert (await server.ask("POST", "/v1/rollouts/ranker/abort")).status == 200
        open_ones[0][1].close()
        await until(lambda: server.local.connections("view") < 2)
        assert (await server.ask("GET", "/v1/health", socket_name="view")).status == 200
        text = (await server.ask("GET", "/metrics", socket_name="control")).body.decode()
        assert 'rolloutd_connections_turned_away{socket="view"}' in text


def test_a_crowd_of_users_leaves_a_place_for_root() -> None:
    """The total has a part that only root and the daemon's own user can use."""
    door = Door(Limits(connections=16, per_uid=2), lambda uid: uid == 0)
    admitted = sum(door.enter(uid) for uid in range(1, 40))
    assert admitted == 14
    assert door.enter(0)
    door.leave(0)
    assert door.by_uid[0] == 0
    assert door.turned_away == 25


async def test_a_client_that_leaves_takes_no_command_with_it(server: Running, service: FakeService) -> None:
    """The connection is dropped right after the request: the command is carried out all the same."""
    _, writer = await asyncio.open_unix_connection(server.path("control"))
    writer.write(b"POST /v1/rollouts/ranker/abort HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    writer.close()
    await until(lambda: service.rollouts["ranker"].ended)
    assert len(service.acts) == 1
