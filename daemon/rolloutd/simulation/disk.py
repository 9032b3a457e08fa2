"""The disk as one process reaches it: its journal and evidence, with delays, a full store, and places to die.

What is behind outlives the process (stores.py); these wrappers belong to one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from rolloutd.core.events import Event, Recorded
from rolloutd.core.values import Actor, Instant
from rolloutd.evidence_store import EvidenceRow, EvidenceStore, Pulse, RawTick
from rolloutd.journal import ChainReport, CommandKey, Head, Journal, StoredCommand, StoreFull
from rolloutd.simulation.checkers import Checkers
from rolloutd.simulation.scenario import Kind
from rolloutd.simulation.world import World
from rolloutd.spill import Spilled, SpillFile

Cross = Callable[[str], None]


class SimulatedSpill(SpillFile):
    """The spill file of one process; on a full disk there may be no room for it either."""

    def __init__(self, lines: list[Spilled], world: World, cross: Cross) -> None:
        super().__init__(Path("spill.jsonl"))
        self._lines = lines
        self._world = world
        self._cross = cross

    def write(self, rollout: str, actor: Actor, reason: str, at: Instant, cause: str = "") -> None:
        """See ``SpillFile.write``."""
        self._cross("now")
        full = self._world.active.get(Kind.STORE_FULL)
        if full is not None and full.chance < 0.5:
            self._world.nothing_kept = True
            raise OSError("no space left")
        self._world.trace.say(f"spilled by {actor.name}: {reason}")
        self._lines.append(Spilled(rollout, actor.name, reason, at.wall_ms, cause))

    def read(self) -> list[Spilled]:
        """See ``SpillFile.read``."""
        return list(self._lines)

    def clear(self) -> None:
        """See ``SpillFile.clear``."""
        self._cross("now")
        self._lines.clear()


class SimulatedJournal:
    """Implements ``journal.Journal`` for one process."""

    def __init__(self, disk: Journal, world: World, checkers: Checkers, cross: Cross) -> None:
        self._disk = disk
        self._world = world
        self._checkers = checkers
        self._cross = cross

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
        await self._write("journal-before")
        rows = await self._disk.append(
            stream, expected_version, events, at=at, actor=actor, epoch=epoch, command=command, outcome=outcome
        )
        self._checkers.recorded(rows, command)
        self._cross("journal-after")
        await asyncio.sleep(self._world.rng.uniform(0.0, 0.002))
        self._cross("journal-after")
        return rows

    async def write_meta(self, key: str, value: str) -> None:
        """See ``Journal.write_meta``."""
        await self._write("journal-before")
        await self._disk.write_meta(key, value)

    async def _write(self, border: str) -> None:
        world = self._world
        slow = world.active.get(Kind.STORE_SLOW)
        delay_ms = world.rng.uniform(0.2, 3) + (0 if slow is None else slow.amount * world.rng.random())
        self._cross(border)
        await asyncio.sleep(delay_ms / 1000)
        self._cross(border)
        if Kind.STORE_FULL in world.active:
            raise StoreFull("There is no space.")

    async def command_outcome(self, command_id: str) -> StoredCommand | None:
        """See ``Journal.command_outcome``."""
        self._cross("now")
        return await self._disk.command_outcome(command_id)

    async def streams(self) -> list[str]:
        """See ``Journal.streams``."""
        self._cross("now")
        return await self._disk.streams()

    async def load(self, stream: str, after_version: int = 0) -> list[Recorded]:
        """See ``Journal.load``."""
        self._cross("now")
        return await self._disk.load(stream, after_version)

    def load_all(self, after_seq: int = 0) -> AsyncIterator[Recorded]:
        """See ``Journal.load_all``."""
        return self._disk.load_all(after_seq)

    async def head(self) -> Head:
        """See ``Journal.head``."""
        return await self._disk.head()

    async def verify(self, from_seq: int = 0) -> ChainReport:
        """See ``Journal.verify``."""
        await asyncio.sleep(self._world.rng.uniform(0.001, 0.2))
        return await self._disk.verify(from_seq)

    async def hash_at(self, seq: int) -> str:
        """See ``Journal.hash_at``."""
        return await self._disk.hash_at(seq)

    async def read_meta(self, key: str) -> str | None:
        """See ``Journal.read_meta``."""
        return await self._disk.read_meta(key)

    async def close(self) -> None:
        """The disk stays for the next process."""


class SimulatedEvidence:
    """Implements ``evidence_store.EvidenceStore`` for one process."""

    def __init__(self, disk: EvidenceStore, world: World, cross: Cross) -> None:
        self._disk = disk
        self._world = world
        self._cross = cross

    async def save(self, rows: Sequence[EvidenceRow]) -> int:
        """See ``EvidenceStore.save``."""
        self._cross("evidence-before")
        await asyncio.sleep(self._world.rng.uniform(0.0, 0.002))
        self._cross("evidence-before")
        if Kind.STORE_FULL in self._world.active:
            raise StoreFull("There is no space.")
        kept = await self._disk.save(rows)
        self._cross("evidence-after")
        return kept

    async def load(self, rollout: str) -> dict[str, EvidenceRow]:
        """See ``EvidenceStore.load``."""
        self._cross("now")
        return await self._disk.load(rollout)

    async def history(self, rollout: str, gate: str, limit: int = 300) -> list[RawTick]:
        """See ``EvidenceStore.history``."""
        return await self._disk.history(rollout, gate, limit)

    async def pulse(self, at: Instant, renewed_clock_ms: Mapping[str, int]) -> None:
        """See ``EvidenceStore.pulse``."""
        self._cross("now")
        if Kind.STORE_FULL in self._world.active:
            raise StoreFull("There is no space.")
        await self._disk.pulse(at, renewed_clock_ms)

    async def read_pulse(self) -> Pulse:
        """See ``EvidenceStore.read_pulse``."""
        return await self._disk.read_pulse()

    async def close(self) -> None:
        """The disk stays for the next process."""
