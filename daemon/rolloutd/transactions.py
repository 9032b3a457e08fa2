"""The writing connection of a store: jobs in one transaction, each under its own savepoint; it knows no thread or loop.

One that is refused takes nothing of its neighbours with it. Whoever owns a ``Transactions`` calls it from one thread at
a time: the writer's thread in the daemon, the only one there is in the simulator.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.journal import JournalError, StoreBroken, StoreBusy
from rolloutd.store import Store, as_journal_error, damaged, is_callers_fault

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

_BUSY_ROUNDS = 8  # of BUSY_TIMEOUT_MS each
_PAGES_A_COMMIT = 4  # a leaf each of table, index and head, and one that splits


class Transactions:
    """What is written into one file, and whether that still works: ``broken`` is the error after which nothing does."""

    def __init__(self, store: Store) -> None:
        self.name = store.path.name
        self.connection = store.connect()
        self.broken: JournalError | None = None
        self._pages = 0

    def carry_out(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        """An answer for each job: a result, or the exception to raise. A failed commit is every job's failure."""
        if self.broken is not None:
            return [self.broken] * len(jobs)
        before = self.connection.total_changes
        try:
            self._begin()
            answers = [self._one(job) for job in jobs]
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            failure = as_journal_error(error, self.name)
            self._give_up(failure)
            return [failure] * len(jobs)
        self._pages += _PAGES_A_COMMIT + self.connection.total_changes - before
        return answers

    def _begin(self) -> None:
        for rounds_left in range(_BUSY_ROUNDS - 1, -1, -1):
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not rounds_left or not isinstance(as_journal_error(error, self.name), StoreBusy):
                    raise

    def _one(self, job: Job[Any]) -> Any:  # noqa: ANN401 - whatever the job returns
        self.connection.execute("SAVEPOINT job")
        try:
            answer = job(self.connection)
        except sqlite3.Error as error:
            if not is_callers_fault(error):
                raise
            answer = as_journal_error(error, self.name)
            self.connection.execute("ROLLBACK TO job")
        except UnicodeDecodeError:
            answer = damaged(self.name)
            self.connection.execute("ROLLBACK TO job")
        except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it in another thread
            answer = error
            self.connection.execute("ROLLBACK TO job")
        self.connection.execute("RELEASE job")
        return answer

    def _give_up(self, failure: JournalError) -> None:
        """Undo the transaction. After a broken disk nothing is tried again: a second fsync would only look good."""
        if isinstance(failure, StoreBroken):
            self.broken = failure
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.broken = as_journal_error(error, self.name)

    def checkpoint(self, after_pages: int) -> None:
        """Move the WAL into the file when it has grown by this much. Call it after the callers have their answers.

        SQLite's automatic checkpoint does it inside a commit and ignores its errors. If its fsync failed, the next one
        could succeed over pages that the kernel has dropped, and the WAL that still has them would be overwritten.
        """
        if self._pages < after_pages or self.broken is not None:
            return
        reach(CrashPoint.IN_CHECKPOINT)
        self._pages = 0
        try:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            failure = as_journal_error(error, self.name)
            if isinstance(failure, StoreBroken):
                self.broken = failure

    def close(self) -> None:
        """Let go of the file. The last connection's close checkpoints too, and keeps the WAL when that fails."""
        self.connection.close()
