"""Tells streams which rollouts changed, and in which order; it holds names and numbers, never pictures.

A picture is drawn when it is sent, so a reader that is a little late gets the newest one and not a queue of old ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

BEHIND_EVENTS = 1_000
"""Rollouts that may wait for one reader. A name is at most 63 letters, so this stays far under 1 MiB."""


class FellBehind(Exception):
    """The reader took too long; ``resume_from`` is the last sequence number that was handed to it."""

    def __init__(self, resume_from: int) -> None:
        super().__init__(f"More than the allowed number of changes wait for this reader. Resume from {resume_from}.")
        self.resume_from = resume_from


class StreamEnded(Exception):
    """No more changes will be handed to this reader: the daemon goes down, or who may read is another question now."""


@dataclass(frozen=True, slots=True)
class Change:
    """One rollout looks different since sequence number ``seq``."""

    seq: int
    name: str


class Subscription:
    """What one reader has not seen yet. A second change of the same rollout replaces the first one."""

    def __init__(self, limit: int, backlog: Iterator[Change], seq: int) -> None:
        self._limit = limit
        self._waiting: dict[str, int] = {change.name: change.seq for change in backlog}
        self._handed_out = seq
        self._lost = False
        self._ended = False
        self._wake = asyncio.Event()
        if self._waiting:
            self._wake.set()

    @property
    def behind(self) -> bool:
        """Whether this reader was given up."""
        return self._lost

    def offer(self, change: Change) -> None:
        """Note a change. Past the limit the reader is given up and its memory freed."""
        if self._lost:
            return
        self._waiting.pop(change.name, None)
        self._waiting[change.name] = change.seq
        if len(self._waiting) > self._limit:
            self._lost = True
            self._waiting.clear()
        self._wake.set()

    def end(self) -> None:
        """Wake the reader for the last time."""
        self._ended = True
        self._wake.set()

    async def take(self) -> list[Change]:
        """Wait for changes and take all of them, oldest first.

        Raises FellBehind once the reader was given up, StreamEnded after ``end``; from then on always.
        """
        await self._wake.wait()
        if self._ended:
            raise StreamEnded
        if self._lost:
            raise FellBehind(self._handed_out)
        self._wake.clear()
        taken = [Change(seq, name) for name, seq in self._waiting.items()]
        self._waiting.clear()
        if taken:
            self._handed_out = taken[-1].seq
        return taken


class Feed:
    """Numbers the changes and hands them to every subscription. Lives in one event loop."""

    def __init__(self, behind_events: int = BEHIND_EVENTS) -> None:
        self._behind_events = behind_events
        self._seq = 0
        self._latest: dict[str, int] = {}
        self._subscriptions: set[Subscription] = set()

    @property
    def seq(self) -> int:
        """The number of the newest change; it starts anew with each run of the daemon."""
        return self._seq

    def publish(self, name: str) -> int:
        """Say that ``name`` looks different now; returns the number of this change."""
        self._seq += 1
        self._latest.pop(name, None)
        self._latest[name] = self._seq
        change = Change(self._seq, name)
        for subscription in self._subscriptions:
            subscription.offer(change)
        return self._seq

    def forget(self, name: str) -> None:
        """Stop remembering a rollout that is no longer shown."""
        self._latest.pop(name, None)

    def subscribe(self, after_seq: int | None = None) -> Subscription:
        """Open a subscription: with everything that changed after ``after_seq``, or with what comes from now on."""
        backlog = iter(()) if after_seq is None else self._after(after_seq)
        subscription = Subscription(self._behind_events, backlog, self._seq if after_seq is None else after_seq)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Close a subscription; closing it twice is fine."""
        self._subscriptions.discard(subscription)

    def end_all(self) -> None:
        """Every reader has to ask anew, and with that who he is."""
        for subscription in self._subscriptions:
            subscription.end()

    def _after(self, seq: int) -> Iterator[Change]:
        newest_first = []
        for name, changed in reversed(self._latest.items()):
            if changed <= seq:
                break
            newest_first.append(Change(changed, name))
        return reversed(newest_first)
