"""Short ways to write appends in tests; the events make no sense together, since a journal does not judge them."""

from __future__ import annotations

from rolloutd.core.events import Basis, BasisKind, Event, Recorded, TrafficWanted
from rolloutd.core.values import THE_DAEMON, Instant, Share
from rolloutd.journal import CommandKey, Journal


def wanted(points: int) -> Event:
    """An event that can be told from others by its number."""
    return TrafficWanted(Share(points % 10_000), Share(0), Basis(BasisKind.PERSON, f"test {points}"))


async def append(
    journal: Journal,
    stream: str,
    after: int,
    *points: int,
    at_ms: int = 1_000,
    command: CommandKey | None = None,
    outcome: str | None = None,
) -> tuple[Recorded, ...]:
    """Append one event for each number, by the daemon, at ``at_ms``."""
    at = Instant(at_ms, 1_700_000_000_000 + at_ms)
    events = [wanted(number) for number in points]
    return await journal.append(
        stream, after, events, at=at, actor=THE_DAEMON, epoch=7, command=command, outcome=outcome
    )


async def everything(journal: Journal, after_seq: int = 0) -> list[Recorded]:
    """All events of the journal as a list."""
    return [recorded async for recorded in journal.load_all(after_seq)]
