"""Runs the real console script as a process of its own against a server in the test's loop."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.running import DEADLINE_S

SCRIPT = Path(sys.executable).with_name("rollout")


@dataclass(frozen=True)
class Ran:
    """What one call of the command did."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Its one line of JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


async def spawn(directory: Path | str, *arguments: str, environ: dict[str, str] | None = None) -> Process:
    """Start the command against the sockets in ``directory``."""
    return await asyncio.create_subprocess_exec(
        SCRIPT,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ROLLOUT_SOCKET_DIR": str(directory), **(environ or {})},
    )


async def line(child: Process) -> str:
    """Its next line on stdout."""
    assert child.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        return (await child.stdout.readline()).decode()


async def finished(child: Process) -> Ran:
    """Wait for it, and stop it when it takes too long."""
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        raise
    assert child.returncode is not None
    return Ran(child.returncode, out.decode(), err.decode())


async def rollout(directory: Path | str, *arguments: str) -> Ran:
    """Run the command to its end."""
    return await finished(await spawn(directory, *arguments))


async def on_a_terminal(directory: Path, typed: str, *arguments: str) -> tuple[int, str]:
    """Run it on a terminal of its own and type this; the exit code and everything that stood on the terminal."""
    ours, theirs = pty.openpty()
    try:
        child = await asyncio.create_subprocess_exec(
            SCRIPT,
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "ROLLOUT_SOCKET_DIR": str(directory)},
        )
    finally:
        os.close(theirs)
    os.write(ours, typed.encode())
    loop = asyncio.get_running_loop()
    seen = bytearray()
    gone = loop.create_future()

    def read() -> None:
        try:
            piece = os.read(ours, 4_096)
        except OSError:  # the other side has closed its terminal
            piece = b""
        seen.extend(piece)
        if not piece and not gone.done():
            gone.set_result(None)

    loop.add_reader(ours, read)
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            code = await child.wait()
            await gone
    finally:
        loop.remove_reader(ours)
        os.close(ours)
    return code, seen.decode()
