"""Order and filter of the fleet: most urgent first, words and `key:value` narrow it. Pure."""

from __future__ import annotations

from rolloutd.wire import FleetRow

URGENCY = (
    "not_obeyed",
    "going_back",
    "harm",
    "blind",
    "drift",
    "asks_you",
    "paused",
    "finishing",
    "collecting",
    "clear",
    "checking",
    "refused",
    "rolled_back",
    "aborted",
    "done",
)
_RANK = {word: rank for rank, word in enumerate(URGENCY)}


def most_urgent_first(rows: list[FleetRow]) -> list[FleetRow]:
    """What needs somebody first; among equals the one with more traffic on the challenger, then by name."""
    return sorted(rows, key=lambda row: (_RANK.get(row.state, 0), -(row.observed or 0.0), row.name))


def matches(row: FleetRow, text: str) -> bool:
    """Whether every word of the filter fits: ``state:blind``, ``owner:ops2``, ``model:ranker``, or part of a name."""
    return all(_word_matches(row, word) for word in text.lower().split())


def _word_matches(row: FleetRow, word: str) -> bool:
    key, colon, value = word.partition(":")
    if colon and key in ("state", "owner", "model", "phase"):
        field = row.who if key == "owner" else getattr(row, key)
        return value in str(field).lower()
    return any(word in str(part).lower() for part in (row.name, row.champion, row.challenger, row.state, row.who))
