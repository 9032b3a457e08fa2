"""A daemon that only commits, commands and answers: what is left of an abort without all that is decided in it.

``python -m bench.rig.bare SOCKET HAPROXY DATABASE``. An event loop, one writing thread, a kept connection to HAProxy,
as in rolloutd; no HTTP parser, identity, permission, decision, hash chain or state. It is a bound for ``bench abort``
and must not grow: nobody could run a rollout with it.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

_REQUEST = re.compile(rb"POST /v1/rollouts/(?P<name>[^/]+)/abort .*content-length: (?P<length>\d+)\r\n\r\n", re.DOTALL)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
_BODY = "x" * 500
_BEGUN = b"up\n"


class Line(asyncio.Protocol):
    """A conversation with HAProxy: one command line after the other."""

    def __init__(self) -> None:
        self._heard = b""
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._heard += data
        if self._heard.endswith(b"\n> ") and self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def say(self, line: str) -> None:
        """Send a line and wait for the prompt after it."""
        assert self._transport is not None
        self._heard, self._done = b"", asyncio.get_running_loop().create_future()
        self._transport.write(line.encode() + b"\n")
        await self._done


class Commits:
    """One thread that writes each asked event in a transaction of its own."""

    def __init__(self, path: str) -> None:
        self._asked: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = SimpleQueue()
        threading.Thread(target=self._work, args=(path,), daemon=True).start()

    async def one(self) -> None:
        """Returns after the commit."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._asked.put((loop, done))
        await done

    def _work(self, path: str) -> None:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT) STRICT")
        while True:
            loop, done = self._asked.get()
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO event (body) VALUES (?)", (_BODY,))
            db.execute("COMMIT")
            loop.call_soon_threadsafe(done.set_result, None)


async def serve(socket: str, haproxy: str, database: str) -> None:
    """Take an abort at a time until somebody kills this process."""
    commits = Commits(database)
    _, line = await asyncio.get_running_loop().create_unix_connection(Line, haproxy)
    await line.say("prompt")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := _REQUEST.match(await reader.read(65_536)):
            key = f"{request['name'].decode()}/b"
            await commits.one()
            await line.say(f"set table lease key {key} data.gpt0 0; clear table lease key {key}")
            writer.write(_ANSWER)
        writer.close()

    server = await asyncio.start_unix_server(answer, socket)
    sys.stdout.buffer.write(_BEGUN)
    sys.stdout.buffer.flush()
    await server.serve_forever()


@contextmanager
def bare_daemon(place: Path, haproxy: Path) -> Iterator[Path]:
    """Such a process for the length of a block; its socket."""
    socket = place / "bare.sock"
    command = [sys.executable, "-m", "bench.rig.bare", str(socket), str(haproxy), str(place / "bare.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != _BEGUN:
                raise RuntimeError("the bare daemon did not begin")
            yield socket
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:4]))
