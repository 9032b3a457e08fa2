"""Hears a registry's webhook on a port of the loopback: a signed note wakes the look at the registry, and no more.

What a note says is never believed: the look is the truth, and comes without notes too. Unsigned, late, repeated or
broken ones do nothing. Off unless the configuration names a port; a proxy in front of it brings TLS and the outside.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping

from rolloutd.loopback import LoopbackPort, response
from rolloutd.ports import Clock

HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 262_144
REMEMBERED = 4_096
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
        self._port = LoopbackPort(self._answer, HEAD_BYTES_MAX)
        self.open, self.close = self._port.open, self._port.close

    async def _answer(self, head: str, reader: asyncio.StreamReader) -> bytes:
        first, *lines = head.split("\r\n")
        if first.partition(" ")[0] != "POST":
            return response("405 Method Not Allowed")
        headers = {
            key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)
        }
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > BODY_BYTES_MAX:
            return response("413 Content Too Large")
        return response(self._judged(headers, await reader.readexactly(int(length))))

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
