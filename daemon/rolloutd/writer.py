"""One thread that owns the writing connection of a store and commits all waiting jobs in one transaction.

Each job runs under its own savepoint, so one that is refused takes nothing of its neighbours with it. The caller's
event loop never waits for the disk. Nobody else may write to the file, and no job may commit or begin by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.journal import JournalError, StoreBroken, StoreBusy
from rolloutd.store import Store, as_journal_error, is_callers_fault

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

BATCH_MAX = 256
CHECKPOINT_PAGES = 1_000
_BUSY_ROUNDS = 8  # of BUSY_TIMEOUT_MS each
_PAGES_A_COMMIT = 4  # a leaf each of table, index and head, and one that splits


@dataclass(frozen=True, slots=True)
class _Order:
    """A job with whoever waits for it, and in which event loop."""

    job: Job[Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


class Writer:
    """The writing side of a store. ``run`` may be called from any event loop; it returns after the commit."""

    def __init__(self, store: Store) -> None:
        self._name = store.path.name
        self._connection = store.connect()
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._broken: JournalError | None = None
        self._closed = False
        self._pages = 0
        self._thread = threading.Thread(target=self._work, name=f"writer of {self._name}", daemon=True)
        self._thread.start()

    async def run(self, job: Job[T]) -> T:
        """Run ``job`` in the next transaction and return what it returned, once that is durable.

        Raises what the job raised (then nothing of it was kept) or a Store error. After StoreBroken every call raises
        it again. If the caller is cancelled meanwhile, the job may still be carried out.
        """
        if self._closed:
            raise JournalError(f"{self._name} is closed. Nothing was recorded and traffic is as before.")
        if self._broken is not None:
            raise self._broken
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._orders.put(_Order(job, loop, done))
        return await done

    async def close(self) -> None:
        """Carry out what was asked before, checkpoint, and let go of the file."""
        if not self._closed:
            self._closed = True
            self._orders.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._next_batch()
            if batch:
                _deliver_all(batch, self._carry_out(batch))
            if self._pages >= CHECKPOINT_PAGES and self._broken is None:
                self._checkpoint()
        # The last connection's close checkpoints too, and keeps the WAL when that fails.
        self._connection.close()

    def _next_batch(self) -> tuple[list[_Order], bool]:
        """Wait for one order, then take whatever else is there. False says that this is the end."""
        first = self._orders.get()
        if first is None:
            return [], False
        batch = [first]
        while len(batch) < BATCH_MAX:
            try:
                more = self._orders.get_nowait()
            except Empty:
                break
            if more is None:
                return batch, False
            batch.append(more)
        return batch, True

    def _carry_out(self, batch: list[_Order]) -> list[Any]:
        """An answer for each order: a result, or the exception to raise. A failed commit is every order's failure."""
        if self._broken is not None:
            return [self._broken] * len(batch)
        before = self._connection.total_changes
        try:
            self._begin()
            answers = [self._one(order.job) for order in batch]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            failure = as_journal_error(error, self._name)
            self._give_up(failure)
            return [failure] * len(batch)
        self._pages += _PAGES_A_COMMIT + self._connection.total_changes - before
        return answers

    def _begin(self) -> None:
        for rounds_left in range(_BUSY_ROUNDS - 1, -1, -1):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not rounds_left or not isinstance(as_journal_error(error, self._name), StoreBusy):
                    raise

    def _one(self, job: Job[Any]) -> Any:  # noqa: ANN401 - whatever the job returns
        self._connection.execute("SAVEPOINT job")
        try:
            answer = job(self._connection)
        except sqlite3.Error as error:
            if not is_callers_fault(error):
                raise
            answer = as_journal_error(error, self._name)
            self._connection.execute("ROLLBACK TO job")
        except Exception as error:  # noqa: BLE001 - it is the caller's, who waits for it in another thread
            answer = error
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return answer

    def _give_up(self, failure: JournalError) -> None:
        """Undo the transaction. After a broken disk nothing is tried again: a second fsync would only look good."""
        if isinstance(failure, StoreBroken):
            self._broken = failure
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._broken = as_journal_error(error, self._name)

    def _checkpoint(self) -> None:
        """Move the WAL into the file, after the callers have their answers.

        SQLite's automatic checkpoint does it inside a commit and ignores its errors. If its fsync failed, the next one
        could succeed over pages that the kernel has dropped, and the WAL that still has them would be overwritten.
        """
        reach(CrashPoint.IN_CHECKPOINT)
        self._pages = 0
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            failure = as_journal_error(error, self._name)
            if isinstance(failure, StoreBroken):
                self._broken = failure


def _deliver_all(batch: list[_Order], answers: list[Any]) -> None:
    """Hand out answers, with one wake-up for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for order, answer in zip(batch, answers, strict=True):
        by_loop.setdefault(order.loop, []).append((order.done, answer))
    for loop, pairs in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: its callers do not wait any more
            loop.call_soon_threadsafe(_deliver, pairs)


def _deliver(pairs: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for done, answer in pairs:
        if done.cancelled():
            continue
        if isinstance(answer, BaseException):
            done.set_exception(answer)
        else:
            done.set_result(answer)
