"""Follows a log file of JSON lines: gives what was added since the last time, whole lines only; it understands none.

It begins at the end of the file, as what was logged before speaks of no rollout. A file that was replaced or cut short
is begun anew from its start. It blocks, so it runs beside the event loop.
"""

from __future__ import annotations

import os
from pathlib import Path

from rollout_adapters.predictions.record import LINE_MAX_BYTES

MOST_BYTES = 16 * 1024 * 1024
"""So much is read at once; a log that grows faster is read on the next time, and so on."""


class Tail:
    """One file that grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._at = 0
        self._rest = b""
        self._fresh = True

    def lines(self) -> list[bytes]:
        """The lines that were added. Raises OSError where the file is not there or cannot be read."""
        found = self.path.stat()
        identity = (found.st_dev, found.st_ino)
        added: list[bytes] = []
        if identity != self._identity:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)  # first: should it fail, nothing of the old is lost
            added = self._read() if self._file is not None else []  # what came before it was moved away
            self._turn_to(file, identity)
        elif found.st_size < self._at:
            self._at, self._rest = 0, b""
        return added + self._read()

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _turn_to(self, file: int, identity: tuple[int, int]) -> None:
        self.close()
        self._file, self._identity, self._rest = file, identity, b""
        self._at = os.fstat(file).st_size if self._fresh else 0
        self._fresh = False

    def _read(self) -> list[bytes]:
        assert self._file is not None
        chunk = os.pread(self._file, MOST_BYTES, self._at)
        self._at += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_MAX_BYTES:  # it is longer than any record: what is left of it is no line either
            lines.append(self._rest)
            self._rest = b""
        return [line for line in lines if line.strip()]
