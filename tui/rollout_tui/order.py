"""The order of the fleet's rows and the cursor in it. Pure; it must never move a row under a finger.

Rows are sorted anew only while the cursor rests at the top and no key was pressed for a while. Otherwise the order
stands, values change in place, newcomers go to the end, and the screen says that something waits above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rollout_tui.words import attention, state_word

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow

QUIET_S = 5.0


class Sort(StrEnum):
    """What the rows are sorted by."""

    ATTENTION = "attention"
    NAME = "name"
    MOST = "most on new"


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows as shown: names in order, how many of the first are urgent, the cursor, the first on screen.

    ``ended``: only what has ended, the newest first, whatever the rows are sorted by otherwise.
    """

    order: tuple[str, ...] = ()
    urgent: int = 0
    cursor: int = 0
    top: int = 0
    words: str = ""
    sort: Sort = Sort.ATTENTION
    typing: bool = False
    ended: bool = False

    @property
    def how(self) -> tuple[object, ...]:
        """What decides which rows are listed, and in which order."""
        return (self.words, self.sort, self.ended)

    @property
    def name(self) -> str:
        """The rollout under the cursor, or nothing."""
        return self.order[self.cursor] if 0 <= self.cursor < len(self.order) else ""


def matches(row: FleetRow, words: str) -> bool:
    """Whether a row has every word of the filter: ``state:blind``, ``owner:ops2`` or a part of its name or versions."""
    text = f"{row.name} {row.model} {row.champion} {row.challenger} {row.who} {row.state}".lower()
    for word in words.lower().split():
        kind, colon, value = word.partition(":")
        if colon and kind == "state":
            spoken = state_word(row.state).word.lower()
            if value.replace("_", " ").replace("-", " ") not in spoken:
                return False
        elif colon and kind == "owner":
            if value not in row.who.lower():
                return False
        elif word not in text:
            return False
    return True


def listed(listing: Listing, row: FleetRow) -> bool:
    """Whether a row is among those that are shown."""
    return (row.ended or not listing.ended) and matches(row, listing.words)


def arrange(listing: Listing, rows: Mapping[str, FleetRow]) -> Listing:
    """Filter and sort anew. The cursor stays on its rollout where that is still listed."""
    every = not (listing.words or listing.ended)
    shown = list(rows.values()) if every else [row for row in rows.values() if listed(listing, row)]
    if listing.ended:
        shown.sort(key=lambda row: row.name)
        shown.sort(key=lambda row: row.ended_at or "", reverse=True)
    elif listing.sort is Sort.NAME:
        shown.sort(key=lambda row: row.name)
    elif listing.sort is Sort.MOST:
        shown.sort(key=lambda row: (-row.asked, row.name))
    else:
        shown.sort(key=lambda row: (not row.needs_you, attention(row.state), -row.asked, row.name))
    order = tuple(row.name for row in shown)
    urgent = sum(1 for row in shown if row.needs_you) if listing.sort is Sort.ATTENTION else 0
    at = order.index(listing.name) if listing.name in order else min(listing.cursor, max(0, len(order) - 1))
    return replace(listing, order=order, urgent=urgent, cursor=at)


def _key(listing: Listing, row: FleetRow) -> tuple[object, ...]:
    """All of a row that decides whether it is listed and where."""
    return (listed(listing, row), row.ended_at, row.needs_you, row.state, row.asked)


def stands(listing: Listing, before: Mapping[str, FleetRow], after: Mapping[str, FleetRow]) -> bool:
    """Whether the rows are in the order that they would be sorted into: nothing came or went that decides about it."""
    if len(before) != len(after):
        return False
    pairs = zip(before.values(), after.values(), strict=True)
    moved = [(old, new) for old, new in pairs if old is not new]
    return all(old.name == new.name and _key(listing, old) == _key(listing, new) for old, new in moved)


def settle(listing: Listing, rows: Mapping[str, FleetRow], quiet_s: float) -> Listing:
    """The listing after news: sorted anew when nobody is in it (``quiet_s`` since the last key), else only added to."""
    if not listing.order or (listing.cursor == 0 and quiet_s >= QUIET_S):
        return home(listing, rows)
    if any(name not in rows for name in listing.order):
        listing = _without_gone(listing, rows)
    known = set(listing.order)
    new = tuple(name for name, row in rows.items() if name not in known and listed(listing, row))
    return replace(listing, order=listing.order + new) if new else listing


def _without_gone(listing: Listing, rows: Mapping[str, FleetRow]) -> Listing:
    """The listing without rollouts that are no longer shown; the cursor stays on its own, or where it was."""
    order = tuple(name for name in listing.order if name in rows)
    urgent = sum(1 for name in listing.order[: listing.urgent] if name in rows)
    at = order.index(listing.name) if listing.name in order else min(listing.cursor, max(0, len(order) - 1))
    return replace(listing, order=order, urgent=urgent, cursor=at)


def home(listing: Listing, rows: Mapping[str, FleetRow]) -> Listing:
    """Sort anew and go to the top."""
    return replace(arrange(listing, rows), cursor=0, top=0)


def move(listing: Listing, steps: int, height: int) -> Listing:
    """Move the cursor, and the window only as far as needed to show it. ``height`` is the number of visible rows."""
    cursor = max(0, min(len(listing.order) - 1, listing.cursor + steps))
    return keep_visible(replace(listing, cursor=cursor), height)


def keep_visible(listing: Listing, height: int) -> Listing:
    """The window moved so that the cursor is in it; one row is kept for the rule between urgent and quiet."""
    room = max(1, height - (1 if 0 < listing.urgent < len(listing.order) else 0))
    top = min(listing.top, listing.cursor, max(0, len(listing.order) - room))
    return replace(listing, top=max(top, listing.cursor - room + 1))


def below(listing: Listing, rows: Mapping[str, FleetRow]) -> int:
    """How many rollouts need somebody but stand under the rule, because the order was not changed under the cursor."""
    if listing.sort is not Sort.ATTENTION:
        return 0
    return sum(1 for name in listing.order[listing.urgent :] if name in rows and rows[name].needs_you)


def hidden(listing: Listing, rows: Mapping[str, FleetRow]) -> int:
    """How many rollouts that need somebody are not listed: hidden by the filter, or not among what has ended."""
    if not listing.words and not listing.ended:
        return 0
    return sum(1 for row in rows.values() if row.needs_you and not listed(listing, row))
