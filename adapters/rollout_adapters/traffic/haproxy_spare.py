"""Keeps one connection to HAProxy's runtime socket open before it is needed, for what must not wait: removals.

It is for speed alone, and for a socket whose few places (`stats maxconn`, 10 by default) others have taken. After a
reload it may lead to the old process, and it may have been cut: so what is said here is always said again on a new
connection, whose answer counts.
"""

from __future__ import annotations

import asyncio

REOPEN_AFTER_S = 1.0
"""HAProxy ends idle connections (`stats timeout`, 10 s by default); a new one is opened so long afterwards."""


class _Line(asyncio.Protocol):
    """One open connection that carries one command line; HAProxy ends it after the answer."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as asyncio calls it
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Spare:
    """At most one idle connection. ``keep`` sees that there is one; ``say`` uses it up."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._line: _Line | None = None
        self._opening: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._closed = False
        self._instance = ""

    @property
    def ready(self) -> bool:
        """Whether there is a connection to be used."""
        return self._line is not None

    def keep(self, instance: str) -> None:
        """See that there is a connection to this process of HAProxy's, or that one is on its way. Never waits."""
        if instance != self._instance:
            self._instance = instance
            self._let_go()  # it leads to a process that has been replaced
        self._open_soon()

    def _open_soon(self) -> None:
        if self._closed or self._line is not None or self._again is not None:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="spare connection to HAProxy")

    def say(self, command_line: str) -> asyncio.Future[None] | None:
        """Send the line at once; the future is done when HAProxy has ended the connection. None without a spare."""
        line, self._line = self._line, None
        if line is None or line.transport is None or line.transport.is_closing():
            return None
        line.transport.write(command_line.encode() + b"\n")
        return line.ended

    def close(self) -> None:
        """Let go of the connection, for good."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        if self._opening is not None:
            self._opening.cancel()
        self._let_go()

    def _let_go(self) -> None:
        line, self._line = self._line, None
        if line is not None and line.transport is not None:
            line.transport.abort()

    async def _open(self) -> None:
        try:
            _, line = await asyncio.get_running_loop().create_unix_connection(_Line, self._socket)
        except OSError:
            self._later()
            return
        self._line = line
        line.ended.add_done_callback(lambda _: self._lost(line))

    def _lost(self, line: _Line) -> None:
        """It was used up, so the next one is needed at once; or HAProxy ended it, and may do so again."""
        if self._line is line:
            self._line = None
            self._later()
        else:
            self._open_soon()

    def _later(self) -> None:
        if not self._closed and self._again is None:
            self._again = asyncio.get_running_loop().call_later(REOPEN_AFTER_S, self._reopen)

    def _reopen(self) -> None:
        self._again = None
        self._open_soon()
