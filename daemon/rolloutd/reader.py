"""One thread with a connection that can only read, so that reading delays neither the event loop nor the writer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from rolloutd.journal import JournalError, StoreBroken
from rolloutd.store import Store, database, translated

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """The reading side of a store. Each job is short: a long one keeps the WAL from being emptied."""

    def __init__(self, store: Store) -> None:
        self._path = store.path
        self._connection = store.connect(read_only=True)
        self._db = database(self._connection)
        self._file = _identity(self._path.stat())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"reader of {self._path.name}")
        self._closed = False

    async def run(self, job: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``job(db, ...)`` on the reading connection; it sees everything that was committed before."""
        if self._closed:
            raise JournalError(f"{self._path.name} is closed. Nothing was read and traffic is as before.")
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._run, partial(job, self._db, *args, **kwargs)
        )

    def _run(self, job: Callable[[], T]) -> T:
        with translated(self._path):
            return job()

    def check_in_place(self) -> None:
        """Raise StoreBroken when the file's name no longer leads to the file that is open."""
        try:
            found = _identity(self._path.stat())
        except OSError:
            found = None
        if found != self._file:
            raise StoreBroken(
                f"{self._path.name} was removed or replaced while it is in use. "
                "What is recorded now would be lost; nothing is raised and traffic is as before."
            )

    async def close(self) -> None:
        """Finish what was asked before and close the connection."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._thread.shutdown)
            self._connection.close()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
