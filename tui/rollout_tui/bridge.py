"""The near end of ``ssh -T HOST rollout proxy``: two sockets in a private folder that lead to the other host's daemon.

The rest of the screen does not know of it. When ssh ends, every connection ends, and the next one starts ssh again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rollout_tui.lines import clean
from rolloutd.frames import Cutter, Frame, Kind, NotOurs, data

ENDS_WITHIN_S = 2.0
_BYTES = 65_536


def command(host: str, socket_dir: str = "") -> list[str]:
    """How the other host is reached: without a terminal, never asking for a password, and noticing a dead line."""
    options = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5"]
    there = ["rollout", "proxy", *(["--socket-dir", socket_dir] if socket_dir else [])]
    return ["ssh", *options, "--", host, *there]


class Bridge:
    """A folder with ``view.sock`` and ``control.sock``. Raises OSError where such a folder cannot be made."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._folder = tempfile.TemporaryDirectory(prefix="rollout-")
        self.where = Path(self._folder.name)
        self._servers: list[asyncio.Server] = []
        self._process: asyncio.subprocess.Process | None = None
        self._open: dict[int, asyncio.StreamWriter] = {}
        self._spoke: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._starting = asyncio.Lock()
        self._why = ""

    async def start(self) -> None:
        """Listen."""
        for name in ("view", "control"):
            self._servers.append(await asyncio.start_unix_server(self._accept_for(name), self.where / f"{name}.sock"))

    async def close(self) -> None:
        """End ssh and everything that went over it."""
        for server in self._servers:
            server.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with suppress(TimeoutError):  # who holds its pipes open would be waited for without an end
                async with asyncio.timeout(ENDS_WITHIN_S):
                    await self._process.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._folder.cleanup()

    def _accept_for(self, name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._carry(name, reader, writer)

        return accept

    async def _carry(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the screen, until either side ends it."""
        self._count += 1
        number = self._count
        self._open[number] = writer
        try:
            await self._say(Frame(Kind.OPEN, number, name.encode()).bytes())
            while piece := await reader.read(_BYTES):
                await self._say(data(number, piece))
            await self._say(Frame(Kind.END, number).bytes())
        except ConnectionError:
            if self._tasks:
                await asyncio.wait(self._tasks)  # ssh has ended: what it complained of ends this connection, too
        except OSError as error:
            self._end(number, f"ssh cannot be started: {error}")
        finally:
            if self._open.pop(number, None) is not None:
                writer.close()

    async def _say(self, text: bytes) -> None:
        """Into ssh, which is started where it does not run. Raises OSError."""
        async with self._starting:
            process = await self._running()
        if process.stdin is not None:
            process.stdin.write(text)
            await process.stdin.drain()

    async def _running(self) -> asyncio.subprocess.Process:
        """The one ssh; two connections that come at once do not start two."""
        process = self._process
        if process is None or process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe, stderr=pipe)
            self._process, self._why = process, ""
            hearing = asyncio.create_task(self._hear(process))
            for task in (hearing, asyncio.create_task(self._listen(process, hearing))):
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return process

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """The last thing that ssh complained of is the reason when it ends."""
        while process.stderr is not None and (row := await process.stderr.readline()):
            self._why = clean(row.decode("utf-8", "replace").strip())[:200] or self._why

    async def _listen(self, process: asyncio.subprocess.Process, hearing: asyncio.Task[None]) -> None:
        """What the other side says; when it ends, everything that was open ends."""
        cutter = Cutter(greeted=False)
        try:
            while process.stdout is not None and (piece := await process.stdout.read(_BYTES)):
                for frame in cutter.feed(piece):
                    await self._take(frame)
        except NotOurs as error:
            self._why = f"{error}: the other host speaks another version"
            process.terminate()
        await asyncio.gather(process.wait(), hearing)
        for number in list(self._open):
            self._end(number, self._why or "ssh has ended")

    async def _take(self, frame: Frame) -> None:
        writer = self._open.get(frame.connection)
        if writer is None:
            return
        if frame.kind is Kind.DATA:
            self._spoke.add(frame.connection)
            with suppress(ConnectionError):
                writer.write(frame.payload)
                await writer.drain()
        elif frame.kind is Kind.END:
            self._end(frame.connection, frame.payload.decode("utf-8", "replace"))

    def _end(self, number: int, why: str) -> None:
        """Close one connection; one that never heard a word is told the reason, as a gateway would."""
        writer = self._open.pop(number, None)
        if writer is None:
            return
        if number not in self._spoke and why:
            told = "".join(char if " " <= char <= "~" else "?" for char in clean(why))
            writer.write(f"HTTP/1.1 502 {told}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        self._spoke.discard(number)
        writer.close()
