"""One thread with a connection that can only read, so that reading delays neither the event loop nor the writer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlite_utils import Database

from rolloutd.journal import JournalError, StoreBroken
from rolloutd.store import Store, database, translated

P = ParamSpec("P")
T = TypeVar("T")


class Reading(Protocol):
    """The reading side of a store, in whichever thread it works."""

    async def run(self, job: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``job(db, ...)`` on the reading connection; it sees everything that was committed before."""
        ...

    def check_in_place(self) -> None:
        """Raise StoreBroken when the file's name no longer leads to the file that is open."""
        ...

    async def close(self) -> None:
        """Finish what was asked before and close the connection."""
        ...


class Reads:
    """The reading connection of a store, for one thread at a time; it knows none."""

    def __init__(self, store: Store) -> None:
        self.path = store.path
        self._connection = store.connect(read_only=True)
        self._db = database(self._connection)
        self._file = _identity(self.path.stat())

    def carry_out(self, job: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``job(db, ...)``, with SQLite's errors as ours."""
        with translated(self.path):
            return job(self._db, *args, **kwargs)

    def check_in_place(self) -> None:
        """See ``Reading.check_in_place``."""
        try:
            found = _identity(self.path.stat())
        except OSError:
            found = None
        if found != self._file:
            raise StoreBroken(
                f"{self.path.name} was removed or replaced while it is in use. "
                "What is recorded now would be lost; nothing is raised and traffic is as before."
            )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class Reader:
    """Implements ``Reading`` in a thread. Each job is short: a long one keeps the WAL from being emptied."""

    def __init__(self, store: Store) -> None:
        self._reads = Reads(store)
        self._name = store.path.name
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"reader of {self._name}")
        self._closed = False

    async def run(self, job: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See ``Reading.run``."""
        if self._closed:
            raise JournalError(f"{self._name} is closed. Nothing was read and traffic is as before.")
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(self._reads.carry_out, job, *args, **kwargs)
        )

    def check_in_place(self) -> None:
        """See ``Reading.check_in_place``."""
        self._reads.check_in_place()

    async def close(self) -> None:
        """See ``Reading.close``."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._thread.shutdown)
            self._reads.close()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
