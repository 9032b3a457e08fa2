"""A place for one demo in which everything it leaves behind can be found; it starts nothing."""

from __future__ import annotations

import contextlib
import os
import sys
from itertools import chain
from pathlib import Path

GONE_WITHIN_S = 20.0
COMMAND = [sys.executable, "-m", "bench.demo"]


class Place:
    """The demo's temporary files go to ``folder``, and every process it starts carries that in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TMPDIR": str(folder)}

    def handles(self, words: str = "") -> list[int]:
        """Handles (pidfd) of this demo's processes whose command line has these words."""
        return [os.pidfd_open(pid) for pid, line in self._found() if words in line]

    def processes(self) -> list[str]:
        """The command lines of all processes that belong to this demo."""
        return [line for _, line in self._found()]

    def _found(self) -> list[tuple[int, str]]:
        mark, found = f"TMPDIR={self.folder}\0".encode(), []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes() + b"\0":
                    found.append((int(entry.name), (entry / "cmdline").read_text().replace("\0", " ")))
        return found

    def left_behind(self) -> list[str]:
        """Processes and files that are still there."""
        walked = os.walk(self.folder)  # what goes while it is looked at is gone; rglob would raise
        return self.processes() + [str(Path(folder, name)) for folder, *names in walked for name in chain(*names)]
