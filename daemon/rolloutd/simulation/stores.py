"""What outlives the processes of one seed: the daemon's own files on tmpfs, or the doubles in memory.

A process opens it, a kill takes it away, the next one opens what the kill left. Faults and delays are disk.py's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir, mkdtemp
from typing import Protocol

from rolloutd.core.events import Recorded
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.evidence_store import HISTORY_TICKS, EvidenceStore
from rolloutd.journal import Journal
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.lock import AlreadyRunning, take_lock
from rolloutd.memory_journal import MemoryEvidence, MemoryJournal
from rolloutd.simulation.inline import InlineReader, InlineWriter
from rolloutd.snapshots import MemorySnapshots, SnapshotStore, SqliteSnapshots
from rolloutd.spill import Spilled
from rolloutd.store import Store

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it, by mkdtemp
JOURNAL, EVIDENCE, SNAPSHOTS = "journal.db", "evidence.db", "snapshots.db"
WAL = "-wal"


class StoreKind(StrEnum):
    """What a seed is run on."""

    SQLITE = "sqlite"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Opened:
    """What one process has open."""

    journal: Journal
    evidence: EvidenceStore
    snapshots: SnapshotStore


class Disk(Protocol):
    """What outlives every process."""

    spilled: list[Spilled]

    def open(self) -> Opened:
        """What a new process does. Raises AlreadyRunning while another one acts."""
        ...

    def kill(self) -> None:
        """The process is dead, if there was one: what it had open is gone, what was written stays."""
        ...

    async def record(self) -> list[Recorded]:
        """All events, each checked against the chain. Raises the journal's errors."""
        ...


class MemoryDisk:
    """Implements ``Disk`` with the doubles."""

    def __init__(self) -> None:
        self.spilled: list[Spilled] = []
        self._journal = MemoryJournal()
        self._opened = Opened(self._journal, MemoryEvidence(), MemorySnapshots())
        self._locked = False

    def open(self) -> Opened:
        """See ``Disk.open``."""
        if self._locked:
            raise AlreadyRunning("Another one acts here.")
        self._locked = True
        return self._opened

    def kill(self) -> None:
        """See ``Disk.kill``: nobody closes the doubles."""
        self._locked = False

    async def record(self) -> list[Recorded]:
        """See ``Disk.record``."""
        return [row async for row in self._journal.load_all()]


class SqliteDisk:
    """Implements ``Disk`` with the daemon's own stores in a directory that is this seed's alone."""

    def __init__(self, folder: Path) -> None:
        self.spilled: list[Spilled] = []
        self._folder = folder
        self._lives = 0
        self._connections: list[InlineReader | InlineWriter] = []
        self._locks: list[int] = []
        self._place = self._next_place()
        for name, content in _prepared().items():
            (self._place / name).write_bytes(content)

    def open(self) -> Opened:
        """See ``Disk.open``: locked, migrated, with every pragma read back, as daemon.py opens them."""
        self._locks.append(take_lock(self._folder))
        journal = SqliteJournal.store(self._place / JOURNAL)
        evidence = SqliteEvidence.store(self._place / EVIDENCE)
        snapshots = SqliteSnapshots.store(self._place / SNAPSHOTS)
        return Opened(
            SqliteJournal(*self._connect(journal)),
            SqliteEvidence(*self._connect(evidence), HISTORY_TICKS),
            SqliteSnapshots(*self._connect(snapshots)),
        )

    def kill(self) -> None:
        """See ``Disk.kill``. The next process gets the files as they are now, before anybody closes them.

        The last one that closes a file puts its WAL into it, which no killed process does. The index of the WAL is
        shared memory: nobody trusts the one of a dead process, so it is left behind.
        """
        if not self._connections:
            return
        left, self._place = self._place, self._next_place()
        for name in (JOURNAL, EVIDENCE, SNAPSHOTS):
            for file in (left / name, left / (name + WAL)):
                if file.exists():
                    shutil.copyfile(file, self._place / file.name)
        self.close()
        shutil.rmtree(left)

    async def record(self) -> list[Recorded]:
        """See ``Disk.record``. Beside a living process, or as the next one would find it."""
        store = SqliteJournal.store(self._place / JOURNAL)
        if not self._connections:
            store.prepare()
        reader = InlineReader(store)
        try:
            return [row async for row in SqliteJournal(reader, None).load_all()]
        finally:
            reader.drop()

    def close(self) -> None:
        """Close whatever is open."""
        for connection in self._connections:
            connection.drop()
        self._connections.clear()
        while self._locks:
            os.close(self._locks.pop())

    def _connect(self, store: Store) -> tuple[InlineReader, InlineWriter]:
        store.prepare()
        reader = InlineReader(store)
        self._connections.append(reader)
        writer = InlineWriter(store)
        self._connections.append(writer)
        return reader, writer

    def _next_place(self) -> Path:
        self._lives += 1
        place = self._folder / str(self._lives)
        place.mkdir(mode=0o700)
        return place


@contextmanager
def new_disk(kind: StoreKind) -> Iterator[Disk]:
    """An empty disk for one seed, removed at the end however that comes."""
    if kind is StoreKind.MEMORY:
        yield MemoryDisk()
        return
    folder = Path(mkdtemp(prefix="rolloutd-sim-", dir=parent()))
    disk = SqliteDisk(folder)
    try:
        yield disk
    finally:
        disk.close()
        shutil.rmtree(folder)


def parent() -> Path:
    """Where the files of seeds are made: in shared memory where that can be written, else in the temporary folder."""
    usable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK | os.X_OK)
    return SHARED_MEMORY if usable else Path(gettempdir())


def file_system(kind: StoreKind) -> str:
    """The kind of file system that the seeds' files are on, as the kernel names it; "none" where there are no files."""
    if kind is StoreKind.MEMORY:
        return "none"
    place, found = parent().resolve(), ("", "unknown")
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mounted, name, *_ = line.split(" ")
        if place.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, name)
    return found[1]


@cache
def _prepared() -> dict[str, bytes]:
    """The empty files after all migrations, so that not every seed pays for those."""
    with TemporaryDirectory(prefix="rolloutd-sim-", dir=parent()) as folder:
        makers = ((JOURNAL, SqliteJournal), (EVIDENCE, SqliteEvidence), (SNAPSHOTS, SqliteSnapshots))
        for name, of in makers:
            of.store(Path(folder, name)).prepare()
        return {name: Path(folder, name).read_bytes() for name, _ in makers}
