"""The evidence in its own SQLite file, so that 10,000 rows of it never stand before an abort; the journal is elsewhere.

``synchronous=NORMAL``: no fsync for each tick, only at checkpoints; evidence_store.py says why that loses nothing that
matters. A crash of the process alone loses nothing at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from rolloutd import sql
from rolloutd.core.standing import Standing
from rolloutd.core.values import Instant
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.evidence_store import HISTORY_TICKS, EvidenceRow, Pulse, RawTick
from rolloutd.reader import Reader, Reading
from rolloutd.store import Store
from rolloutd.writer import Writer, Writing

MIGRATIONS = Migrations("evidence")
NO_STANDING = (None,) * len(sql.RAW_TICK_STANDING)


@MIGRATIONS(name="001_first")
def _first(db: Database) -> None:
    state = {"rollout": str, "gate": str, "tick": int, "body": str}
    db.table("state").create(state, pk=("rollout", "gate"), not_null=state, strict=True)
    db.execute(sql.CREATE_RAW_TICK)
    pulse = {"rollout": str, "renewed_clock_ms": int}
    db.table("pulse").create(pulse, pk="rollout", not_null=pulse, strict=True)
    life = {"id": int, "at_clock_ms": int, "at_wall_ms": int}
    db.table("daemon_pulse").create(life, pk="id", not_null=life, strict=True)
    reach(CrashPoint.IN_MIGRATION)


@MIGRATIONS(name="002_standing")
def _standing_columns(db: Database) -> None:
    for statement in sql.RAW_TICK_STANDING:
        db.execute(statement)
    reach(CrashPoint.IN_MIGRATION)


class SqliteEvidence:
    """Implements ``evidence_store.EvidenceStore`` on a file. Make it with ``open``."""

    def __init__(self, reader: Reading, writer: Writing, history_ticks: int) -> None:
        self._reader = reader
        self._writer = writer
        self._history_ticks = history_ticks

    @staticmethod
    def store(path: Path) -> Store:
        """The file with its tables, before anything is opened."""
        return Store(path, "NORMAL", MIGRATIONS)

    @classmethod
    def open(cls, path: Path, history_ticks: int = HISTORY_TICKS) -> SqliteEvidence:
        """Open or make the file. Blocks: call it before the event loop has work. Raises the Store errors."""
        store = cls.store(path)
        store.prepare()
        return cls(Reader(store), Writer(store), history_ticks)

    async def save(self, rows: Sequence[EvidenceRow]) -> int:
        """See ``EvidenceStore.save``."""

        def job(connection: sqlite3.Connection) -> int:
            return sum(_save(connection, row, self._history_ticks) for row in rows)

        return await self._writer.run(job)

    async def load(self, rollout: str) -> dict[str, EvidenceRow]:
        """See ``EvidenceStore.load``."""
        return await self._reader.run(_load, rollout)

    async def history(self, rollout: str, gate: str, limit: int = 300) -> list[RawTick]:
        """See ``EvidenceStore.history``."""
        return await self._reader.run(_history, rollout, gate, limit)

    async def pulse(self, at: Instant, renewed_clock_ms: Mapping[str, int]) -> None:
        """See ``EvidenceStore.pulse``."""
        renewed = list(renewed_clock_ms.items())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql.SAVE_DAEMON_PULSE, (at.clock_ms, at.wall_ms))
            connection.executemany(sql.SAVE_PULSE, renewed)

        await self._writer.run(job)

    async def read_pulse(self) -> Pulse:
        """See ``EvidenceStore.read_pulse``."""
        return await self._reader.run(_pulse)

    async def close(self) -> None:
        """See ``EvidenceStore.close``."""
        await self._reader.close()
        await self._writer.close()  # last, since only this connection may empty the WAL


def _save(connection: sqlite3.Connection, row: EvidenceRow, history_ticks: int) -> bool:
    """Keep one row if it is newer than the gate's state; whether it was."""
    newer = connection.execute(sql.SAVE_STATE, (row.rollout, row.gate, row.tick, row.body)).rowcount == 1
    if newer:
        counts = (row.champion_n, row.champion_bad, row.challenger_n, row.challenger_bad)
        at = (row.at.clock_ms, row.at.wall_ms)
        standing = astuple(row.standing) if row.standing is not None else NO_STANDING
        connection.execute(sql.SAVE_RAW, (row.rollout, row.gate, row.tick, *at, *counts, row.note, *standing))
        connection.execute(sql.THIN_RAW, (row.rollout, row.gate, row.tick - history_ticks))
    return newer


def _load(db: Database, rollout: str) -> dict[str, EvidenceRow]:
    found: dict[str, EvidenceRow] = {}
    for name, gate, tick, body, clock_ms, wall_ms, *rest in db.execute(sql.READ_STATE, [rollout]):
        found[gate] = EvidenceRow(name, gate, tick, body, Instant(clock_ms, wall_ms), *_counted(rest))
    return found


def _history(db: Database, rollout: str, gate: str, limit: int) -> list[RawTick]:
    found = [
        RawTick(tick, Instant(clock_ms, wall_ms), *_counted(rest))
        for tick, clock_ms, wall_ms, *rest in db.execute(sql.HISTORY, [rollout, gate, limit])
    ]
    return found[::-1]


def _counted(columns: list[Any]) -> tuple[float, float, float, float, str, Standing | None]:
    """Counts and note of a tick, and what the stage had come to by then where that was kept."""
    champion_n, champion_bad, challenger_n, challenger_bad, note, *stood = columns
    standing = None if None in stood else Standing(*stood)
    return champion_n, champion_bad, challenger_n, challenger_bad, note, standing


def _pulse(db: Database) -> Pulse:
    life = db.execute(sql.READ_DAEMON_PULSE).fetchone()
    return Pulse(Instant(*life) if life else None, dict(db.execute(sql.READ_PULSE)))
