"""Hears a registry's webhook on a port of the loopback: a signed note wakes the look at the registry, and no more.

What a note says is never believed: the look is the truth, and comes without notes too. Unsigned, late, repeated or
broken ones do nothing. Off unless the configuration names a port; a proxy in front of it brings TLS and the outside.
Bounded like the other sockets: few connections, a short head, a small body, two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping

from rolloutd.ports import Clock

CONNECTIONS_MOST = 8
HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 262_144
REMEMBERED = 4_096
PATIENCE_S = 2.0
log = logging.getLogger("rolloutd.hearing")
Genuine = Callable[[Mapping[str, str], bytes, int], str | None]
"""Headers (lower case), body and the wall clock in ms: the note's id where it is signed and of now, else None."""


class Hearing:
    """One listening port. ``wake`` is called once for every note that is genuine and was not heard before."""

    def __init__(self, genuine: Genuine, wake: Callable[[], None], clock: Clock) -> None:
        self._genuine = genuine
        self._wake = wake
        self._clock = clock
        self._heard: OrderedDict[str, None] = OrderedDict()
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
                    status = await self._answer(reader)
                    writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever sends no whole note in time gets no answer
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        if first.partition(" ")[0] != "POST":
            return "405 Method Not Allowed"
        headers = {
            key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)
        }
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > BODY_BYTES_MAX:
            return "413 Content Too Large"
        return self._judged(headers, await reader.readexactly(int(length)))

    def _judged(self, headers: Mapping[str, str], body: bytes) -> str:
        note = self._genuine(headers, body, self._clock.now().wall_ms)
        if note is None:
            log.warning("a webhook was not signed, or not of now; nothing was done")
            return "401 Unauthorized"
        if note not in self._heard:
            self._heard[note] = None
            while len(self._heard) > REMEMBERED:
                self._heard.popitem(last=False)
            self._wake()
        return "204 No Content"
