"""A daemon of an earlier commit, as far as what it once said goes: the recorded answers over two real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.older.recording import SAID

COMMITS = sorted(path.stem for path in SAID.glob("*.json"))
VERBS = ("claim", "promote", "abort")


def recorded(commit: str) -> dict[str, Any]:
    """What that commit said."""
    found: dict[str, Any] = json.loads((SAID / f"{commit}.json").read_text())
    return found


class Replayed:
    """The sockets of one recording. What was never asked then is answered 404, in no words that it knew."""

    def __init__(self, where: Path, told: dict[str, Any]) -> None:
        self.where = where
        self._told = told
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one answer; an event stream says all it has and stays open, with heartbeats."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n")[0].split(" ")
            if target.startswith("/v1/events"):
                await self._stream(writer, target)
            else:
                status, answer = self._acted(target) if method == "POST" else self._answer(target)
                data = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(data), data))
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()

    def _acted(self, target: str) -> tuple[int, Any]:
        status, answer = self._told["acted"][VERBS.index(target.rsplit("/", 1)[-1])]
        return int(status), answer

    def _answer(self, target: str) -> tuple[int, Any]:
        """The answer to this question, else to the newest one on the same path."""
        answers, path = self._told["answers"], urlsplit(unquote(target)).path
        same = [asked for asked in answers if urlsplit(asked).path == path]
        if not same:
            return 404, {}
        status, answer = answers[target if target in answers else same[-1]]
        return int(status), answer

    async def _stream(self, writer: asyncio.StreamWriter, target: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        events = self._told["events"]
        said = events.get(target) or events["/v1/events"]
        for word, data in said:
            writer.write(f"event: {word}\ndata: {json.dumps(data)}\n\n".encode())
        beat = next(data for word, data in said if word == "heartbeat")
        while not self.over.is_set():
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self.over.wait()
            writer.write(f"event: heartbeat\ndata: {json.dumps(beat)}\n\n".encode())


@asynccontextmanager
async def replayed(commit: str) -> AsyncIterator[Replayed]:
    """The recording of a commit behind ``view.sock`` and ``control.sock``."""
    with TemporaryDirectory(prefix="roll-") as folder:
        daemon = Replayed(Path(folder), recorded(commit))
        servers = [
            await asyncio.start_unix_server(daemon.serve, str(daemon.where / f"{name}.sock"))
            for name in ("view", "control")
        ]
        try:
            yield daemon
        finally:
            daemon.over.set()
            for server in servers:
                server.close()
