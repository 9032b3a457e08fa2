"""A port of the loopback that answers one short request a connection. It must not know what is asked or answered.

Bounded like the Unix sockets: few connections, a short head, two seconds. Who keeps to none of them gets no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

CONNECTIONS_MOST = 8
PATIENCE_S = 2.0
Answering = Callable[[str, asyncio.StreamReader], Awaitable[bytes]]
"""The whole head of a request (latin-1) and what its body can be read from: the whole response."""


class LoopbackPort:
    """One listening port. ``open`` begins, ``close`` ends."""

    def __init__(self, answering: Answering, head_bytes_max: int) -> None:
        self._answering = answering
        self._head_bytes_max = head_bytes_max
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def open(self, port: int) -> int:
        """Listen on 127.0.0.1, 0 for any port; the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=self._head_bytes_max)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= CONNECTIONS_MOST:
                async with asyncio.timeout(PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(await self._answering(head.decode("latin-1"), reader))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever sends no whole request in time gets no answer
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def response(status: str, kind: str = "", body: bytes = b"") -> bytes:
    """A whole response; the connection ends after it."""
    said = f"content-type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 {status}\r\n{said}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
