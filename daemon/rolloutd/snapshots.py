"""Rollouts as they were after some event, so that a start need not fold a million events; the journal stays the truth.

A snapshot may vanish or be wrong without harm. It counts only when it was made by exactly this program, and when the
journal has, at its place, the event whose hash it names; what came later is folded onto it. While increases still wait
for the chain, every live rollout is folded from its first event and compared: another state stops all increases.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Protocol

from sqlite_utils import Database, Migrations

from rolloutd import codec
from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, evolve, fold
from rolloutd.core.phases import IllegalEvent
from rolloutd.core.state import Rollout
from rolloutd.journal import Journal, JournalError
from rolloutd.reader import Reader, Reading
from rolloutd.store import Store
from rolloutd.writer import Writer, Writing

LAST_LINES = 8
EVERY_EVENTS = 100
MOST_AT_ONCE = 20
log = logging.getLogger("rolloutd.snapshots")
MIGRATIONS = Migrations("snapshots")
_PARTS_OF_THE_FOLD = ("events", "fold", "phases", "plan", "state", "values", "metrics")
_KEEP = """
INSERT INTO snapshot (stream, version, seq, hash, made_by, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET version = excluded.version, seq = excluded.seq, hash = excluded.hash,
made_by = excluded.made_by, body = excluded.body
"""


@MIGRATIONS(name="001_first")
def _first(db: Database) -> None:
    snapshot = {"stream": str, "version": int, "seq": int, "hash": str, "made_by": str, "body": str}
    db.table("snapshot").create(snapshot, pk="stream", not_null=snapshot, strict=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A rollout after its event ``version``, the journal's number ``seq``; ``hash`` (hex) is the chain's there."""

    stream: str
    version: int
    seq: int
    hash: str
    made_by: str
    body: str


class SnapshotStore(Protocol):
    """Where snapshots are kept: the newest of each stream."""

    async def load(self) -> dict[str, Snapshot]:
        """All of them, by stream."""
        ...

    async def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """Put these in the place of the older ones."""
        ...


class MemorySnapshots:
    """Implements ``SnapshotStore`` in memory: what is kept outlives a simulated process, and no real one."""

    def __init__(self) -> None:
        self.kept: dict[str, Snapshot] = {}

    async def load(self) -> dict[str, Snapshot]:
        """See ``SnapshotStore.load``."""
        return dict(self.kept)

    async def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """See ``SnapshotStore.keep``."""
        self.kept |= {snapshot.stream: snapshot for snapshot in snapshots}


class SqliteSnapshots:
    """Implements ``SnapshotStore`` on a file of its own, which may be deleted at any time while no daemon runs."""

    def __init__(self, reader: Reading, writer: Writing) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    def store(path: Path) -> Store:
        """The file with its table, before anything is opened."""
        return Store(path, "NORMAL", MIGRATIONS)

    @classmethod
    def open(cls, path: Path) -> SqliteSnapshots:
        """Open or make the file. Raises the Store errors."""
        store = cls.store(path)
        store.prepare()
        return cls(Reader(store), Writer(store))

    async def load(self) -> dict[str, Snapshot]:
        """See ``SnapshotStore.load``."""
        return await self._reader.run(
            lambda db: {row[0]: Snapshot(*row) for row in db.execute("SELECT * FROM snapshot ORDER BY stream")}
        )

    async def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """See ``SnapshotStore.keep``."""
        rows = [(s.stream, s.version, s.seq, s.hash, s.made_by, s.body) for s in snapshots]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_KEEP, rows)

        await self._writer.run(job)

    async def close(self) -> None:
        """Finish what was asked before, then let go of the file."""
        await self._reader.close()
        await self._writer.close()


def open_snapshots(path: Path) -> SqliteSnapshots:
    """Open the file; one that cannot be used is thrown away, since all of it can be made again."""
    try:
        return SqliteSnapshots.open(path)
    except JournalError as error:
        log.warning("the snapshots are made anew", extra={"error": str(error)})
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        return SqliteSnapshots.open(path)


@cache
def this_program() -> str:
    """The digest of everything that a fold goes through: another program's snapshots are not this one's."""
    digest = blake2b(digest_size=16)
    for part in _PARTS_OF_THE_FOLD:
        digest.update(resources.files("rolloutd.core").joinpath(f"{part}.py").read_bytes())
    digest.update(resources.files("rolloutd").joinpath("codec.py").read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Recalled:
    """One stream at the start: the rollout, its last events for the screen, and the version it was snapped at (0)."""

    rollout: Rollout
    last: list[ev.Recorded]
    from_version: int


class Recall:
    """Folds what the journal has of every rollout, from its snapshot on where there is a good one."""

    def __init__(self, journal: Journal, store: SnapshotStore, every_events: int = EVERY_EVENTS) -> None:
        self._journal = journal
        self._store = store
        self._every_events = every_events
        self._kept: dict[str, int] = {}
        self._used: dict[str, Snapshot] = {}

    async def all(self) -> AsyncIterator[Recalled]:
        """Every rollout, the oldest first. Raises ChainBroken for an event that is not as it was written."""
        found = await self._store.load()
        for stream in await self._journal.streams():
            if stream != ev.FLEET_STREAM and (recalled := await self._one(stream, found.get(stream))) is not None:
                yield recalled

    async def _one(self, stream: str, snapshot: Snapshot | None) -> Recalled | None:
        if snapshot is not None and snapshot.made_by == this_program():
            try:
                recalled = await self._from(snapshot)
            except (codec.CodecError, LawBroken, IllegalEvent) as error:
                log.warning("a snapshot was not used", extra={"rollout": stream, "error": str(error)})
                recalled = None
            if recalled is not None:
                self._kept[stream], self._used[stream] = snapshot.version, snapshot
                return recalled
        rows = await self._journal.load(stream)
        whole = fold(rows)
        return None if whole is None else Recalled(whole, rows, 0)

    async def _from(self, snapshot: Snapshot) -> Recalled | None:
        """The rollout from its snapshot on; None when the journal has another event at the snapshot's place."""
        rows = await self._journal.load(snapshot.stream, max(0, snapshot.version - LAST_LINES))
        there = next((row for row in rows if row.version == snapshot.version), None)
        if there is None or there.seq != snapshot.seq or await self._journal.hash_at(there.seq) != snapshot.hash:
            return None
        rollout = codec.decode(Rollout, snapshot.body)
        for row in rows:
            rollout = evolve(rollout, row) if row.version > snapshot.version else rollout
        return Recalled(rollout, rows, snapshot.version)

    async def keep(self, rollouts: Iterable[Rollout]) -> None:
        """Snap those that ended, or moved on by enough events, since the last time."""
        due = [
            rollout
            for rollout in rollouts
            if rollout.version - self._kept.get(rollout.name, 0) >= (self._every_events if rollout.live else 1)
        ]
        made = [snapshot for rollout in due[:MOST_AT_ONCE] if (snapshot := await self._made(rollout)) is not None]
        if made:
            await self._store.keep(made)
            self._kept |= {snapshot.stream: snapshot.version for snapshot in made}

    async def _made(self, rollout: Rollout) -> Snapshot | None:
        """A snapshot of this rollout, None while the journal does not have its last event yet."""
        rows = await self._journal.load(rollout.name, rollout.version - 1)
        if not rows or rows[0].version != rollout.version:
            return None
        link = await self._journal.hash_at(rows[0].seq)
        return Snapshot(rollout.name, rollout.version, rows[0].seq, link, this_program(), codec.encode(rollout))

    async def verify(self, live: Iterable[str]) -> str:
        """Fold each of these from its first event and compare with its snapshot, once; what differs, in words."""
        for stream in live:
            snapshot = self._used.pop(stream, None)
            if snapshot is None:
                continue
            rows = [row for row in await self._journal.load(stream) if row.version <= snapshot.version]
            rollout: Rollout | None = None
            for count, row in enumerate(rows):
                rollout = evolve(rollout, row)
                if count % 100 == 0:
                    await asyncio.sleep(0)
            if rollout is None or codec.encode(rollout) != snapshot.body:
                return f"the snapshot of {stream} is not what its events make"
        return ""
