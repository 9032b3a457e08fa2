"""Puts an arm's ripe positives and negatives into pairs, and counts those in the wrong order; it reads nothing.

The part of such pairs is one less the AUC. Each answer is in one pair at most, with one that came in the same stretch
of time, and hashes of their ids say with which: so pairs are independent where requests are, nobody chooses them, and
the order in which lines come does not either. Equal scores are in the wrong order by a fair hash of both ids, half of
them. What a stretch leaves over is dropped: its score with one of another hour would compare the hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

LONELY_MOST = 1_000
"""After so many labelled answers without one pair nothing is known of their order."""
Scored = tuple[bytes, str, float]
"""An answer: the hash of its id, by which it is sorted, its id, and its score."""


@dataclass(slots=True)
class OrderCounts:
    """What one arm's pairs came to, and who has come since the last one: those with label 0, and those with 1."""

    pairs: int = 0
    misordered: int = 0
    lonely: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Stretch:
    """The answers of one arm in one stretch of time, by their label."""

    negatives: list[Scored] = field(default_factory=list)
    positives: list[Scored] = field(default_factory=list)


class OrderBook:
    """All arms' labelled scores until their stretch of ``stretch_ms`` is ripe: ``most`` of them at once."""

    def __init__(self, stretch_ms: int, most: int) -> None:
        self._stretch_ms = stretch_ms
        self._most = most
        self._held = 0
        self._stretches: dict[tuple[int, str], _Stretch] = {}
        self._arms: dict[str, OrderCounts] = {}

    def counts(self, arm: str) -> OrderCounts:
        """What this arm's pairs came to."""
        return self._arms.get(arm, OrderCounts())

    def add(self, arm: str, request_id: str, score: float, at_ms: int, *, positive: bool) -> bool:
        """Take in a ripe answer that came at this time; returns whether there was room for it."""
        if self._held >= self._most:
            return False
        self._held += 1
        stretch = self._stretches.setdefault((at_ms // self._stretch_ms, arm), _Stretch())
        (stretch.positives if positive else stretch.negatives).append((_hash(request_id), request_id, score))
        return True

    def close(self, ripe_to_ms: int) -> None:
        """Pair the answers of every stretch of which all are ripe: those that came until then are."""
        over = (ripe_to_ms + 1) // self._stretch_ms
        for key in [key for key in self._stretches if key[0] < over]:
            stretch = self._stretches.pop(key)
            self._held -= len(stretch.negatives) + len(stretch.positives)
            self._pair(self._arms.setdefault(key[1], OrderCounts()), stretch)

    def lacking(self, arm: str) -> str:
        """Why this arm's order is not known now, for people; empty where it is."""
        negatives, positives = self.counts(arm).lonely
        if negatives + positives < LONELY_MOST:
            return ""
        said = f"{arm}'s last {negatives + positives} labelled answers made no pair of a 0 and a 1"
        if negatives and positives:
            return f"{said}: none came within the same {self._stretch_ms / 1000:g} s (scrape_interval)"
        return f"{said}: none of them has the label {0 if positives else 1}"

    def _pair(self, counts: OrderCounts, stretch: _Stretch) -> None:
        pairs = list(zip(sorted(stretch.positives), sorted(stretch.negatives), strict=False))
        if pairs:
            counts.pairs += len(pairs)
            counts.misordered += misordered(pairs)
            counts.lonely = (0, 0)
        else:
            negatives, positives = counts.lonely
            counts.lonely = (negatives + len(stretch.negatives), positives + len(stretch.positives))


def misordered(pairs: Iterable[tuple[Scored, Scored]]) -> int:
    """How many of these pairs of a positive and a negative are in the wrong order."""
    return sum(
        positive < negative if positive != negative else _hash(f"{one}\0{other}")[0] & 1
        for (_, one, positive), (_, other, negative) in pairs
    )


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
