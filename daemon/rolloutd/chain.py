"""The journal's rows and the hash that ties each to all before it; pure, so every implementation makes the same chain.

link = H(previous link || H(content)), H = BLAKE2b-256. Two steps, so that the content of an old rollout can be archived
while its 32-byte digest stays behind and the chain can still be checked from end to end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from rolloutd.codec import decode, decode_event, encode, encode_event
from rolloutd.core.events import Event, Recorded
from rolloutd.core.values import Actor, Instant
from rolloutd.journal import ChainBroken

GENESIS = bytes(32)
"""What the first event's link is made from."""

_content = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Row(NamedTuple):
    """One event as it is stored. ``command`` is the id of the command it came from, empty for the daemon's own."""

    seq: int
    stream: str
    version: int
    kind: str
    schema: int
    at_clock_ms: int
    at_wall_ms: int
    actor: str
    epoch: int
    command: str
    body: str


class Linked(NamedTuple):
    """A row with the chain's hash up to and including it."""

    row: Row
    hash: bytes


class Entry(NamedTuple):
    """What an append brings before it has numbers: the encoded events and their common envelope."""

    bodies: tuple[tuple[str, int, str], ...]
    events: tuple[Event, ...]
    at: Instant
    actor: Actor
    epoch: int
    command: str


def entry(events: Sequence[Event], at: Instant, actor: Actor, epoch: int, command: str) -> Entry:
    """Encode events for an append. Raises CodecError for one that cannot be written exactly."""
    return Entry(tuple(map(encode_event, events)), tuple(events), at, actor, epoch, command)


def link(previous: bytes, row: Row) -> bytes:
    """The chain's hash after ``row``."""
    digest = blake2b(_content(row).encode("ascii"), digest_size=32).digest()
    return blake2b(previous + digest, digest_size=32).digest()


def number(new: Entry, stream: str, version: int, seq: int, previous: bytes) -> tuple[list[Linked], list[Recorded]]:
    """Give an entry its numbers: rows and recorded events after ``version`` of the stream and ``seq`` of all."""
    actor = _actor_text(new.actor)
    rows: list[Linked] = []
    recorded: list[Recorded] = []
    for step, ((kind, schema, body), event) in enumerate(zip(new.bodies, new.events, strict=True), 1):
        clock_ms, wall_ms = new.at.clock_ms, new.at.wall_ms
        row = Row(
            seq + step, stream, version + step, kind, schema, clock_ms, wall_ms, actor, new.epoch, new.command, body
        )
        previous = link(previous, row)
        rows.append(Linked(row, previous))
        recorded.append(Recorded(row.seq, stream, row.version, new.at, new.actor, new.epoch, event))
    return rows, recorded


def check(previous: bytes, linked: Linked) -> None:
    """Raise ChainBroken unless the row is the one that was written after ``previous``."""
    if link(previous, linked.row) != linked.hash:
        raise ChainBroken(linked.row.seq, "its content is not what was written")


def check_run(previous: bytes, after_seq: int, rows: Iterable[Linked]) -> bytes:
    """Check rows that follow each other without a gap after number ``after_seq``; the last one's hash."""
    for linked in rows:
        after_seq += 1
        if linked.row.seq != after_seq:
            raise ChainBroken(after_seq, "it is missing")
        check(previous, linked)
        previous = linked.hash
    return previous


def recorded(row: Row) -> Recorded:
    """The event of a row with its envelope. Raises CodecError for what this program cannot read."""
    event = decode_event(row.kind, row.schema, row.body)
    at = Instant(row.at_clock_ms, row.at_wall_ms)
    return Recorded(row.seq, row.stream, row.version, at, _actor(row.actor), row.epoch, event)


@lru_cache(maxsize=256)
def _actor_text(actor: Actor) -> str:
    return encode(actor)


@lru_cache(maxsize=256)
def _actor(text: str) -> Actor:
    return decode(Actor, text)
