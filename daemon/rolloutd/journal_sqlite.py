"""The journal in one SQLite file: schema, appends by the one writer thread, reads beside it. It decides nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlite_utils import Database, Migrations

from rolloutd import sql
from rolloutd.chain import GENESIS, Entry, Linked, Row, check, check_run, entry, number, recorded
from rolloutd.core.events import Event, Recorded
from rolloutd.core.values import Actor, Instant
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.journal import (
    COMMANDS_KEPT_MS,
    ChainBroken,
    ChainReport,
    CommandKey,
    CommandRepeated,
    Head,
    JournalError,
    StoredCommand,
    VersionConflict,
)
from rolloutd.reader import Reader, Reading
from rolloutd.store import Store
from rolloutd.writer import Writer, Writing

PAGE_ROWS = 1_000
MIGRATIONS = Migrations("journal")


@MIGRATIONS(name="001_first")
def _first(db: Database) -> None:
    events = {"seq": int, "stream": str, "version": int, "kind": str, "schema": int, "at_clock_ms": int}
    events |= {"at_wall_ms": int, "actor": str, "epoch": int, "command": str, "body": str, "hash": bytes}
    db.table("event").create(events, pk="seq", not_null=events, strict=True)
    db.table("event").create_index(["stream", "version"], unique=True)
    db.execute(sql.EVENT_STARTS)
    head = {"id": int, "seq": int, "hash": bytes}
    db.table("chain_head").create(head, pk="id", not_null=head, strict=True)
    db.table("chain_head").insert({"id": 1, "seq": 0, "hash": GENESIS})
    command = {"id": str, "actor_uid": int, "digest": str, "outcome": str, "stream": str, "version": int}
    command |= {"at_clock_ms": int, "at_wall_ms": int}
    db.table("command").create(command, pk="id", not_null=set(command) - {"actor_uid"}, strict=True)
    db.table("command").create_index(["at_clock_ms"])
    db.table("meta").create({"key": str, "value": str}, pk="key", not_null={"key", "value"}, strict=True)
    reach(CrashPoint.IN_MIGRATION)


class SqliteJournal:
    """Implements ``journal.Journal`` on a file. Make it with ``open``."""

    def __init__(self, reader: Reading, writer: Writing | None) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    def store(path: Path) -> Store:
        """The file with its tables, before anything is opened; every commit is synced."""
        return Store(path, "FULL", MIGRATIONS)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> SqliteJournal:
        """Open or make the journal at ``path``. Blocks: call it before the event loop has work.

        Raises StoreTooNew, StoreFull, StoreBusy or StoreBroken. ``read_only`` opens an existing journal of any age to
        look at; it makes and changes nothing, and ``append`` refuses.
        """
        store = cls.store(path)
        if read_only:
            return cls(Reader(store), None)
        store.prepare()
        return cls(Reader(store), Writer(store))

    async def append(
        self,
        stream: str,
        expected_version: int,
        events: Sequence[Event],
        *,
        at: Instant,
        actor: Actor,
        epoch: int,
        command: CommandKey | None = None,
        outcome: str | None = None,
    ) -> tuple[Recorded, ...]:
        """See ``Journal.append``."""
        new = entry(events, at, actor, epoch, command.id if command else "")

        def job(connection: sqlite3.Connection) -> tuple[Recorded, ...]:
            return _append(connection, stream, expected_version, new, command, outcome)

        return await self._write().run(job)

    async def command_outcome(self, command_id: str) -> StoredCommand | None:
        """See ``Journal.command_outcome``."""
        return await self._reader.run(_read_command, command_id)

    async def streams(self) -> list[str]:
        """See ``Journal.streams``."""
        return await self._reader.run(lambda db: [row["stream"] for row in db.query(sql.STREAMS)])

    async def load(self, stream: str, after_version: int = 0) -> list[Recorded]:
        """See ``Journal.load``."""
        found: list[Recorded] = []
        while True:
            page = await self._reader.run(_stream_page, stream, after_version + len(found))
            found += page
            if len(page) < PAGE_ROWS:
                return found

    async def load_all(self, after_seq: int = 0) -> AsyncIterator[Recorded]:
        """See ``Journal.load_all``."""
        async for page in self._checked_pages(after_seq):
            for linked in page:
                yield recorded(linked.row)

    async def head(self) -> Head:
        """See ``Journal.head``."""
        self._reader.check_in_place()
        return _public(await self._reader.run(_read_head))

    async def verify(self, from_seq: int = 0) -> ChainReport:
        """See ``Journal.verify``."""
        checked, head = 0, Head(0, GENESIS.hex())
        try:
            head = _public(await self._reader.run(_read_head))
            async for page in self._checked_pages(from_seq):
                checked += len(page)
        except ChainBroken as broken:
            return ChainReport(checked, head, broken.seq, str(broken))
        return ChainReport(checked, head)

    async def hash_at(self, seq: int) -> str:
        """The chain's hash (hex) after this event. Raises ChainBroken when there is no such event."""
        return (await self._reader.run(_read_hash, seq)).hex()

    async def read_meta(self, key: str) -> str | None:
        """See ``Journal.read_meta``."""
        return await self._reader.run(lambda db: next((row["value"] for row in db.query(sql.READ_META, [key])), None))

    async def write_meta(self, key: str, value: str) -> None:
        """See ``Journal.write_meta``."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql.WRITE_META, (key, value))

        await self._write().run(job)

    async def close(self) -> None:
        """See ``Journal.close``."""
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()  # last, since only this connection may empty the WAL

    def _write(self) -> Writing:
        if self._writer is None:
            raise JournalError("The journal was opened to be read. Nothing was recorded and traffic is as before.")
        return self._writer

    async def _checked_pages(self, seq: int) -> AsyncIterator[list[Linked]]:
        """All rows after ``seq`` up to the head of now, each page checked. Raises ChainBroken at the first bad row."""
        # The head is read first: what is appended meanwhile is left to the next reading.
        end, end_hash = await self._reader.run(_read_head)
        previous = await self._reader.run(_read_hash, seq)
        while seq < end:
            page = await self._reader.run(_checked_page, previous, seq, end)
            yield page
            seq, previous = page[-1].row.seq, page[-1].hash
        if previous != end_hash:
            raise ChainBroken(end, "it is not the one that the head of the chain names")


def _append(
    connection: sqlite3.Connection,
    stream: str,
    expected_version: int,
    new: Entry,
    command: CommandKey | None,
    outcome: str | None,
) -> tuple[Recorded, ...]:
    """In the writer's transaction: check, number, insert. Raises without having changed anything."""
    if command is not None and (stored := _stored_command(connection, command.id)) is not None:
        raise CommandRepeated(stored)
    actual: int = connection.execute(sql.LAST_VERSION, (stream,)).fetchone()[0]
    if actual != expected_version:
        raise VersionConflict(stream, expected_version, actual)
    seq, previous = _head(connection)
    rows, events = number(new, stream, actual, seq, previous)
    connection.executemany(sql.INSERT_EVENT, [(*linked.row, linked.hash) for linked in rows])
    if rows:
        connection.execute(sql.MOVE_HEAD, (rows[-1].row.seq, rows[-1].hash))
    if command is not None:
        clock_ms, wall_ms = new.at.clock_ms, new.at.wall_ms
        connection.execute(sql.FORGET_COMMANDS, (clock_ms - COMMANDS_KEPT_MS,))
        who = (command.id, command.actor_uid, command.digest)
        connection.execute(sql.INSERT_COMMAND, (*who, outcome or "", stream, actual + len(rows), clock_ms, wall_ms))
    return tuple(events)


def _stored_command(connection: sqlite3.Connection, command_id: str) -> StoredCommand | None:
    found = connection.execute(sql.READ_COMMAND, (command_id,)).fetchone()
    if found is None:
        return None
    id_, uid, digest, outcome, stream, version, clock_ms, wall_ms = found
    return StoredCommand(CommandKey(id_, uid, digest), outcome, stream, version, Instant(clock_ms, wall_ms))


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    found: tuple[int, bytes] | None = connection.execute(sql.READ_HEAD).fetchone()
    if found is None:
        raise ChainBroken(0, "the head of the chain is missing")
    return found


def _public(head: tuple[int, bytes]) -> Head:
    return Head(head[0], head[1].hex())


def _read_head(db: Database) -> tuple[int, bytes]:
    """The head, once it is sure that no row stands behind it."""
    seq, link, last = db.execute(sql.READ_ENDS).fetchone() or (0, GENESIS, -1)
    if last > seq or last < 0:
        raise ChainBroken(seq + 1, "the head of the chain does not lead to it")
    return seq, link


def _read_command(db: Database, command_id: str) -> StoredCommand | None:
    return _stored_command(db.conn, command_id)


def _read_hash(db: Database, seq: int) -> bytes:
    """The chain's hash after number ``seq``."""
    if seq == 0:
        return GENESIS
    found = db.execute(sql.HASH_AT, [seq]).fetchone()
    if found is None:
        raise ChainBroken(seq, "it is missing")
    return bytes(found[0])


def _checked_page(db: Database, previous: bytes, seq: int, end: int) -> list[Linked]:
    """The next rows after ``seq`` and up to ``end``, at least one."""
    found = db.execute(sql.PAGE, [seq, min(PAGE_ROWS, end - seq)])
    page = [Linked(Row(*columns), link) for *columns, link in found]
    if not page:
        raise ChainBroken(seq + 1, "it is missing")
    check_run(previous, seq, page)
    return page


def _stream_page(db: Database, stream: str, after_version: int) -> list[Recorded]:
    """The next events of a stream, each checked against its own hash and the one before it."""
    found: list[Recorded] = []
    for *columns, link, before in db.execute(sql.STREAM_PAGE, [stream, after_version, PAGE_ROWS]):
        row = Row(*columns)
        if row.version != after_version + len(found) + 1:
            raise ChainBroken(row.seq, f"version {after_version + len(found) + 1} of {stream} is missing before it")
        if before is None and row.seq != 1:
            raise ChainBroken(row.seq - 1, "it is missing")
        check(before or GENESIS, Linked(row, link))
        found.append(recorded(row))
    return found
