"""Reader and writer of a real store without a thread: each job is carried out at once, by whoever asks.

So a seed stays one order of steps. The connections, transactions and checkpoints are the daemon's own; nothing here
waits, and nothing here knows what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from rolloutd.journal import JournalError
from rolloutd.reader import Reads
from rolloutd.store import Store
from rolloutd.transactions import Job, Transactions

P = ParamSpec("P")
T = TypeVar("T")

CHECKPOINT_PAGES = 200
"""Sooner than the daemon does it: a run of a minute has some checkpoints too, and kills before and after them."""


class InlineWriter:
    """Implements ``writer.Writing`` in the thread that asks."""

    def __init__(self, store: Store) -> None:
        self._transactions = Transactions(store)
        self._closed = False

    async def run(self, job: Job[T]) -> T:
        """See ``Writing.run``."""
        if self._closed:
            raise JournalError(f"{self._transactions.name} is closed. Nothing was recorded.")
        (answer,) = self._transactions.carry_out([job])
        self._transactions.checkpoint(CHECKPOINT_PAGES)
        if isinstance(answer, BaseException):
            raise answer
        done: T = answer
        return done

    async def close(self) -> None:
        """See ``Writing.close``."""
        self.drop()

    def drop(self) -> None:
        """Close the connection now."""
        self._closed = True
        self._transactions.close()


class InlineReader:
    """Implements ``reader.Reading`` in the thread that asks."""

    def __init__(self, store: Store) -> None:
        self._reads = Reads(store)
        self._closed = False

    async def run(self, job: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See ``Reading.run``."""
        if self._closed:
            raise JournalError(f"{self._reads.path.name} is closed. Nothing was read.")
        return self._reads.carry_out(job, *args, **kwargs)

    def check_in_place(self) -> None:
        """See ``Reading.check_in_place``."""
        self._reads.check_in_place()

    async def close(self) -> None:
        """See ``Reading.close``."""
        self.drop()

    def drop(self) -> None:
        """Close the connection now."""
        self._closed = True
        self._reads.close()
