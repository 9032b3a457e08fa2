"""Starts the real server in the test's own loop and talks to it over its sockets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rolloutd.access import Access, Roles
from rolloutd.core.values import Role
from rolloutd.peer import Account, Accounts
from rolloutd.server import LocalServer
from rolloutd.server_connection import Limits
from rolloutd.sockets import open_listeners
from tests.server.fake_service import FakeService

DEADLINE_S = 10.0
VIEWER_GID, OPERATOR_GID, ADMIN_GID = 61_001, 61_002, 61_003


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Running:
    """A server that serves, and where."""

    directory: Path
    service: FakeService
    local: LocalServer
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def path(self, name: str) -> str:
        """The path of one socket."""
        return str(self.directory / f"{name}.sock")

    async def raw(self, data: bytes, socket_name: str = "control") -> Answer:
        """Send these bytes and read one answer until the server closes or the body is complete."""
        reader, writer = await asyncio.open_unix_connection(self.path(socket_name), limit=2**22)
        try:
            writer.write(data)
            await writer.drain()
            return await read_answer(reader)
        finally:
            writer.close()

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        socket_name: str = "control",
    ) -> Answer:
        """One well-formed request; a command id is added to what changes something."""
        data = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "x", "content-length": str(len(data)), "connection": "close"}
        if method == "POST":
            sent["idempotency-key"] = os.urandom(8).hex()
        sent.update(headers or {})
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in sent.items())
        return await self.raw(head.encode() + b"\r\n" + data, socket_name)


async def until(check: Callable[[], bool]) -> None:
    """Wait until something is so, with a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not check():  # what is waited for sets no event
            await asyncio.sleep(0.01)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on this connection; ConnectionError when there is none."""
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest if line)
        body = await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else b""
    return Answer(int(first.split()[1]), headers, body)


class GroupAccess(Access):
    """Access whose groups have fixed numbers, so that no test depends on this machine's group file."""

    def __init__(self, roles: Roles, uids: dict[int, Account] | None = None, daemon_uid: int | None = None) -> None:
        known = uids or {}
        super().__init__(roles, Accounts(known.get), daemon_uid)
        self._role_of_gid = {VIEWER_GID: Role.VIEWER, OPERATOR_GID: Role.OPERATOR, ADMIN_GID: Role.ADMIN}


@asynccontextmanager
async def running(
    service: FakeService, access: Access | None = None, limits: Limits | None = None, directory: Path | None = None
) -> AsyncIterator[Running]:
    """The server in ``directory`` or a folder of its own, stopped at the end whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="ro"))  # short: a socket's path may have 107 bytes
    place = directory or folder / "s"
    listeners = open_listeners(place, None, {})
    rules = access or GroupAccess(Roles(viewers=("lookers",), operators=("ops",), admins=("bosses",)))
    local = LocalServer(service, rules, listeners, limits=limits)
    started = Running(place, service, local)
    task = asyncio.create_task(local.run(started.stop))
    ready = asyncio.create_task(local.ready.wait())
    try:
        await asyncio.wait({task, ready}, timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield started
    finally:
        ready.cancel()
        started.stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await task
        shutil.rmtree(folder)
