"""A hostile user's program that opens connections to one socket as fast as it can; it judges nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.server.other_user import some_uid

CONNECTIONS = 10_000
FLOOD_S = float(os.environ.get("ROLLOUTD_FLOOD_S", "0"))
"""A flood goes on for so many seconds at least; by hand a minute (S3)."""
_PROGRAM = """
import os, socket, sys
os.setgroups([])
os.setresuid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
held, made = [], 0
while True:
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        sock.connect(sys.argv[1])
    except OSError:
        sock.close()
        continue
    held.append(sock)
    made += 1
    if made % 1000 == 0:
        print(made, flush=True)
    if len(held) > 500:
        held.pop(0).close()
"""


class Flood:
    """How many connections were made so far, as the program says itself, and whether it still makes some."""

    def __init__(self, hostile: asyncio.subprocess.Process) -> None:
        self.made = 0
        self._hostile = hostile
        self._reading = asyncio.create_task(self._read())

    @property
    def goes_on(self) -> bool:
        """Whether the program has not ended by itself."""
        return self._hostile.returncode is None

    async def _read(self) -> None:
        while self._hostile.stdout is not None and (line := await self._hostile.stdout.readline()):
            self.made = int(line)

    async def stop(self) -> None:
        """End it and count what it still said."""
        self._hostile.kill()
        await self._hostile.wait()
        await self._reading


@asynccontextmanager
async def flood(path: str) -> AsyncIterator[Flood]:
    """A flood of the socket at ``path`` for the length of a block."""
    command = (sys.executable, "-c", _PROGRAM, path, str(some_uid()))
    found = Flood(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE))
    try:
        yield found
    finally:
        await found.stop()
