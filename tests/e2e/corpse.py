"""What a dead daemon left in its files, held against what the engine shows; it starts nothing and mends nothing."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.fold import fold
from rolloutd.core.observed import RouteReading
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import FULL, ZERO, Share
from rolloutd.journal import JournalError
from rolloutd.journal_sqlite import SqliteJournal


@dataclass(frozen=True, slots=True)
class Record:
    """The newest rollout of a journal, the number of its last event in the chain, and how long the chain is."""

    rollout: Rollout | None
    events: int

    @property
    def ceiling(self) -> Share:
        """The most that the engine may give the challenger now (invariant I1)."""
        if self.rollout is None or self.rollout.champion_slot is None:
            return ZERO
        if self.rollout.phase in (Phase.FINISHING, Phase.DONE):
            return FULL
        return self.rollout.traffic.ceiling

    def allows(self, reading: RouteReading) -> bool:
        """Whether the engine shows no increase that is not recorded."""
        if self.rollout is None or self.rollout.challenger_slot is None:
            return reading.override_slot is None
        return reading.share_of(self.rollout.challenger_slot) <= self.ceiling

    def is_met_by(self, reading: RouteReading) -> bool:
        """Whether the engine shows what is wanted, and the record says that it was seen."""
        rollout = self.rollout
        if rollout is None or rollout.challenger_slot is None or rollout.phase is Phase.PREFLIGHT:
            return reading.override_slot is None
        moved = rollout.phase in (Phase.FINISHING, Phase.DONE)
        if moved or not rollout.live:
            base = rollout.challenger_slot if moved else rollout.champion_slot
            return reading.override_slot is None and reading.base is base
        wanted = rollout.traffic.wanted
        return rollout.traffic.settled and reading.share_of(rollout.challenger_slot) == wanted


async def record_of(journal_file: Path, newest: str) -> Record:
    """Read the record beside a daemon that may be writing it. ``newest`` is the name of the rollout asked for."""
    try:
        journal = SqliteJournal.open(journal_file, read_only=True)
    except JournalError:
        return Record(None, 0)
    try:
        return Record(fold(await journal.load(newest)), (await journal.head()).seq)
    finally:
        await journal.close()


async def record_left(journal_file: Path, newest: str, *, whole: bool = False) -> Record:
    """Read what a dead daemon left, as the next one will find it: looking must not mend anything, so on a copy.

    ``whole`` verifies the whole chain too. Raises AssertionError when it is broken.
    """
    with tempfile.TemporaryDirectory(prefix="corpse-") as folder:
        copy = Path(folder) / journal_file.name
        for suffix in ("", "-wal"):
            part = journal_file.with_name(journal_file.name + suffix)
            if part.exists():
                shutil.copy(part, copy.with_name(part.name))
        if whole:
            journal = SqliteJournal.open(copy)
            report = await journal.verify()
            await journal.close()
            assert report.intact, report
        return await record_of(copy, newest)
