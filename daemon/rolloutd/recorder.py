"""Puts the loop's events into the journal in their order, also those that a full journal could not take at first.

It knows no rollout and decides nothing: what may be done unrecorded is the loop's question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rolloutd.core import events as ev
from rolloutd.core.values import Actor, Instant
from rolloutd.journal import CommandKey, CommandRepeated, Journal
from rolloutd.spill import SpillFile


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Events on their way into the journal: after which version, when, by whom, and for which command."""

    version: int
    events: tuple[ev.Event, ...]
    at: Instant
    actor: Actor
    key: CommandKey | None = None
    outcome: str | None = None


class Recorder:
    """Appends, with a backlog for each rollout of what was done before it could be written."""

    def __init__(self, journal: Journal, epoch: int, spill: SpillFile) -> None:
        self._journal = journal
        self._epoch = epoch
        self._spill = spill
        self._spilled: set[str] = set()
        self._backlog: dict[str, list[Unwritten]] = {}

    @property
    def behind(self) -> list[str]:
        """The rollouts with something that was carried out and is not in the journal yet."""
        return [name for name, backlog in self._backlog.items() if backlog]

    def spilled(self, name: str) -> None:
        """A decrease of this rollout goes into the spill journal."""
        self._spilled.add(name)

    def settled(self, name: str) -> None:
        """All of this rollout is in the journal; once nobody else needs the spilled lines, no start may fold them."""
        if name in self._spilled:
            self._spilled.remove(name)
            self.clear_spilled()

    def clear_spilled(self) -> None:
        """Empty the spill journal, unless the journal lacks something of it still."""
        if not self._spilled:
            self._spill.clear()

    def keep(self, name: str, unwritten: Unwritten) -> None:
        """Remember events that were carried out unrecorded; they go first when the journal takes some again."""
        self._backlog.setdefault(name, []).append(unwritten)

    async def append(self, name: str, new: Unwritten) -> tuple[ev.Recorded, ...]:
        """Write the backlog and then this, each in a transaction of its own. Raises the journal's errors."""
        await self.catch_up(name)
        return await self._write(name, new)

    async def catch_up(self, name: str) -> None:
        """Write the backlog of one rollout, in order. Raises the journal's errors; what was written stays written."""
        while backlog := self._backlog.get(name):
            try:
                await self._write(name, backlog[0])
            except CommandRepeated:  # it came twice while nothing could be written: what it did both times did happen
                await self._write(name, replace(backlog[0], key=None))
            del backlog[0]

    async def _write(self, name: str, item: Unwritten) -> tuple[ev.Recorded, ...]:
        return await self._journal.append(
            name,
            item.version,
            item.events,
            at=item.at,
            actor=item.actor,
            epoch=self._epoch,
            command=item.key,
            outcome=None if item.key is None else item.outcome,
        )
