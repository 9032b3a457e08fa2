"""Serves /metrics on a port of the loopback, for a Prometheus that cannot reach a Unix socket. It takes no command.

Off unless the configuration names a port. Bounded like the sockets: few connections, a short head, two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

CONNECTIONS_MOST = 8
HEAD_BYTES_MAX = 8_192
PATIENCE_S = 2.0


class Loopback:
    """One listening port. ``open`` begins, ``close`` ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._server: asyncio.Server | None = None
        self._open = 0

    async def open(self, port: int) -> int:
        """Listen on 127.0.0.1, 0 for any port; the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=HEAD_BYTES_MAX)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= CONNECTIONS_MOST:
                async with asyncio.timeout(PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever sends no request in time gets no answer
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> bytes:
        method, path, *_ = [*head.split(b"\r\n", 1)[0].split(b" "), b"", b""]
        if method != b"GET" or path.split(b"?")[0] != b"/metrics":
            return _whole("404 Not Found", "text/plain", b"Only GET /metrics is served here.\n")
        return _whole("200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry))


def _whole(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body
