"""Snapshots make a start quick and never another one: a rollout is what its events make, whatever lies there (I13)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd.codec import encode
from rolloutd.core import events as ev
from rolloutd.core.fold import fold
from rolloutd.core.state import Rollout
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.memory_journal import MemoryJournal
from rolloutd.snapshots import (
    MemorySnapshots,
    Recall,
    Recalled,
    Snapshot,
    SqliteSnapshots,
    open_snapshots,
    this_program,
)
from tests.core.playbook import Playbook

ROWS = Playbook().until("done").journal
NAME = ROWS[0].stream


async def _append(journal: MemoryJournal | SqliteJournal, rows: list[ev.Recorded]) -> None:
    for row in rows:
        await journal.append(row.stream, row.version - 1, [row.event], at=row.at, actor=row.actor, epoch=row.epoch)


async def _snapped(after: int) -> tuple[MemoryJournal, MemorySnapshots]:
    """The whole journal, with a snapshot from after so many events."""
    journal, store = MemoryJournal(), MemorySnapshots()
    await _append(journal, ROWS[:after])
    rollout = fold(await journal.load(NAME))
    assert rollout is not None
    await Recall(journal, store, every_events=1).keep([rollout])
    await _append(journal, ROWS[after:])
    return journal, store


async def _recalled(recall: Recall) -> Recalled:
    (found,) = [recalled async for recalled in recall.all()]
    return found


def _whole() -> Rollout:
    rollout = fold(ROWS)
    assert rollout is not None
    return replace(rollout)


@pytest.mark.parametrize("after", range(1, len(ROWS) + 1))
async def test_a_start_from_any_snapshot_is_the_same_as_from_the_first_event(after: int) -> None:
    """Full replay and snapshot plus the rest give the same bits, after each event of a rollout."""
    journal, store = await _snapped(after)
    recall = Recall(journal, store)
    found = await _recalled(recall)
    assert found.from_version == after
    assert encode(found.rollout) == encode(_whole())
    assert found.last[-1].version == len(ROWS)
    assert await recall.verify([NAME]) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"hash": "00" * 32},
        {"seq": 3},
        {"version": 4},
        {"made_by": "another program"},
        {"body": "{"},
        {"stream": "nobody"},
    ],
)
async def test_a_snapshot_that_does_not_fit_is_not_used(change: dict[str, object]) -> None:
    """Another event at its place, another program, no rollout at all: everything is folded from the first event."""
    journal, store = await _snapped(6)
    store.kept[NAME] = replace(store.kept[NAME], **change)  # type: ignore[arg-type]
    if "stream" in change:
        store.kept = {"nobody": store.kept[NAME]}
    found = await _recalled(Recall(journal, store))
    assert found.from_version == 0
    assert encode(found.rollout) == encode(_whole())


async def test_a_snapshot_that_somebody_changed_is_found_before_anything_is_raised() -> None:
    """It fits its place and is a rollout, but not the one that the events make: verification says so."""
    journal, store = await _snapped(6)
    body = store.kept[NAME].body.replace('"claimed_by":null', '"claimed_by":"mallory"')
    assert body != store.kept[NAME].body
    store.kept[NAME] = replace(store.kept[NAME], body=body)
    recall = Recall(journal, store)
    assert (await _recalled(recall)).rollout.claimed_by == "mallory"
    assert NAME in await recall.verify([NAME])


async def test_what_the_journal_does_not_have_yet_is_not_snapped() -> None:
    """A lane may be ahead of a journal that is full; a snapshot must name an event that is there."""
    journal, store = MemoryJournal(), MemorySnapshots()
    await _append(journal, ROWS[:5])
    ahead = fold(ROWS[:9])
    assert ahead is not None
    await Recall(journal, store, every_events=1).keep([ahead])
    assert store.kept == {}


def test_snapshots_live_in_a_file_that_may_be_lost(tmp_path: Path) -> None:
    """Kept and read back; a file that is no store is thrown away and made anew."""
    tmp_path.chmod(0o700)
    path = tmp_path / "snapshots.db"
    snapshot = Snapshot(NAME, 3, 3, "ab", this_program(), "{}")

    async def there_and_back(store: SqliteSnapshots) -> dict[str, Snapshot]:
        await store.keep([snapshot])
        await store.keep([replace(snapshot, version=4)])
        found = await store.load()
        await store.close()
        return found

    assert asyncio.run(there_and_back(open_snapshots(path))) == {NAME: replace(snapshot, version=4)}
    for file in tmp_path.iterdir():
        file.write_bytes(b"rubbish" * 1_000)

    async def anew(store: SqliteSnapshots) -> dict[str, Snapshot]:
        found = await store.load()
        await store.close()
        return found

    assert asyncio.run(anew(open_snapshots(path))) == {}
