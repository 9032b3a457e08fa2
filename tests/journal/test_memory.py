"""The double fails when it is told to, in the way the real store does, and otherwise not."""

from __future__ import annotations

import asyncio

import pytest

from rolloutd.core.values import Instant
from rolloutd.evidence_store import EvidenceRow
from rolloutd.journal import JournalError, StoreBroken, StoreFull
from rolloutd.memory_journal import MemoryEvidence, MemoryJournal
from tests.journal.events import append


async def test_a_full_store_passes_and_a_broken_one_stays() -> None:
    """StoreFull fails one write; StoreBroken fails all that follow, until a new disk; neither keeps anything."""
    journal = MemoryJournal()
    journal.faults.fail_next(StoreFull("full"))
    with pytest.raises(StoreFull):
        await append(journal, "a", 0, 1)
    await append(journal, "a", 0, 1)
    journal.faults.fail_next(StoreBroken("broken"))
    for _ in range(2):
        with pytest.raises(StoreBroken):
            await append(journal, "a", 1, 2)
    assert len(await journal.load("a")) == 1
    journal.faults.mend()
    await append(journal, "a", 1, 2)


async def test_a_slow_store_keeps_the_order() -> None:
    """Writes behind a slow disk wait until it goes on, then are carried out as they came; reads do not wait."""
    journal = MemoryJournal()
    journal.faults.hold()
    waiting = [asyncio.create_task(append(journal, "a", after, after)) for after in range(3)]
    await asyncio.sleep(0)
    assert await journal.streams() == []
    journal.faults.release()
    assert [(await task)[0].version for task in waiting] == [1, 2, 3]


async def test_the_object_is_the_disk_of_the_next_process() -> None:
    """After a close the same object can be opened again with all that was kept."""
    journal = MemoryJournal()
    await append(journal, "a", 0, 1)
    await journal.close()
    with pytest.raises(JournalError):
        await append(journal, "a", 1, 2)
    journal.reopen()
    assert len(await journal.load("a")) == 1


async def test_evidence_can_fail_too() -> None:
    """A failed save keeps nothing."""
    evidence = MemoryEvidence()
    evidence.faults.fail_next(StoreFull("full"))
    row = EvidenceRow("r", "g", 1, "{}", Instant(0, 0))
    with pytest.raises(StoreFull):
        await evidence.save([row])
    assert await evidence.load("r") == {}
    assert await evidence.save([row]) == 1
