"""HTTP/1.1 over a Unix socket, one exchange a connection; it must not know what is asked or answered.

h11 on asyncio streams instead of a full HTTP client: importing one costs about as much as everything else up to the
first frame, and a local socket needs neither pool nor redirects nor proxies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h11

from rollout_tui.early import Early, NotNow

READ_BYTES = 65_536


class Unreachable(Exception):
    """No answer came from the socket. ``sent`` says whether the whole request may have arrived there."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes


class _Wire:
    """One connection: bytes in, h11 events out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(our_role=h11.CLIENT)

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Write one request."""
        named = [("Host", "rolloutd"), *headers.items(), ("Content-Length", str(len(body)))]
        data = self._h11.send(h11.Request(method=method, target=target, headers=named)) or b""
        if body:
            data += self._h11.send(h11.Data(data=body)) or b""
        self._writer.write(data + (self._h11.send(h11.EndOfMessage()) or b""))
        await self._writer.drain()

    async def next(self) -> h11.Response | h11.Data | None:
        """The next event of the response; None at its end."""
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Response | h11.Data):
                return event
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
                return None

    async def head(self) -> h11.Response:
        """The response's status and headers."""
        event = await self.next()
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("closed before an answer")
        return event

    async def close(self) -> None:
        """Close without waiting for the other side's goodbye."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()


def _reason(error: BaseException) -> str:
    """An error of the connection as words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, FileNotFoundError):
        return "there is no socket, so no daemon runs here"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens on the socket"
    if isinstance(error, PermissionError):
        return "you may not open the socket; its group may"
    if isinstance(error, h11.ProtocolError):
        return "the connection ended before the whole answer came"
    return str(error) or type(error).__name__


async def _connect(socket: Path) -> _Wire:
    try:
        return _Wire(*await asyncio.open_unix_connection(str(socket)))
    except OSError as error:
        raise Unreachable(_reason(error), sent=False) from error


async def exchange(
    socket: Path, method: str, target: str, *, deadline_s: float, headers: Mapping[str, str] = {}, body: bytes = b""
) -> Answer:
    """One request and its whole answer within ``deadline_s``. Raises Unreachable."""
    wire: _Wire | None = None
    try:
        async with asyncio.timeout(deadline_s):
            wire = await _connect(socket)
            await wire.send(method, target, {**headers, "Connection": "close"}, body)
            head = await wire.head()
            if head.status_code == 502:  # the bridge to another host says why it does not get through
                raise Unreachable(head.reason.decode("latin-1"), sent=False)
            return Answer(head.status_code, b"".join([part async for part in _parts(wire)]))
    except (OSError, TimeoutError, h11.ProtocolError) as error:
        raise Unreachable(_reason(error), sent=wire is not None) from error
    finally:
        if wire is not None:
            await wire.close()


async def stream(
    socket: Path, target: str, *, deadline_s: float, headers: Mapping[str, str] = {}
) -> AsyncGenerator[bytes, None]:
    """The body of an endless answer, piece by piece; ``deadline_s`` is for its head. Raises Unreachable at any end."""
    wire: _Wire | None = None
    try:
        async with asyncio.timeout(deadline_s):
            wire = await _connect(socket)
            await wire.send("GET", target, {**headers, "Accept": "text/event-stream"}, b"")
            head = await wire.head()
        if head.status_code == 502:
            raise Unreachable(head.reason.decode("latin-1"), sent=False)
        if head.status_code != 200:
            raise Unreachable(f"the daemon answered {head.status_code} to a request for its events", sent=True)
        async for part in _parts(wire):
            yield part
        raise Unreachable("the daemon closed the connection", sent=True)
    except (OSError, TimeoutError, h11.ProtocolError) as error:
        raise Unreachable(_reason(error), sent=wire is not None) from error
    finally:
        if wire is not None:
            await wire.close()


async def resume(early: Early) -> AsyncGenerator[bytes, None]:
    """The rest of a stream that was opened early. Raises Unreachable at any end."""
    writer: asyncio.StreamWriter | None = None
    try:
        early.socket.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=early.socket)
        yield early.left
        while piece := await reader.read(READ_BYTES):
            yield early.chunks.feed(piece)
        raise Unreachable("the daemon closed the connection", sent=True)
    except NotNow:
        raise Unreachable("the daemon closed the connection", sent=True) from None
    except OSError as error:
        raise Unreachable(_reason(error), sent=True) from error
    finally:
        if writer is not None:
            writer.close()
        early.close()


async def _parts(wire: _Wire) -> AsyncIterator[bytes]:
    """The pieces of a body."""
    while isinstance(event := await wire.next(), h11.Data):
        yield bytes(event.data)
