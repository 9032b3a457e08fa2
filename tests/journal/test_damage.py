"""A changed, missing, added or exchanged row is found, wherever it is (I13)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rolloutd.journal import ChainBroken
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.memory_journal import MemoryJournal
from tests.journal.events import append, everything

EXCHANGE = """
UPDATE event SET seq = 99 WHERE seq = 8; UPDATE event SET seq = 8 WHERE seq = 10;
UPDATE event SET seq = 10 WHERE seq = 99
"""
# What somebody did to the 20 rows (even numbers are stream a), where it shows, and whether stream a alone shows it.
DAMAGES = {
    "body": ("UPDATE event SET body = replace(body, 'test 8', 'test 9') WHERE seq = 8", 8, True),
    "actor": ("UPDATE event SET actor = replace(actor, 'rolloutd', 'somebody') WHERE seq = 8", 8, True),
    "time": ("UPDATE event SET at_wall_ms = at_wall_ms + 1 WHERE seq = 8", 8, True),
    "epoch": ("UPDATE event SET epoch = 8 WHERE seq = 8", 8, True),
    "kind": ("UPDATE event SET kind = 'TrafficConfirmed' WHERE seq = 8", 8, True),
    "command": ("UPDATE event SET command = 'x' WHERE seq = 8", 8, True),
    "stream": ("UPDATE event SET stream = 'c', version = 1 WHERE seq = 8", 8, True),
    "hash": ("UPDATE event SET hash = zeroblob(32) WHERE seq = 8", 8, True),
    "first": ("DELETE FROM event WHERE seq = 1", 1, True),
    "middle": ("DELETE FROM event WHERE seq = 8", 8, True),
    "last": ("DELETE FROM event WHERE seq = 20", 20, False),
    "last two": ("DELETE FROM event WHERE seq > 18", 19, False),
    "all": ("DELETE FROM event", 1, False),
    "exchanged": (EXCHANGE, 8, True),
    "added": (
        "INSERT INTO event SELECT 21, 'z', 1, kind, schema, 0, 0, actor, 0, '', body, hash FROM event WHERE seq = 20",
        21,
        False,
    ),
    "head": ("UPDATE chain_head SET hash = zeroblob(32)", 20, False),
    "head moved back": ("UPDATE chain_head SET seq = 19, hash = (SELECT hash FROM event WHERE seq = 19)", 20, False),
    "head gone": ("DELETE FROM chain_head", 1, False),
}


async def twenty(path: Path) -> None:
    """A journal of twenty events in two streams."""
    journal = SqliteJournal.open(path)
    for number in range(10):
        await append(journal, "b", number, 2 * number + 1)
        await append(journal, "a", number, 2 * number + 2)
    await journal.close()


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found(tmp_path: Path, name: str) -> None:
    """Verification names the first bad row, and loading everything stops there instead of giving it out."""
    script, where, seen_by_stream = DAMAGES[name]
    path = tmp_path / "journal.db"
    await twenty(path)
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    connection.close()
    journal = SqliteJournal.open(path)
    try:
        report = await journal.verify()
        assert (report.intact, report.broken_at) == (False, where)
        assert f"event {where}" in report.detail
        with pytest.raises(ChainBroken) as caught:
            await everything(journal)
        assert caught.value.seq == where
        if seen_by_stream:
            with pytest.raises(ChainBroken):
                await journal.load("a")
    finally:
        await journal.close()


async def test_a_healthy_part_is_still_read(tmp_path: Path) -> None:
    """Damage in one rollout does not hide another one, which may need an abort."""
    path = tmp_path / "journal.db"
    await twenty(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event SET body = '{}' WHERE seq = 20")
    connection.close()
    journal = SqliteJournal.open(path)
    assert len(await journal.load("b")) == 10
    assert (await journal.verify(from_seq=5)).broken_at == 20
    await journal.close()


async def test_the_double_finds_damage_too() -> None:
    """The journal in memory refuses what a test has tampered with."""
    journal = MemoryJournal()
    await append(journal, "a", 0, *range(5))
    good = list(journal.rows)
    changed = good[2]._replace(row=good[2].row._replace(body="{}"))
    for rows, where in (([*good[:2], changed, *good[3:]], 3), (good[:3] + good[4:], 4), (good[:4], 5)):
        journal.rows = rows
        assert (await journal.verify()).broken_at == where
        with pytest.raises(ChainBroken):
            await everything(journal)
    journal.rows = [*good[:2], changed, *good[3:]]
    with pytest.raises(ChainBroken):
        await journal.load("a")
