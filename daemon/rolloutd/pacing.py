"""Which waiting messages go to a notifier now, which a later one has made needless, and when to look again. Pure.

One rollout's messages keep their order, one of them in a call. What is said again within a pause waits, and people who
read every line get a digest when it comes too thick; systems that group for themselves get everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rolloutd.core.incidents import Message, Turn
from rolloutd.outbox import Waiting
from rolloutd.ports import Manner

SAME_AGAIN_MS = 10_000
"""The same turn of the same rollout is not told twice within this time."""
BURST = 5
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 300_000
GIVEN_UP_MS = 86_400_000
Said = tuple[str, Turn]


def pause_ms(tries: int) -> int:
    """How long to wait after this many vain tries: doubling, up to five minutes."""
    return int(min(FIRST_PAUSE_MS * 2 ** min(tries - 1, 20), LONGEST_PAUSE_MS))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is left of a burst: ``left`` calls at ``at_ms``, one more every ``digest_ms``."""

    left: float
    at_ms: int
    digest_ms: int

    def at(self, now_ms: int) -> Tokens:
        """The same, later."""
        gained = max(0, now_ms - self.at_ms) / self.digest_ms
        return Tokens(min(float(BURST), self.left + gained), now_ms, self.digest_ms)

    def spent(self) -> Tokens:
        """One call less."""
        return Tokens(self.left - 1, self.at_ms, self.digest_ms)

    @property
    def next_ms(self) -> int:
        """When there is a whole call again."""
        return self.at_ms + max(0, round((1 - self.left) * self.digest_ms))


@dataclass(frozen=True, slots=True)
class Choice:
    """``send`` goes in one call now, ``merged`` (numbers) never; ``wake_ms`` is when something is due next."""

    send: tuple[Waiting, ...] = ()
    merged: tuple[int, ...] = ()
    wake_ms: int | None = None


def choose(
    waiting: Sequence[Waiting], now_ms: int, manner: Manner, tokens: Tokens, said_ms: Mapping[Said, int]
) -> Choice:
    """What to do with what waits. ``said_ms`` is when each rollout's turns were last told."""
    lines: dict[str, list[Waiting]] = {}
    for one in waiting:
        lines.setdefault(one.rollout, []).append(one)
    merged: list[int] = []
    ready: list[Waiting] = []
    later: list[int] = []
    for line in lines.values():
        kept = condensed(line)
        merged += [one.number for one in line if one not in kept]
        first = kept[0]
        last_said = said_ms.get((first.rollout, first.turn))
        due_ms = first.due_ms if last_said is None else max(first.due_ms, last_said + SAME_AGAIN_MS)
        if due_ms <= now_ms:
            ready.append(first)
        else:
            later.append(due_ms)
    tokens = tokens.at(now_ms)
    if ready and manner.paced and tokens.left < 1:
        return Choice((), tuple(merged), tokens.next_ms)
    alone = manner.paced and tokens.left >= 2 and len(ready) < tokens.left
    return Choice(tuple(ready[: 1 if alone else manner.most]), tuple(merged), min(later, default=None))


def condensed(line: Sequence[Waiting]) -> list[Waiting]:
    """One rollout's messages without those that what follows made needless. What was tried may have arrived: it stays.

    An incident that opened always leaves its opening and where it came to; only the to and fro between them goes.
    """
    tried = [one for one in line if one.tries]
    fresh = [one for one in line if not one.tries]
    if len(fresh) < 3:
        return list(line)
    openings = [index for index, one in enumerate(fresh) if one.turn is Turn.OPENED]
    begin = openings[-1] if openings else 0
    first, last = fresh[begin], fresh[-1]
    was_open = fresh[0].turn is not Turn.OPENED
    is_over = last.turn is Turn.RESOLVED
    if was_open and (is_over or not openings):
        return [*tried, last]
    if is_over:
        first = fresh[0]
    return [*tried, *dict.fromkeys((first, last))]


def merge(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages of a digest, the critical ones first."""
    return tuple(sorted(messages, key=lambda message: not message.critical))
