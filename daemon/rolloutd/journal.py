"""The border to the journal: what an append-only, hash-chained event log must be able to do, and how it fails.

It knows neither SQLite nor the loop. An implementation decides nothing about rollouts: it refuses what is out of order,
makes durable what is not, and says afterwards whether anybody changed it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rolloutd.core.events import Event, Recorded
from rolloutd.core.values import Actor, Instant
from rolloutd.ports import RolloutdError

COMMANDS_KEPT_MS = 7 * 86_400_000
"""How long, on the rollout clock, a command's first outcome is kept for a repeat of it (at least)."""

# RolloutdError
#  └─ JournalError
#      ├─ VersionConflict    somebody appended to this stream in between
#      ├─ CommandRepeated    this command's id already has an outcome
#      ├─ StoreFull          no space; nothing of this append was kept, a later one may fit
#      ├─ StoreBusy          another process holds the file; nothing was kept, try again
#      ├─ StoreBroken        input/output failed, or the file is not usable; no append is accepted any more
#      ├─ StoreTooNew        a newer program wrote this store
#      └─ ChainBroken        a row was changed, removed or put elsewhere


class JournalError(RolloutdError):
    """The journal could not do what was asked. Unless a subclass says otherwise, nothing of the call was kept."""


class VersionConflict(JournalError):
    """The stream is at version ``actual``, not where the caller thought. Read it and decide anew."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{stream} is at version {actual}, not {expected}: something else was recorded in between. "
            "Nothing was recorded now and traffic is as before.",
            f"Look at it again (rollout timeline {stream}), then repeat.",
        )
        self.actual = actual


class CommandRepeated(JournalError):
    """A command with this id was carried out before; ``stored`` has its outcome. Nothing was recorded again."""

    def __init__(self, stored: StoredCommand) -> None:
        super().__init__(
            f"The command {stored.key.id} was carried out before. Nothing was done again and traffic is as before.",
            "Use a new id for a new command.",
        )
        self.stored = stored


class StoreFull(JournalError):
    """There is no space. Nothing of this append was kept; a later one may fit."""

    next_step = "Free space on the state directory's file system; until then nothing is raised and abort works."


class StoreBusy(JournalError):
    """Another process holds the store. Nothing of this append was kept; it may be tried again."""

    next_step = "Find who has the file open (fuser), and stop it; viewers ask the daemon, never the file."


class StoreBroken(JournalError):
    """Input or output failed, or the store cannot be used. Whether the last append survived is not known.

    A failed fsync is final: the kernel may have dropped the pages, so trying again would only look like success.
    """

    next_step = "Run: rollout doctor. Nothing is raised any more; rolloutd emergency-abort takes shares to zero."


class StoreTooNew(JournalError):
    """A newer program made this store. It may be read, not written."""

    next_step = "Start the version of rolloutd that made the store; rolloutd emergency-abort works with any version."


class ChainBroken(JournalError):
    """The row at ``seq`` is not the one that was written: changed, removed or put elsewhere."""

    next_step = "Run: rollout audit. Nothing is raised; restore a verified copy or adopt the shares by hand."

    def __init__(self, seq: int, detail: str) -> None:
        super().__init__(
            f"The journal is damaged at event {seq}: {detail}. Traffic is as before and nothing is raised."
        )
        self.seq = seq


@dataclass(frozen=True, slots=True)
class CommandKey:
    """One request of a person or script: its client-made id, who asked (by the kernel), and the digest of what."""

    id: str
    actor_uid: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """A command that was carried out, with the outcome its caller was (or would have been) told."""

    key: CommandKey
    outcome: str
    stream: str
    version: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number and hash (hex) of the last event. ``Head(0, "00…")`` is an empty journal."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a verification found. ``broken_at`` is the first number where the chain does not hold, None if it does."""

    checked: int
    head: Head
    broken_at: int | None = None
    detail: str = ""

    @property
    def intact(self) -> bool:
        """Whether every row is the one that was written."""
        return self.broken_at is None


class Journal(Protocol):
    """The event log. Versions count within a stream (a rollout) and numbers over all, both from 1 and without gaps."""

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
        """Record all events and the command's outcome, or nothing; durable when it returns.

        ``expected_version`` is the stream's version before (0: it does not exist). Raises VersionConflict,
        CommandRepeated, CodecError and the Store errors. A call that was cancelled may have been recorded or not.
        """
        ...

    async def command_outcome(self, command_id: str) -> StoredCommand | None:
        """What came of a command, if one with this id was recorded within the last seven days."""
        ...

    async def streams(self) -> list[str]:
        """Every stream's name, the oldest first."""
        ...

    async def load(self, stream: str, after_version: int = 0) -> list[Recorded]:
        """A stream's events in order. Raises ChainBroken when one is not as it was written."""
        ...

    def load_all(self, after_seq: int = 0) -> AsyncIterator[Recorded]:
        """All events in order of their numbers. Raises ChainBroken at the first that is not as it was written."""
        ...

    async def head(self) -> Head:
        """The end of the chain. Raises StoreBroken when the file under us was removed or replaced."""
        ...

    async def verify(self, from_seq: int = 0) -> ChainReport:
        """Check every row after ``from_seq`` against the chain, page by page, without holding up appends."""
        ...

    async def hash_at(self, seq: int) -> str:
        """The chain's hash (hex) after this event. Raises ChainBroken when there is no such event."""
        ...

    async def read_meta(self, key: str) -> str | None:
        """A small durable fact outside the chain: the epoch, the boot id, the last reading of the rollout clock."""
        ...

    async def write_meta(self, key: str, value: str) -> None:
        """Set such a fact; durable when it returns."""
        ...

    async def close(self) -> None:
        """Finish what was asked before, then let go of the file. Later calls raise JournalError."""
        ...
