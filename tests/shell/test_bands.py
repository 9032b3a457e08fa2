"""Ranges of the past: each is what the tab of gates said then, kept with the tick, and absent where none was."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd.bands import AT_ONCE, MOMENTS, Bands
from rolloutd.core.evidence import NEVER_READ
from rolloutd.core.standing import Standing
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.range import difference_range
from rolloutd.core.values import Instant
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.evidence_store import EvidenceRow, RawTick
from rolloutd.keeper import EvidenceKeeper
from rolloutd.memory_journal import MemoryEvidence
from rolloutd.past import course
from rolloutd.view import CONFIDENCE
from tests.core.playbook import Playbook

ALPHA = 1 - CONFIDENCE


def tick(at: int, standing: Standing | None = None) -> RawTick:
    """A tick, with what the stage had come to by then."""
    return RawTick(at, Instant(at * 1000, at * 1000), 90.0, 1.0, 10.0, 1.0, "", standing)


def stood(at: int) -> Standing:
    """Counts that grow with the ticks."""
    return Standing(90 * at, at, 10 * at, at // 2, 1.5)


async def test_a_range_is_the_cores_own_of_the_counts_of_then() -> None:
    """Not of the tick alone and not of today's counts; the newest tick always has one."""
    ticks = [tick(at, stood(at)) for at in range(1, 40)]
    found = await Bands(ALPHA).of("r", "errors", ticks)
    assert set(found) == set(range(1, 40))
    low, high = difference_range([Increment(90 * 20, 20, 200, 10)], ALPHA, 1.5) or (0.0, 0.0)
    assert (found[20].low, found[20].high) == (low, high)
    assert found[20].delta == pytest.approx(10 / 200 - 20 / 1800)
    shown = course("r", "errors", ticks, 13, found)
    assert (shown.points[-1].low, shown.points[-1].high) == (found[39].low, found[39].high)
    assert shown.points[6].delta == found[21].delta


async def test_where_nothing_was_kept_there_is_nothing() -> None:
    """Absent, and not zero: what older daemons wrote, blind ticks, stages without traffic."""
    ticks = [tick(1), tick(2, stood(2)), tick(3)]
    shown = course("r", "errors", ticks, 10, await Bands(ALPHA).of("r", "errors", ticks))
    assert [point.low is None for point in shown.points] == [True, False, True]
    assert [point.delta is None for point in shown.points] == [True, False, True]
    assert await Bands(ALPHA).of("r", "errors", [tick(at) for at in range(9)]) == {}


async def test_long_histories_cost_little_and_the_second_look_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 64 moments at most, the same ones as time goes on; others run in between, so nothing is held up."""
    worked: list[Standing] = []
    original = Standing.range

    def counted(self: Standing, alpha: float) -> tuple[float, float] | None:
        worked.append(self)
        return original(self, alpha)

    monkeypatch.setattr(Standing, "range", counted)
    ticks = [tick(at, stood(at)) for at in range(1, 5_001)]
    bands, turns = Bands(ALPHA), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    first = await bands.of("r", "errors", ticks[:4_999])
    beside.cancel()
    assert MOMENTS // 2 <= len(first) <= MOMENTS + 1
    assert turns >= len(first) // AT_ONCE
    worked.clear()
    again = await bands.of("r", "errors", ticks[1:])
    assert len(worked) <= 2
    assert len(set(again) & set(first)) >= len(first) - 2


async def test_what_a_gate_shows_is_kept_with_each_tick() -> None:
    """I12: the kept counts give the range that the picture of that moment had; a blind gate keeps none."""
    book = Playbook()
    while "10%" not in book.shares():
        book.run(1)
    known = next(iter(book.run(20).lane.evidence.values()))
    assert known.stage_sum.comparable
    keeper = EvidenceKeeper(MemoryEvidence())
    at = Instant(1, 1)
    await keeper.save("r", {known.metric: known}, [known.metric], at)
    blind = replace(known, tick=known.tick + 1, blind=NEVER_READ)
    await keeper.save("r", {known.metric: blind}, [known.metric], at)
    seen, unseen = await keeper.history("r", known.metric)
    assert seen.standing is not None
    assert seen.standing.range(ALPHA) == difference_range([known.stage_sum], ALPHA, known.harm.learnt.totals.phi)
    assert unseen.standing is None


async def test_a_file_of_before_is_read_and_says_nothing_of_ranges(tmp_path: Path) -> None:
    """The ticks of an older daemon stay; they have no range, and new ones do."""
    file = tmp_path / "evidence.db"
    store = SqliteEvidence.open(file)
    await store.save([EvidenceRow("r", "errors", 1, "{}", Instant(1, 1), 90.0, 1.0, 10.0, 1.0)])
    await store.close()
    with sqlite3.connect(file) as plain:
        for column in ("stage_champion_n", "stage_champion_bad", "stage_challenger_n", "stage_challenger_bad", "phi"):
            plain.execute(f"ALTER TABLE raw_tick DROP COLUMN {column}")
        plain.execute("DELETE FROM _sqlite_migrations WHERE name = '002_standing'")
    plain.close()
    store = SqliteEvidence.open(file)
    await store.save([EvidenceRow("r", "errors", 2, "{}", Instant(2, 2), 90.0, 1.0, 10.0, 1.0, standing=stood(2))])
    assert [one.standing for one in await store.history("r", "errors")] == [None, stood(2)]
    assert (await store.load("r"))["errors"].standing == stood(2)
    await store.close()
