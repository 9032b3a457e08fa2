"""Replaces a small file so that a crash, a full disk or a second writer never leaves half of it. It reads no meaning.

The order is: lock beside the file, read, write a temporary file in the same folder, fsync, rename, fsync the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path

LOCK_WAIT_S = 1.5
_LOCK_POLL_S = 0.002


class Overtaken(Exception):
    """The writer is no longer wanted: something newer began meanwhile. Nothing was written."""


@contextlib.contextmanager
def locked(path: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the lock file beside ``path``. Raises TimeoutError after ``wait_s``; blocks the calling thread."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"another process keeps {path} locked") from None
                time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)  # which also gives the lock back


@contextlib.asynccontextmanager
async def held(path: Path, wait_s: float = LOCK_WAIT_S) -> AsyncIterator[bool]:
    """Hold the lock file beside ``path`` over waits of a coroutine; says whether it was had within ``wait_s``."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        deadline = time.monotonic() + wait_s
        mine = False
        while not mine:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = True
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    break
                await asyncio.sleep(_LOCK_POLL_S)
        yield mine
    finally:
        os.close(descriptor)  # which also gives the lock back


def rewrite(path: Path, edit: Callable[[str], str], still_wanted: Callable[[], bool] = lambda: True) -> str:
    """Replace the text of ``path`` with ``edit(old text)`` and return the new text. Blocks: call it in a thread.

    A missing file reads as empty, and bytes that are no text stay as they are; what ``edit`` raises leaves the file as
    it was. ``still_wanted`` is asked at the last moment before the rename; when it says no, Overtaken is raised. Raises
    OSError for everything else.
    """
    with locked(path):
        try:
            old = path.read_text(encoding="utf-8", errors="surrogateescape")
            mode = path.stat().st_mode & 0o777
        except FileNotFoundError:
            old, mode = "", 0o644
        new = edit(old)
        if new != old:
            replace(path, new, mode, still_wanted)
        return new


async def rewrite_in_thread(
    path: Path,
    edit: Callable[[str], str],
    still_wanted: Callable[[], bool] = lambda: True,
    threads: Executor | None = None,
) -> str:
    """``rewrite`` beside the event loop. Cancelling makes the file not wanted any more: the rename is left out."""
    cancelled = False

    def wanted() -> bool:
        return not cancelled and still_wanted()

    try:
        return await asyncio.get_running_loop().run_in_executor(threads, rewrite, path, edit, wanted)
    except asyncio.CancelledError:
        cancelled = True
        raise


def replace(path: Path, text: str, mode: int, still_wanted: Callable[[], bool] = lambda: True) -> None:
    """Make ``text`` the content of ``path`` in one step that survives a crash. Takes no lock. Blocks.

    ``still_wanted`` is asked at the last moment before the rename; when it says no, Overtaken is raised.
    """
    # A name that starts with a dot: a proxy that watches the folder must not take the unfinished file for its own.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if not still_wanted():
            raise Overtaken
        os.rename(temporary, path)  # noqa: PTH104 - the rename that watchers wait for, by its own name
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
