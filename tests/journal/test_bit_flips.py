"""One flipped bit in the journal's file: found by the chain, or without any effect on what is read (I13, R6).

By hand for more: ``ROLLOUTD_FLIPS=2000``.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rolloutd.core.events import Recorded
from rolloutd.journal import JournalError
from rolloutd.journal_sqlite import SqliteJournal
from tests.journal.events import everything
from tests.journal.test_damage import twenty

FLIPS = int(os.environ.get("ROLLOUTD_FLIPS", "120"))


async def read(path: Path) -> list[Recorded] | None:
    """Everything as a daemon would fold it, None when the damage is seen before anything is folded."""
    try:
        journal = SqliteJournal.open(path)
    except JournalError:
        return None
    try:
        report = await journal.verify()
        return await everything(journal) if report.intact else None
    except JournalError:
        return None
    finally:
        await journal.close()


async def whole(folder: Path) -> tuple[bytes, list[Recorded], list[int]]:
    """A journal's bytes, what is in it, and where in the file the events' own data lies."""
    path = folder / "journal.db"
    await twenty(path)
    with sqlite3.connect(path) as connection:  # whoever closes last has folded the log into the file
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        bodies = [body.encode() for (body,) in connection.execute("SELECT body FROM event")]
    connection.close()
    content = path.read_bytes()
    places = [at for body in dict.fromkeys(bodies) for at in _all(content, body)]
    before = await read(path)
    assert before is not None
    assert places
    return content, before, places


def _all(content: bytes, body: bytes) -> list[int]:
    found: list[int] = []
    at = content.find(body)
    while at >= 0:
        found += range(at, at + len(body))
        at = content.find(body, at + 1)
    return found


async def test_a_flipped_bit_is_found_or_changes_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Inside an event's data every flip is found; anywhere else none is silently used."""
    content, before, places = await whole(tmp_path)
    chance, seen = random.Random(6), Counter[str]()
    damaged = tmp_path / "damaged.db"
    for number in range(FLIPS):
        inside = number % 2 == 0
        at = chance.choice(places) if inside else chance.randrange(len(content))
        changed = bytearray(content)
        changed[at] ^= 1 << chance.randrange(8)
        for old in tmp_path.glob("damaged.db*"):
            old.unlink()
        damaged.write_bytes(changed)
        damaged.chmod(0o600)
        after = await read(damaged)
        seen["inside" if inside else "anywhere"] += 1
        seen["found inside" if inside else "found anywhere"] += after is None
        assert after is None or after == before, f"bit flip {number} at byte {at} was read as something else"
    assert seen["found inside"] >= 0.999 * seen["inside"]
    record_property(
        "figure",
        f"{seen['found inside']} of {seen['inside']} flips in events' data found; of {seen['anywhere']} anywhere "
        f"{seen['found anywhere']} found, the others changed nothing that is read; 0 silently used",
    )
