"""The journal and the evidence in memory, for the simulator and for tests, with failures on demand; nothing is durable.

The objects are the disk: a simulated crash throws the daemon away and gives a new one the same two objects. They pass
the same tests as the files, make the same chain, and never look at a clock or a thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from rolloutd.chain import GENESIS, Linked, check, check_run, entry, number, recorded
from rolloutd.core.events import Event, Recorded
from rolloutd.core.values import Actor, Instant
from rolloutd.evidence_store import HISTORY_TICKS, EvidenceRow, Pulse, RawTick
from rolloutd.journal import (
    COMMANDS_KEPT_MS,
    ChainBroken,
    ChainReport,
    CommandKey,
    CommandRepeated,
    Head,
    JournalError,
    StoreBroken,
    StoredCommand,
    VersionConflict,
)


class Faults:
    """What goes wrong with the next writes. An error that is a StoreBroken stays, as it does on a disk."""

    def __init__(self) -> None:
        self._next: deque[JournalError] = deque()
        self._broken: StoreBroken | None = None
        self._open = asyncio.Event()
        self._open.set()

    def fail_next(self, error: JournalError) -> None:
        """The next write that is not failed yet raises ``error`` and keeps nothing."""
        self._next.append(error)

    def hold(self) -> None:
        """From now on writes wait, as behind a slow disk, until ``release``."""
        self._open.clear()

    def release(self) -> None:
        """Let the waiting writes go on, in their order."""
        self._open.set()

    def mend(self) -> None:
        """A new disk: nothing fails any more."""
        self._next.clear()
        self._broken = None

    async def meet(self) -> None:
        """Wait or fail, as was asked for."""
        await self._open.wait()
        if self._broken is None and self._next:
            error = self._next.popleft()
            if not isinstance(error, StoreBroken):
                raise error
            self._broken = error
        if self._broken is not None:
            raise self._broken


class MemoryJournal:
    """Implements ``journal.Journal``. ``rows`` may be tampered with by tests; ``faults`` says what goes wrong."""

    def __init__(self) -> None:
        self.rows: list[Linked] = []
        self.faults = Faults()
        self._end = (0, GENESIS)
        self._versions: dict[str, int] = {}
        self._commands: dict[str, StoredCommand] = {}
        self._meta: dict[str, str] = {}
        self._closed = False

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
        self._check_open()
        await self.faults.meet()
        if command is not None and (stored := self._commands.get(command.id)) is not None:
            raise CommandRepeated(stored)
        actual = self._versions.get(stream, 0)
        if actual != expected_version:
            raise VersionConflict(stream, expected_version, actual)
        rows, numbered = number(new, stream, actual, *self._end)
        if rows:
            self.rows += rows
            self._versions[stream] = rows[-1].row.version
            self._end = (rows[-1].row.seq, rows[-1].hash)
        if command is not None:
            self._forget_commands(at)
            version = self._versions.get(stream, 0)
            self._commands[command.id] = StoredCommand(command, outcome or "", stream, version, at)
        return tuple(numbered)

    async def command_outcome(self, command_id: str) -> StoredCommand | None:
        """See ``Journal.command_outcome``."""
        self._check_open()
        return self._commands.get(command_id)

    async def streams(self) -> list[str]:
        """See ``Journal.streams``."""
        self._check_open()
        return list(self._versions)

    async def load(self, stream: str, after_version: int = 0) -> list[Recorded]:
        """See ``Journal.load``."""
        self._check_open()
        found: list[Recorded] = []
        previous = GENESIS
        for linked in self.rows:
            if linked.row.stream == stream and linked.row.version > after_version:
                check(previous, linked)
                found.append(recorded(linked.row))
            previous = linked.hash
        return found

    async def load_all(self, after_seq: int = 0) -> AsyncIterator[Recorded]:
        """See ``Journal.load_all``."""
        self._check_open()
        self._check_chain(after_seq)
        for linked in self.rows[after_seq:]:
            yield recorded(linked.row)

    async def head(self) -> Head:
        """See ``Journal.head``."""
        self._check_open()
        return Head(self._end[0], self._end[1].hex())

    async def verify(self, from_seq: int = 0) -> ChainReport:
        """See ``Journal.verify``."""
        head = await self.head()
        try:
            self._check_chain(from_seq)
        except ChainBroken as broken:
            return ChainReport(max(0, broken.seq - 1 - from_seq), head, broken.seq, str(broken))
        return ChainReport(head.seq - from_seq, head)

    async def hash_at(self, seq: int) -> str:
        """See ``Journal.hash_at``."""
        self._check_open()
        if not 1 <= seq <= len(self.rows):
            raise ChainBroken(seq, "it is missing")
        return self.rows[seq - 1].hash.hex()

    async def read_meta(self, key: str) -> str | None:
        """See ``Journal.read_meta``."""
        self._check_open()
        return self._meta.get(key)

    async def write_meta(self, key: str, value: str) -> None:
        """See ``Journal.write_meta``."""
        self._check_open()
        await self.faults.meet()
        self._meta[key] = value

    async def close(self) -> None:
        """See ``Journal.close``. ``reopen`` makes it usable again."""
        self._closed = True

    def reopen(self) -> None:
        """What a new process does: open the same disk again."""
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError("The journal is closed. Nothing was recorded and traffic is as before.")

    def _check_chain(self, after_seq: int) -> None:
        previous = self.rows[after_seq - 1].hash if after_seq else GENESIS
        reached = check_run(previous, after_seq, self.rows[after_seq:])
        if len(self.rows) != self._end[0]:
            raise ChainBroken(len(self.rows) + 1, "it is missing")
        if reached != self._end[1]:
            raise ChainBroken(self._end[0], "it is not the one that the head of the chain names")

    def _forget_commands(self, at: Instant) -> None:
        oldest = at.clock_ms - COMMANDS_KEPT_MS
        for id_ in [id_ for id_, stored in self._commands.items() if stored.at.clock_ms < oldest]:
            del self._commands[id_]


class MemoryEvidence:
    """Implements ``evidence_store.EvidenceStore``."""

    def __init__(self, history_ticks: int = HISTORY_TICKS) -> None:
        self.faults = Faults()
        self._newest: dict[str, dict[str, EvidenceRow]] = {}
        self._raw: dict[tuple[str, str], deque[RawTick]] = {}
        self._history_ticks = history_ticks
        self._alive: Instant | None = None
        self._renewed: dict[str, int] = {}

    async def save(self, rows: Sequence[EvidenceRow]) -> int:
        """See ``EvidenceStore.save``."""
        await self.faults.meet()
        return sum(self._save(row) for row in rows)

    async def load(self, rollout: str) -> dict[str, EvidenceRow]:
        """See ``EvidenceStore.load``."""
        return dict(sorted(self._newest.get(rollout, {}).items()))

    async def history(self, rollout: str, gate: str, limit: int = 300) -> list[RawTick]:
        """See ``EvidenceStore.history``."""
        return list(self._raw.get((rollout, gate), ()))[-limit:]

    async def pulse(self, at: Instant, renewed_clock_ms: Mapping[str, int]) -> None:
        """See ``EvidenceStore.pulse``."""
        await self.faults.meet()
        self._alive = at
        self._renewed.update(renewed_clock_ms)

    async def read_pulse(self) -> Pulse:
        """See ``EvidenceStore.read_pulse``."""
        return Pulse(self._alive, dict(self._renewed))

    async def close(self) -> None:
        """See ``EvidenceStore.close``. The same object is the disk of the next process."""

    def _save(self, row: EvidenceRow) -> bool:
        gates = self._newest.setdefault(row.rollout, {})
        if row.gate in gates and row.tick <= gates[row.gate].tick:
            return False
        gates[row.gate] = row
        counts = (row.champion_n, row.champion_bad, row.challenger_n, row.challenger_bad)
        raw = self._raw.setdefault((row.rollout, row.gate), deque())
        raw.append(RawTick(row.tick, row.at, *counts, row.note, row.standing))
        while raw[0].tick <= row.tick - self._history_ticks:
            raw.popleft()
        return True
