"""``rollout proxy``: the daemon's two sockets over stdin and stdout, for a screen on another host. It looks at no byte.

Who logged in on this host is who the daemon sees: the kernel says so, as for every other caller. No port is opened.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

import click

from rolloutd.ctl import exits
from rolloutd.ctl.client import DEFAULT_DIRECTORY
from rolloutd.ctl.session import Session, common
from rolloutd.frames import GREETING, Cutter, Frame, Kind, NotOurs, data

SOCKETS = frozenset({b"view", b"control"})
_BYTES = 65_536


class Proxy:
    """The connections of one pipe."""

    def __init__(self, directory: str, out: asyncio.StreamWriter) -> None:
        self._directory = directory
        self._out = out
        self._open: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, frame: Frame) -> None:
        """One frame from the other side."""
        writer = self._open.get(frame.connection)
        if frame.kind is Kind.OPEN:
            await self._begin(frame)
        elif frame.kind is Kind.DATA and writer is not None:
            with suppress(ConnectionError):
                writer.write(frame.payload)
                await writer.drain()
        elif frame.kind is Kind.END and writer is not None:
            del self._open[frame.connection]
            writer.close()

    async def _begin(self, frame: Frame) -> None:
        name = frame.payload
        if name not in SOCKETS:
            await self._say(Frame(Kind.END, frame.connection, b"there is no such socket").bytes())
            return
        path = os.path.join(self._directory, f"{name.decode()}.sock")  # noqa: PTH118 # as everywhere in this command
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError as error:
            reason = f"on that host {path}: {error.strerror or error}"
            await self._say(Frame(Kind.END, frame.connection, reason.encode()[:500]).bytes())
            return
        self._open[frame.connection] = writer
        task = asyncio.create_task(self._pump(frame.connection, reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pump(self, connection: int, reader: asyncio.StreamReader) -> None:
        """What the daemon says, until it ends."""
        with suppress(ConnectionError):
            while piece := await reader.read(_BYTES):
                await self._say(data(connection, piece))
        await self._say(Frame(Kind.END, connection).bytes())
        writer = self._open.pop(connection, None)
        if writer is not None:
            writer.close()

    async def _say(self, text: bytes) -> None:
        self._out.write(text)
        await self._out.drain()


async def serve(directory: str) -> None:
    """Until stdin ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    out.write(GREETING)
    proxy, cutter = Proxy(directory, out), Cutter()
    while piece := await reader.read(_BYTES):
        for frame in cutter.feed(piece):
            await proxy.take(frame)


@click.command()
@common
def proxy(session: Session) -> int:
    """The daemon's sockets over stdin and stdout, for rollout tui --host."""
    directory = session.directory or os.environ.get("ROLLOUT_SOCKET_DIR") or DEFAULT_DIRECTORY
    try:
        asyncio.run(serve(directory))
    except NotOurs as error:
        raise exits.usage(f"What came on stdin is not from a screen: {error}.", "rollout tui --host HOST") from error
    except ConnectionError:
        return exits.UNEXPECTED
    return exits.DONE


COMMANDS = {"proxy": proxy}
