"""Takes prediction records over HTTP on a socket of its own: POST /v1/predictions, one JSON object a line; no more.

It is no way to the daemon: it knows no rollout, answers no question and has its own connections. Everything is bounded:
connections, bodies, and the time a request may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import h11

PATH = b"/v1/predictions"
BODY_MAX_BYTES = 4 * 1024 * 1024
CONNECTIONS_MAX = 64
WITHIN_S = 10.0
IDLE_S = 60.0
_CHUNK = 64 * 1024
_SOCKET_MODE = 0o660
Take = Callable[[Sequence[bytes]], tuple[int, int]]
"""Takes lines in; returns how many were records, and how many were not."""


class Refusal(Exception):
    """A request that is not taken: its status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Ingest:
    """The socket. ``where`` is ``host:port`` on loopback, or the path of a unix socket."""

    def __init__(self, where: str, take: Take) -> None:
        self._where = where
        self._take = take
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen, unless it does already. Raises OSError."""
        if self._server is not None:
            return
        if self._where.startswith("/"):
            self._unlink()
            self._server = await asyncio.start_unix_server(self._serve, path=self._where)
            os.chmod(self._where, _SOCKET_MODE)  # noqa: PTH101  beside the other sockets
        else:
            host, _, port = self._where.rpartition(":")
            self._server = await asyncio.start_server(self._serve, host.strip("[]"), int(port))

    async def close(self) -> None:
        """Listen no more and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._open):
            writer.close()
        self._unlink()

    def _unlink(self) -> None:
        if self._where.startswith("/"):
            Path(self._where).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._open.add(writer)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, h11.ProtocolError):
                await self._converse(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request after the other, as long as the client keeps the connection and keeps to the protocol."""
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024)
        while True:
            async with asyncio.timeout(IDLE_S):
                request = await _event(talk, reader)
            if not isinstance(request, h11.Request):
                return
            async with asyncio.timeout(WITHIN_S):
                status, answer = await self._answer(talk, reader, request)
                body = json.dumps(answer).encode() + b"\n"
                headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
                head = talk.send(h11.Response(status_code=status, headers=headers))
                rest = b"" if request.method == b"HEAD" else talk.send(h11.Data(data=body)) or b""
                writer.write((head or b"") + rest + (talk.send(h11.EndOfMessage()) or b""))
                await writer.drain()
            if talk.our_state is not h11.DONE or talk.their_state is not h11.DONE:
                return
            talk.start_next_cycle()

    async def _answer(
        self, talk: h11.Connection, reader: asyncio.StreamReader, request: h11.Request
    ) -> tuple[int, dict[str, object]]:
        try:
            if request.target.split(b"?")[0] != PATH:
                raise Refusal(404, "There is only POST /v1/predictions here.")
            if request.method != b"POST":
                raise Refusal(405, "Records are sent by POST, one JSON object a line.")
            body = await _body(talk, reader)
        except Refusal as refusal:
            return refusal.status, {"detail": str(refusal)}
        taken, refused = self._take([line for line in body.split(b"\n") if line.strip()])
        if refused and not taken:
            return 400, {"detail": "No line is a record: each needs request_id and arm.", "refused": refused}
        return 202, {"taken": taken, "refused": refused}


async def _event(talk: h11.Connection, reader: asyncio.StreamReader) -> object:
    """What the client says next; None at its end."""
    while True:
        event = talk.next_event()
        if event is not h11.NEED_DATA:
            return None if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed) else event
        talk.receive_data(await reader.read(_CHUNK))


async def _body(talk: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    """The whole body of a request. Raises Refusal for one that is too big."""
    body = bytearray()
    while isinstance(event := await _event(talk, reader), h11.Data):
        body += event.data
        if len(body) > BODY_MAX_BYTES:
            raise Refusal(413, f"A request has at most {BODY_MAX_BYTES >> 20} MiB; send fewer lines at once.")
    return bytes(body)
