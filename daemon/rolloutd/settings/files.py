"""Reads a small file that the daemon must be able to trust: bounded, never a pipe; it judges only who may write it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path as FilePath


def read_small(file: FilePath, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """The content and the status of the very file that was read. Raises OSError, also for what is not a plain file.

    Content longer than ``most_bytes`` is cut there, one byte late, so that the caller can tell.
    """
    # Without O_NONBLOCK the open itself would wait for ever on a pipe.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a plain file")
        return stream.read(most_bytes + 1), status


def loose_modes(file: FilePath, status: os.stat_result) -> Iterator[str]:
    """A sentence for every way in which somebody else could change the file.

    Only root and the user who reads it may own it, and only the owner may write it or replace it in its folder.
    """
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield f"Others may write this file (mode {stat.S_IMODE(status.st_mode):04o}). Run: chmod go-w {file}"
    if status.st_uid not in (0, os.geteuid()):
        yield f"This file belongs to user {status.st_uid}, not to root or the daemon's own user. Run: chown root {file}"
    folder = file.resolve().parent
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        yield f"Others may replace this file, for they may write its folder. Run: chmod o-w {folder}"
