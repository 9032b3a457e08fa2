"""What every journal does, the file and the one in memory alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import nan
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolloutd.codec import CodecError
from rolloutd.core.events import Event, VerdictReached
from rolloutd.core.values import Actor, ActorKind, Instant, Role
from rolloutd.journal import (
    COMMANDS_KEPT_MS,
    ChainReport,
    CommandKey,
    CommandRepeated,
    Head,
    Journal,
    JournalError,
    VersionConflict,
)
from rolloutd.journal_sqlite import PAGE_ROWS, SqliteJournal
from rolloutd.memory_journal import MemoryJournal
from tests.journal.events import append, everything, wanted
from tests.journal.strategies import EVENTS

PERSON = Actor(ActorKind.PERSON, "ada", 1000, Role.OPERATOR, "control.sock")


@pytest.fixture(params=["sqlite", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal of each make."""
    made: Journal = SqliteJournal.open(tmp_path / "journal.db") if request.param == "sqlite" else MemoryJournal()
    yield made
    await made.close()


async def test_an_empty_journal_says_so(journal: Journal) -> None:
    """No streams, no events, a head at zero, and an intact chain."""
    assert await journal.streams() == []
    assert await journal.load("r") == []
    assert await everything(journal) == []
    assert await journal.head() == Head(0, "00" * 32)
    assert await journal.verify() == ChainReport(0, Head(0, "00" * 32))


async def test_an_append_gives_numbers_and_the_envelope_back(journal: Journal) -> None:
    """Versions count within the stream, numbers over all, and what was recorded is what is read."""
    first = await append(journal, "a", 0, 1, 2)
    await append(journal, "b", 0, 3)
    at = Instant(5, 6)
    third = await journal.append("a", 2, [wanted(4)], at=at, actor=PERSON, epoch=9)
    assert [(r.seq, r.stream, r.version) for r in first] == [(1, "a", 1), (2, "a", 2)]
    assert [(r.seq, r.version, r.at, r.actor, r.epoch, r.event) for r in third] == [(4, 3, at, PERSON, 9, wanted(4))]
    assert await journal.load("a") == [*first, *third]
    assert await journal.load("a", after_version=2) == [*third]
    assert await journal.load("a", after_version=3) == []
    assert [r.seq for r in await everything(journal)] == [1, 2, 3, 4]
    assert [r.seq for r in await everything(journal, after_seq=3)] == [4]
    assert await journal.streams() == ["a", "b"]


async def test_a_stale_version_is_refused_with_the_actual_one(journal: Journal) -> None:
    """Neither a past nor a future version is accepted, and nothing of the append is kept."""
    await append(journal, "a", 0, 1, 2)
    head = await journal.head()
    for stale in (0, 1, 3):
        with pytest.raises(VersionConflict) as caught:
            await append(journal, "a", stale, 5)
        assert caught.value.actual == 2
    assert await journal.head() == head


async def test_one_of_many_at_once_wins_each_version(journal: Journal) -> None:
    """Of appends for the same version exactly one is kept; those to other streams are not hurt by the refusals."""
    same = [append(journal, "same", 0, i) for i in range(20)]
    others = [append(journal, f"other-{i}", 0, i) for i in range(20)]
    results = await asyncio.gather(*same, *others, return_exceptions=True)
    assert sum(isinstance(result, VersionConflict) for result in results) == 19
    assert not any(isinstance(result, BaseException) for result in results[20:])
    assert [r.seq for r in await everything(journal)] == list(range(1, 22))
    assert (await journal.verify()).intact


async def test_an_event_that_cannot_be_written_leaves_nothing(journal: Journal) -> None:
    """One bad event takes the whole append with it, before anything is recorded."""
    bad: list[Event] = [wanted(1), VerdictReached("errors", "FAIL", nan, 0.0, "")]
    with pytest.raises(CodecError):
        await journal.append("a", 0, bad, at=Instant(0, 0), actor=PERSON, epoch=1)
    assert await journal.head() == Head(0, "00" * 32)


async def test_a_command_is_carried_out_once(journal: Journal) -> None:
    """A repeat records nothing and learns the first outcome; so does one with the same id and another digest."""
    key = CommandKey("id-1", 1000, "digest")
    await append(journal, "a", 0, 1, at_ms=50, command=key, outcome='{"ok":true}')
    stored = await journal.command_outcome("id-1")
    assert stored is not None
    assert (stored.key, stored.outcome, stored.stream, stored.version) == (key, '{"ok":true}', "a", 1)
    assert stored.at.clock_ms == 50
    for repeat in (key, CommandKey("id-1", 1000, "other"), CommandKey("id-1", 0, "digest")):
        with pytest.raises(CommandRepeated) as caught:
            await append(journal, "a", 1, 2, command=repeat, outcome="second")
        assert caught.value.stored == stored
    assert len(await everything(journal)) == 1
    assert await journal.command_outcome("id-2") is None


async def test_a_refused_append_keeps_no_command(journal: Journal) -> None:
    """The outcome is stored with the events or not at all, so that the command can be tried again."""
    key = CommandKey("id-1", None, "digest")
    with pytest.raises(VersionConflict):
        await append(journal, "a", 5, 1, command=key, outcome="no")
    assert await journal.command_outcome("id-1") is None


async def test_a_command_without_events_is_kept(journal: Journal) -> None:
    """What changes nothing still has an outcome, and moves no version."""
    await append(journal, "a", 0, command=CommandKey("id-1", 0, "d"), outcome="nothing to do")
    stored = await journal.command_outcome("id-1")
    assert stored is not None
    assert (stored.outcome, stored.version) == ("nothing to do", 0)
    assert await journal.head() == Head(0, "00" * 32)


async def test_outcomes_are_kept_for_seven_days(journal: Journal) -> None:
    """A later command takes those with it that are older, and no younger one."""
    await append(journal, "a", 0, 1, at_ms=1, command=CommandKey("old", 0, "d"), outcome="")
    await append(journal, "a", 1, 1, at_ms=2, command=CommandKey("young", 0, "d"), outcome="")
    await append(journal, "a", 2, 1, at_ms=2 + COMMANDS_KEPT_MS, command=CommandKey("new", 0, "d"), outcome="")
    kept = [name for name in ("old", "young", "new") if await journal.command_outcome(name)]
    assert kept == ["young", "new"]


async def test_small_facts_are_kept(journal: Journal) -> None:
    """The epoch and its like can be set, changed and read, and are not part of the chain."""
    assert await journal.read_meta("epoch") is None
    await journal.write_meta("epoch", "1")
    await journal.write_meta("epoch", "2")
    assert await journal.read_meta("epoch") == "2"
    assert (await journal.head()).seq == 0


async def test_more_than_a_page_is_read_whole(journal: Journal) -> None:
    """Reading and verifying go on over page borders, from any start, also at exactly a page."""
    await append(journal, "a", 0, *range(PAGE_ROWS))
    assert len(await journal.load("a")) == PAGE_ROWS
    await append(journal, "a", PAGE_ROWS, *range(PAGE_ROWS + 1))
    assert len(await journal.load("a", after_version=1)) == 2 * PAGE_ROWS
    assert [r.seq for r in await everything(journal)] == list(range(1, 2 * PAGE_ROWS + 2))
    report = await journal.verify(from_seq=500)
    assert (report.intact, report.checked) == (True, 2 * PAGE_ROWS - 499)
    assert await journal.head() == report.head


async def test_a_closed_journal_refuses(journal: Journal) -> None:
    """Close finishes what was asked before; every later call is an error, and closing twice is none."""
    waiting = asyncio.gather(*(append(journal, f"s{i}", 0, i) for i in range(50)))
    await asyncio.sleep(0)
    await journal.close()
    assert len(await waiting) == 50
    with pytest.raises(JournalError, match="closed"):
        await append(journal, "a", 0, 1)
    with pytest.raises(JournalError, match="closed"):
        await journal.streams()
    await journal.close()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(EVENTS, max_size=3)), max_size=5))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_both_make_the_same_chain(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[str, list[Event]]]
) -> None:
    """The same appends give the same heads, hash by hash, and the same events back."""
    path = tmp_path_factory.mktemp("twins") / "journal.db"

    async def both() -> None:
        twins: list[Journal] = [SqliteJournal.open(path), MemoryJournal()]
        try:
            for twin in twins:
                for stream, events in appends:
                    version = len(await twin.load(stream))
                    await twin.append(stream, version, events, at=Instant(3, 4), actor=PERSON, epoch=1)
            assert await twins[0].head() == await twins[1].head()
            assert repr(await everything(twins[0])) == repr(await everything(twins[1]))
        finally:
            for twin in twins:
                await twin.close()

    asyncio.run(both())
