"""Starts and stops one outside program and waits for conditions; every wait has a deadline, none is a fixed sleep."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

READY_WITHIN_S = 60.0  # loading the daemon takes seconds of CPU, and a busy machine several times that
STOP_WITHIN_S = 5.0
_POLL_S = 0.01
# Below the range that the kernel hands out to clients, or a load could take a port before its server binds it.
_PORTS = range(12_000, 32_000)
_given: set[int] = set()


class NotReady(RuntimeError):
    """A program or a condition did not come about within its deadline."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, that this process has not given out before.

    Of two test workers each has every second port: nobody listens yet on one that the other has just chosen.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")[2:]
    mine = _PORTS[int(worker) % 2 :: 2] if worker else _PORTS
    for _ in range(1_000):
        port = random.choice(mine)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise NotReady("no free port was found")


def wait_until(condition: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
    """Poll until ``condition()`` is true. Raises NotReady with ``what`` after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotReady(f"{what} did not come about within {within_s:g} s")
        time.sleep(_POLL_S)


async def until(condition: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
    """``wait_until`` for coroutines: others run meanwhile."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotReady(f"{what} did not come about within {within_s:g} s")
        await asyncio.sleep(_POLL_S)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def answers_at(path: Path, line: bytes) -> bytes:
    """What the server on this Unix socket answers to one line, to its end; empty when it does not answer whole."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:
            return b""


class Program:
    """One child process with its output in a file. It never outlives ``stop``.

    ``group`` is the process group that it joins; None is the caller's own.
    """

    def __init__(self, command: Sequence[str], folder: Path, name: str, group: int | None = None) -> None:
        self.group = group
        self._command = list(command)
        self._folder = folder
        self.name = name
        self.log_file = folder / f"{name}.log"
        self._process: subprocess.Popen[Any] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises NotReady when it does not run."""
        if self._process is None:
            raise NotReady(f"{self.name} does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], bool], within_s: float = READY_WITHIN_S) -> None:
        """Start it and wait until ``ready()``. Raises NotReady with the end of its output when that never comes."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self.group,
            )
        try:
            wait_until(lambda: not self.running or ready(), f"{self.name} being ready", within_s)
            if not self.running:
                raise NotReady(f"{self.name} ended at once")
        except NotReady as error:
            self.stop()
            raise NotReady(f"{error}; its output ends:\n{self.log()[-2000:]}") from None

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def stop(self) -> int | None:
        """End it politely, then by force; its exit code, None when it did not run or had to be killed."""
        if self._process is None:
            return None
        self._process.terminate()
        code = None
        try:
            code = self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None
        return code

    def kill(self) -> None:
        """End it by force, now."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it wrote so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""
