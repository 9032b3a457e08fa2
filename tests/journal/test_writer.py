"""The writer thread commits what waits together, keeps jobs apart, and never says yes to what is not on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from rolloutd import transactions
from rolloutd.journal import JournalError, StoreBusy
from rolloutd.store import Store
from rolloutd.writer import BATCH_MAX, Writer

MIGRATIONS = Migrations("numbers")


@MIGRATIONS(name="001_first")
def _first(db: Database) -> None:
    db.table("number").create({"n": int}, pk="n", strict=True)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    """A writer over a table of numbers."""
    store = Store(tmp_path / "numbers.db", "FULL", MIGRATIONS)
    store.prepare()
    made = Writer(store)
    yield made
    await made.close()


def put(connection: sqlite3.Connection, n: object) -> object:
    """A job: insert one number and return it."""
    connection.execute("INSERT INTO number (n) VALUES (?)", (n,))
    return n


def numbers(tmp_path: Path) -> list[int]:
    """What another connection sees."""
    connection = sqlite3.connect(tmp_path / "numbers.db")
    try:
        return [n for (n,) in connection.execute("SELECT n FROM number ORDER BY n")]
    finally:
        connection.close()


class Gate:
    """A job that keeps the writer busy until it is opened, so that others pile up behind it."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def job(self, connection: sqlite3.Connection) -> None:
        """Wait."""
        assert self._open.wait(10)

    def open(self) -> None:
        """Let the writer go on."""
        self._open.set()


async def test_what_waits_is_committed_together(writer: Writer, tmp_path: Path) -> None:
    """Fifty jobs behind a busy writer share one transaction, and each gets its own answer."""
    statements: list[str] = []
    writer._transactions.connection.set_trace_callback(statements.append)
    gate = Gate()
    first = asyncio.create_task(writer.run(gate.job))
    rest = [asyncio.create_task(writer.run(partial(put, n=n))) for n in range(50)]
    await asyncio.sleep(0)
    gate.open()
    assert await asyncio.gather(*rest) == list(range(50))
    await first
    assert statements.count("COMMIT") <= 2  # the gate's own batch, and the rest
    assert numbers(tmp_path) == list(range(50))


async def test_a_refused_job_takes_nothing_of_its_neighbours(writer: Writer, tmp_path: Path) -> None:
    """A job that raises, or that breaks a rule of the table, is undone alone, all of it."""

    def half_done(connection: sqlite3.Connection) -> None:
        put(connection, 100)
        raise LookupError("changed my mind")

    def twice(connection: sqlite3.Connection) -> None:
        put(connection, 200)
        put(connection, 1)

    gate = Gate()
    tasks = [asyncio.create_task(writer.run(gate.job)), asyncio.create_task(writer.run(partial(put, n=1)))]
    bad = [
        asyncio.create_task(writer.run(half_done)),
        asyncio.create_task(writer.run(twice)),
        asyncio.create_task(writer.run(partial(put, n=object()))),
        asyncio.create_task(writer.run(partial(put, n="text"))),
        asyncio.create_task(writer.run(partial(put, n=2**70))),
    ]
    tasks.append(asyncio.create_task(writer.run(partial(put, n=2))))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*tasks)
    errors = await asyncio.gather(*bad, return_exceptions=True)
    assert [type(error) for error in errors] == [LookupError, JournalError, JournalError, JournalError, OverflowError]
    assert numbers(tmp_path) == [1, 2]


async def test_more_than_a_batch_is_carried_out(writer: Writer, tmp_path: Path) -> None:
    """A flood is taken in several transactions and nothing of it is dropped."""
    count = 3 * BATCH_MAX
    await asyncio.gather(*(writer.run(partial(put, n=n)) for n in range(count)))
    assert numbers(tmp_path) == list(range(count))


async def test_a_caller_that_went_away_hurts_nobody(writer: Writer, tmp_path: Path) -> None:
    """A cancelled call may still be carried out; the ones beside it get their answers."""
    gate = Gate()
    first = asyncio.create_task(writer.run(gate.job))
    gone = asyncio.create_task(writer.run(partial(put, n=1)))
    stays = asyncio.create_task(writer.run(partial(put, n=2)))
    await asyncio.sleep(0)
    gone.cancel()
    gate.open()
    assert await stays == 2
    await first
    assert gone.cancelled()
    assert numbers(tmp_path) == [1, 2]


def test_callers_of_two_event_loops_are_answered(tmp_path: Path) -> None:
    """Each caller is woken in its own loop; a loop that is gone is no error of the others."""
    store = Store(tmp_path / "numbers.db", "NORMAL", MIGRATIONS)
    store.prepare()
    writer = Writer(store)
    gate = Gate()

    async def leave_early() -> None:
        waiting = asyncio.create_task(writer.run(gate.job))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave_early())
    gate.open()
    answers: list[object] = []

    async def from_here(n: int) -> object:
        return await writer.run(partial(put, n=n))

    def ask(n: int) -> None:
        answers.append(asyncio.run(from_here(n)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    asyncio.run(writer.close())
    assert sorted(map(str, answers)) == ["0", "1", "2", "3", "4"]


async def test_another_process_that_holds_the_file_is_waited_for(writer: Writer, tmp_path: Path) -> None:
    """A lock that goes away in time is only a delay."""
    other = sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(writer.run(partial(put, n=1)))
    await asyncio.sleep(0)
    other.execute("COMMIT")
    assert await waiting == 1
    other.close()


async def test_a_lock_that_stays_is_an_error_that_passes(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last round the caller hears StoreBusy, nothing was kept, and the next call may succeed."""
    monkeypatch.setattr(transactions, "_BUSY_ROUNDS", 1)
    other = sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await writer.run(partial(put, n=1))
    other.execute("COMMIT")
    other.close()
    assert await writer.run(partial(put, n=2)) == 2
    assert numbers(tmp_path) == [2]
