"""A journal, an outbox and alerting around them, with notifiers in memory; rollouts come from the playbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rollout_adapters.notify.memory import MemoryNotifier
from rolloutd.alerting import Alerting, Told
from rolloutd.clock import BoottimeClock
from rolloutd.core import events as ev
from rolloutd.core.fold import fold
from rolloutd.core.state import Rollout
from rolloutd.core.values import Instant
from rolloutd.journal import Journal
from rolloutd.journal_sqlite import SqliteJournal
from tests.core.playbook import OPERATOR, Playbook, World, a_spec

BAD_WORLD = {"a": 0.01, "b": 0.2}


class LaterClock(BoottimeClock):
    """The host's clock, moved forward by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.later_ms = 0

    def now(self) -> Instant:
        """The host's time and what was added."""
        return super().now().plus_ms(self.later_ms)


def rolled_back(name: str = "ranker-v42", route: str = "ranker") -> list[ev.Recorded]:
    """The record of a rollout that went back by itself, under this name."""
    spec = replace(a_spec(), name=name, route=route)
    return Playbook(spec, World(rates=BAD_WORLD)).until("rolled_back", 300).journal


async def write(journal: Journal, rows: Iterable[ev.Recorded]) -> list[ev.Recorded]:
    """Record a rollout's events, each as it was; returns them as recorded here."""
    written: list[ev.Recorded] = []
    for row in rows:
        told = {"at": row.at, "actor": row.actor, "epoch": 1}
        written += await journal.append(row.stream, row.version - 1, [row.event], **told)  # type: ignore[arg-type]
    return written


class Office:
    """One process' alerting on the files of a folder. ``close`` ends it; another one on the same folder goes on."""

    def __init__(self, folder: Path, notifiers: Mapping[str, Told] | None = None) -> None:
        self.memory = MemoryNotifier()
        self.clock = LaterClock()
        self.journal = SqliteJournal.open(folder / "journal.db")
        told = {"memory": Told(self.memory)} if notifiers is None else notifiers
        self.alerting = Alerting.open(told, folder, self.journal, self.clock)

    async def start(self, rollouts: Iterable[Rollout] = ()) -> None:
        """Begin."""
        await self.alerting.start(rollouts)

    async def record(self, rows: Iterable[ev.Recorded]) -> None:
        """Write events and ring the bell, as the loop does."""
        self.alerting.recorded(await write(self.journal, rows))

    async def claim(self, name: str) -> None:
        """A person looks at a rollout."""
        history = await self.journal.load(name)
        row = ev.Recorded(0, name, len(history) + 1, self.clock.now(), OPERATOR, 1, ev.RolloutClaimed())
        await self.record([row])

    def said(self) -> list[str]:
        """What the notifier in memory was told, as ``rollout turn``."""
        return [f"{message.rollout} {message.turn.value}" for message in self.memory.told]

    async def close(self) -> None:
        """End it."""
        await self.alerting.stop()
        await self.journal.close()


def folded(rows: Iterable[ev.Recorded]) -> Rollout:
    """The rollout of a record."""
    rollout = fold(rows)
    assert rollout is not None
    return rollout
