"""The file is private, every connection is safe, migrations are whole or not at all, and a sick disk is admitted."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database, Migrations

from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.journal import JournalError, StoreBroken, StoreFull, StoreTooNew
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.store import Store
from rolloutd.writer import Writer
from tests.journal.events import append, everything

SCHEMA = {
    "event": "seq INTEGER, stream TEXT, version INTEGER, kind TEXT, schema INTEGER, at_clock_ms INTEGER, "
    "at_wall_ms INTEGER, actor TEXT, epoch INTEGER, command TEXT, body TEXT, hash BLOB",
    "chain_head": "id INTEGER, seq INTEGER, hash BLOB",
    "command": "id TEXT, actor_uid INTEGER?, digest TEXT, outcome TEXT, stream TEXT, version INTEGER, "
    "at_clock_ms INTEGER, at_wall_ms INTEGER",
    "meta": "key TEXT, value TEXT",
    "state": "rollout TEXT, gate TEXT, tick INTEGER, body TEXT",
    "raw_tick": "rollout TEXT, gate TEXT, tick INTEGER, at_clock_ms INTEGER, at_wall_ms INTEGER, champion_n REAL, "
    "champion_bad REAL, challenger_n REAL, challenger_bad REAL, note TEXT, stage_champion_n INTEGER?, "
    "stage_champion_bad INTEGER?, stage_challenger_n INTEGER?, stage_challenger_bad INTEGER?, phi REAL?",
    "pulse": "rollout TEXT, renewed_clock_ms INTEGER",
    "daemon_pulse": "id INTEGER, at_clock_ms INTEGER, at_wall_ms INTEGER",
}


def look(path: Path, statement: str) -> list[Any]:
    """What a plain connection reads."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize(("make", "synchronous"), [(SqliteJournal, 2), (SqliteEvidence, 1)])
async def test_every_connection_is_set_up_safely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: type[SqliteJournal | SqliteEvidence], synchronous: int
) -> None:
    """Each connection to the file, of reader, writer and migration, syncs as it must and trusts no schema."""
    wanted = {"journal_mode": "wal", "synchronous": synchronous, "foreign_keys": 1, "trusted_schema": 0}
    seen: list[dict[str, object]] = []
    original = Store._set_pragmas

    def watched(self: Store, connection: sqlite3.Connection, *, read_only: bool) -> None:
        original(self, connection, read_only=read_only)
        seen.append({pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in wanted})
        seen[-1]["busy"] = connection.execute("PRAGMA busy_timeout").fetchone()[0]

    connected: list[str] = []
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def counted(name: str, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - whatever sqlite3 takes
        connected.append(name)
        return connect(name, **options)

    monkeypatch.setattr(Store, "_set_pragmas", watched)
    monkeypatch.setattr(sqlite3, "connect", counted)
    store = make.open(tmp_path / "x.db")
    await store.close()
    assert seen == [{**wanted, "busy": 250}] * len([name for name in connected if name != ":memory:"])
    assert len(seen) == 3


async def test_a_connection_that_cannot_be_safe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pragma that does not take is an error at opening, not a hope."""
    monkeypatch.setattr("rolloutd.store._SYNCHRONOUS", {"FULL": 9})
    with pytest.raises(StoreBroken, match="synchronous is"):
        SqliteJournal.open(tmp_path / "journal.db")


async def test_files_are_private(tmp_path: Path) -> None:
    """Only the owner may read the file and what SQLite puts beside it, also if the file was open before."""
    (tmp_path / "journal.db").touch(0o644)
    old = os.umask(0)
    try:
        journal = SqliteJournal.open(tmp_path / "journal.db")
        await append(journal, "a", 0, 1)
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    await journal.close()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Somebody who can write the directory can exchange the journal; so does a missing one or a link say no."""
    tmp_path.chmod(0o777)
    with pytest.raises(StoreBroken, match="not private"):
        SqliteJournal.open(tmp_path / "journal.db")
    tmp_path.chmod(0o700)
    with pytest.raises(StoreBroken, match="cannot be used"):
        SqliteJournal.open(tmp_path / "absent" / "journal.db")
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreBroken, match="cannot be opened"):
        SqliteJournal.open(tmp_path / "journal.db")


async def test_the_tables_are_these(tmp_path: Path) -> None:
    """Columns, types, strictness and unique keys, as docs and other tools may rely on them."""
    found: dict[str, str] = {}
    for name, make in (("journal.db", SqliteJournal.open), ("evidence.db", SqliteEvidence.open)):
        store = make(tmp_path / name)
        await store.close()
        for table, strict in look(tmp_path / name, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"):
            if not table.startswith(("sqlite_", "_sqlite")):
                columns = look(tmp_path / name, f"SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')")
                found[table] = ", ".join(f"{column} {kind}{'' if full else '?'}" for column, kind, full in columns)
                assert strict, table
    assert found == SCHEMA
    indexes = "SELECT name, \"unique\", partial FROM pragma_index_list('event') ORDER BY name"
    assert look(tmp_path / "journal.db", indexes) == [("event_start", 0, 1), ("idx_event_stream_version", 1, 0)]


def steps(*more: str) -> Migrations:
    """A schema of one table, and a column more for each name; ``fail`` fails after half its work."""
    migrations = Migrations("numbers")

    @migrations(name="001_first")
    def _first(db: Database) -> None:
        db.table("number").create({"n": int}, pk="n", strict=True)
        db.execute("INSERT INTO number VALUES (7)")

    for name in more:

        @migrations(name=name)
        def _more(db: Database, name: str = name) -> None:
            db.table("number").add_column(name, int)
            if name == "fail":
                raise sqlite3.OperationalError("no")

    return migrations


def test_a_migration_leaves_a_copy_of_what_was_before(tmp_path: Path) -> None:
    """An older store is brought up to date, and the store as it was lies checked beside it."""
    path = tmp_path / "numbers.db"
    Store(path, "FULL", steps()).prepare()
    Store(path, "FULL", steps("two")).prepare()
    assert look(path, "SELECT * FROM number") == [(7, None)]
    copy = tmp_path / "numbers.db.before-two"
    assert look(copy, "SELECT * FROM number") == [(7,)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    Store(path, "FULL", steps("two")).prepare()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["numbers.db", "numbers.db.before-two"]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """A step is whole or not at all (I14), and is tried again at the next start."""
    path = tmp_path / "numbers.db"
    Store(path, "FULL", steps()).prepare()
    for _ in range(2):
        with pytest.raises(JournalError):
            Store(path, "FULL", steps("fail")).prepare()
        assert look(path, "SELECT * FROM number") == [(7,)]
    Store(path, "FULL", steps("two")).prepare()
    assert look(path, "SELECT * FROM number") == [(7, None)]


async def test_a_store_of_a_newer_program_is_only_read(tmp_path: Path) -> None:
    """It is not opened to be written and not changed, but can be looked at (I14)."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await append(journal, "a", 0, 1)
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('journal', '099_far', '')"
        )
        connection.commit()
    with pytest.raises(StoreTooNew, match="099_far"):
        SqliteJournal.open(path)
    journal = SqliteJournal.open(path, read_only=True)
    assert len(await everything(journal)) == 1
    with pytest.raises(JournalError, match="to be read"):
        await append(journal, "a", 1, 2)
    await journal.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Something else under the store's name is an error with a next step, and is left as it was."""
    path = tmp_path / "journal.db"
    content = b"this is no database, but it is long enough to look like one" * 20
    path.write_bytes(content)
    with pytest.raises(StoreBroken) as caught:
        SqliteJournal.open(path)
    assert "emergency-abort" in caught.value.next_step
    assert path.read_bytes() == content


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """An append without room keeps nothing and says so; when there is room again the next one is kept."""
    journal = SqliteJournal.open(tmp_path / "journal.db")
    assert isinstance(journal._writer, Writer)
    pages = journal._writer._transactions.connection
    await append(journal, "a", 0, 1)
    pages.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreFull):
        await append(journal, "a", 1, *range(200))
    assert len(await journal.load("a")) == 1
    pages.execute("PRAGMA max_page_count = 100000")
    await append(journal, "a", 1, *range(200))
    assert (await journal.verify()).checked == 201
    await journal.close()


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Every write past ``size`` fails, as on a sick disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_after_a_failed_write_nothing_is_accepted(tmp_path: Path) -> None:
    """Once the disk failed, every append is refused although it might work again; a restart starts from the truth."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await append(journal, "a", 0, *range(50))
    with no_file_beyond(path.with_name("journal.db-wal").stat().st_size), pytest.raises(StoreBroken):
        await append(journal, "a", 50, *range(50))
    with pytest.raises(StoreBroken):
        await append(journal, "a", 50, 1)
    with pytest.raises(StoreBroken):
        await journal.write_meta("epoch", "2")
    assert len(await journal.load("a")) == 50
    await journal.close()
    journal = SqliteJournal.open(path)
    assert (await journal.verify()).checked == 50
    await append(journal, "a", 50, 1)
    await journal.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_was_taken_away_is_noticed(tmp_path: Path, replaced: bool) -> None:
    """A journal that was removed or replaced under the daemon is found by asking for its head."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path)
    await append(journal, "a", 0, 1)
    path.rename(tmp_path / "away.db")
    if replaced:
        path.touch()
    with pytest.raises(StoreBroken, match="removed or replaced"):
        await journal.head()
    await journal.close()


async def test_the_wal_does_not_grow_without_end(tmp_path: Path) -> None:
    """It is emptied at the latest every thousand pages, so a long life needs no more room than a short one."""
    journal = SqliteJournal.open(tmp_path / "journal.db")
    for number in range(400):
        await append(journal, "a", 20 * number, *range(20))
    assert (tmp_path / "journal.db-wal").stat().st_size < 1_100 * 4_120
    await journal.close()
