"""Ends every process of the demo and removes its folder, however the demo itself ended; it starts nothing.

The demo starts it first, as the leader of the process group that all other parts join, and holds the other end of its
stdin. When that is closed, be it by a ``kill -9``, the demo is over. So there is one way out, and it is always taken.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

POLITE_S = 4.0
FORCED_S = 2.0
ENDS_WITHIN_S = POLITE_S + FORCED_S + 4.0
_POLL_S = 0.02
# A Unix socket's path has at most 107 bytes; the longest one in the folder is run/control.sock.
_FOLDER_CHARS_MAX = 80


class Janitor:
    """The demo's end of it. Inside the block ``folder`` is a private folder (0700) and ``group`` a process group."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.demo.janitor"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        with self._process.stdout as answer:
            self.folder = Path(answer.readline().rstrip("\n"))

    @property
    def group(self) -> int:
        """The process group to start everything in."""
        return self._process.pid

    def also_ends(self, pid: int) -> None:
        """Name a process outside of the group (the screen must be in the terminal's own) that ends with the demo."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pid}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(ENDS_WITHIN_S)


def _make_folder() -> Path:
    """A new private folder, in /tmp where the usual place has too long a name for sockets."""
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="rollout-live-", dir=usual if len(usual) < _FOLDER_CHARS_MAX else "/tmp"))


def _others() -> list[int]:
    """The processes of this group but this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, _, group = (entry / "stat").read_text().rpartition(") ")[2].split()[:3]
            if int(group) == os.getpgrp() and state != "Z":
                found.append(int(entry.name))
    return found


def _end(handles: list[int]) -> None:
    """Everything politely, and what is still there after a while by force."""
    for number, patience_s in ((signal.SIGTERM, POLITE_S), (signal.SIGKILL, FORCED_S)):
        for handle in handles:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
        for pid in _others():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while _others() and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def main() -> None:
    """Make the folder, say its name, wait for the end, clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    folder = _make_folder()
    try:
        print(folder, flush=True)
        handles = []
        for line in sys.stdin:
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(int(line)))
        _end(handles)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
