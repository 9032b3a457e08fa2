"""One thread that owns the writing connection of a store and commits all waiting jobs in one transaction.

What a transaction is stands in transactions.py. The caller's event loop never waits for the disk. Nobody else may
write to the file, and no job may commit or begin by itself.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from rolloutd.journal import JournalError
from rolloutd.store import Store
from rolloutd.transactions import Job, Transactions

T = TypeVar("T")

BATCH_MAX = 256
CHECKPOINT_PAGES = 1_000


class Writing(Protocol):
    """The writing side of a store, in whichever thread it works."""

    async def run(self, job: Job[T]) -> T:
        """Run ``job`` in a transaction and return what it returned, once that is durable. Raises what it raised."""
        ...

    async def close(self) -> None:
        """Carry out what was asked before and let go of the file."""
        ...


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
        self._transactions = Transactions(store)
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"writer of {self._name}", daemon=True)
        self._thread.start()

    async def run(self, job: Job[T]) -> T:
        """Run ``job`` in the next transaction and return what it returned, once that is durable.

        Raises what the job raised (then nothing of it was kept) or a Store error. After StoreBroken every call raises
        it again. If the caller is cancelled meanwhile, the job may still be carried out.
        """
        if self._closed:
            raise JournalError(f"{self._name} is closed. Nothing was recorded and traffic is as before.")
        if self._transactions.broken is not None:
            raise self._transactions.broken
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
                _deliver_all(batch, self._transactions.carry_out([order.job for order in batch]))
            self._transactions.checkpoint(CHECKPOINT_PAGES)
        self._transactions.close()

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
