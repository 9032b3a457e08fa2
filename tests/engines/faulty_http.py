"""An HTTP server that answers well or badly on demand, for clients that must survive it; it measures nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

HUGE_BYTES = 512 * 1024 * 1024
_LINE = b'http_requests_total{slot="a",code="200"} 1\n'


class Fault(StrEnum):
    """What the server does instead of answering well."""

    NONE = "none"
    SILENT = "silent"
    TRICKLE = "trickle"
    TRICKLE_HEAD = "trickle the head"
    RESET = "reset"
    HANG_UP = "hang up"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    HUGE = "huge"


@dataclass(slots=True)
class FaultyHTTP:
    """Set ``body``, ``status``, ``content_type``, ``headers``, ``fault`` at any time; they hold from the next request.

    ``body_for`` makes the body from the request's head instead. ``requests`` are all heads so far,
    ``sent_bytes`` what went out, and ``open_now`` counts connections that are open.
    """

    body: bytes = b""
    body_for: Callable[[str], bytes] | None = None
    status: int = 200
    content_type: str = "text/plain; version=0.0.4"
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault = Fault.NONE
    requests: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    open_now: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The server's address as a URL without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_now += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode("latin-1"))
            if self.body_for is not None:
                self.body = self.body_for(self.requests[-1])
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is what clients with a deadline do
        finally:
            self.open_now -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.fault:
            case Fault.NONE:
                await self._send(writer, self._head(len(self.body)) + self.body)
            case Fault.SILENT:
                await reader.read()
            case Fault.TRICKLE:
                await self._send(writer, self._head(1_000_000))
                await self._trickle(reader, writer, self.body or b"x")
            case Fault.TRICKLE_HEAD:
                await self._trickle(reader, writer, b"HTTP/1.1 200 OK\r\nx-slow: " + b"x" * 10_000)
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case Fault.HANG_UP:
                pass
            case Fault.GARBAGE:
                await self._send(writer, b"\x00\x17\xff garbage \r\n\r\n" * 20)
            case Fault.TRUNCATED:
                await self._send(writer, self._head(len(self.body)) + self.body[: len(self.body) // 2])
            case Fault.HUGE:
                await self._huge(writer)

    def _head(self, length: int) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Whatever", f"content-type: {self.content_type}", f"content-length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "connection: close", "", ""]).encode()

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.sent_bytes += len(data)

    async def _trickle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        """A byte every few milliseconds until the client is gone."""
        while not reader.at_eof():
            for byte in data:
                await self._send(writer, bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await reader.read(1)
                if reader.at_eof():
                    return

    async def _huge(self, writer: asyncio.StreamWriter) -> None:
        """Far more than anybody should read, in one answer."""
        await self._send(writer, self._head(HUGE_BYTES))
        block = _LINE * 1_500
        while self.sent_bytes < HUGE_BYTES:
            await self._send(writer, block)
