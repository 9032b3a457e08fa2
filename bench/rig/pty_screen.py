"""A program in a pseudo-terminal of its own, timed from outside by the bytes that it writes; it draws nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ANSWERS = {b"\x1b]11;?": b"\x1b]11;rgb:1212/1212/1212\x1b\\"}
"""What a terminal answers to questions: here that its background is dark."""
ENDS_WITHIN_S = 5.0


def compiled() -> dict[str, str]:
    """This environment, in which modules are compiled once as after an installation, whatever this shell's habits."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class PtyScreen:
    """A running screen of 120 by 36. Use it as a context manager; it is ended at the end."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (120, 36)
    ) -> None:
        self._command = list(command)
        self._environment = {**compiled(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
        self._size = size
        self.pid = 0
        self.written = 0
        self.began_s = 0.0
        self._fd = -1

    def __enter__(self) -> Self:
        self.began_s = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(self._command[0], self._command, self._environment)
        columns, rows = self._size
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.kill(self.pid, signal.SIGTERM)
        deadline_s = time.monotonic() + ENDS_WITHIN_S
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline_s:
                os.kill(self.pid, signal.SIGKILL)
            self.read(0.05)
        os.close(self._fd)

    def read(self, patience_s: float) -> bytes:
        """What it has written, or what it writes next within so long."""
        if not select.select([self._fd], [], [], patience_s)[0]:
            return b""
        try:
            found = os.read(self._fd, 1 << 16)
        except OSError:
            return b""
        self.written += len(found)
        for question, answer in ANSWERS.items():
            if question in found:
                os.write(self._fd, answer)
        return found

    def until(self, word: bytes, within_s: float) -> float | None:
        """The moment at which it had written this word; None when it did not in time."""
        seen, deadline_s = b"", time.monotonic() + within_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            seen = seen[-200:] + self.read(left_s)
            if word in seen:
                return time.monotonic()
        return None

    def send(self, sequence: bytes) -> None:
        """What a terminal tells a program by itself, such as that nobody looks at it."""
        os.write(self._fd, sequence)

    def press(self, key: bytes, word: bytes, within_s: float) -> float | None:
        """Seconds from a key until it has written this word."""
        self.drain(0.0)
        began_s = time.monotonic()
        self.send(key)
        at_s = self.until(word, within_s)
        return None if at_s is None else at_s - began_s

    def drain(self, for_s: float) -> int:
        """Read for so long; the bytes that came."""
        before, deadline_s = self.written, time.monotonic() + for_s
        while self.read(max(0.0, deadline_s - time.monotonic())) or time.monotonic() < deadline_s:
            continue
        return self.written - before


def drain_all(screens: Sequence[PtyScreen], for_s: float) -> None:
    """Read all of them for so long."""
    deadline_s = time.monotonic() + for_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        for one in screens:
            one.read(min(0.02, left_s))


def cpu_ns(pid: int) -> int:
    """Processor time of all threads of a process, from the scheduler's own count (finer than ten milliseconds)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks)
