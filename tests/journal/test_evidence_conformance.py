"""What every evidence store does, the file and the one in memory alike; and that real evidence survives bit for bit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from rolloutd.codec import decode, encode
from rolloutd.core.standing import Standing
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence
from rolloutd.core.values import BadValue, Instant
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.evidence_store import EvidenceRow, EvidenceStore, Pulse, seal
from rolloutd.memory_journal import MemoryEvidence

KEPT = 5
ROW = EvidenceRow("r", "errors", 1, "{}", Instant(10, 20), 900.0, 9.0, 100.0, 2.0, "", Standing(900, 9, 100, 2, 1.25))
Make = Callable[[], EvidenceStore]


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens a store of each make; the second time, what is in it is still there."""
    memory = MemoryEvidence(KEPT)
    return lambda: SqliteEvidence.open(tmp_path / "evidence.db", KEPT) if request.param == "sqlite" else memory


@pytest.fixture
async def store(make: Make) -> AsyncIterator[EvidenceStore]:
    """An empty store that keeps five ticks of history."""
    made = make()
    yield made
    await made.close()


async def test_an_empty_store_says_so(store: EvidenceStore) -> None:
    """Nothing is known of any rollout."""
    assert await store.load("r") == {}
    assert await store.history("r", "errors") == []
    assert await store.read_pulse() == Pulse(None, {})


async def test_the_newest_tick_of_each_gate_is_kept(store: EvidenceStore) -> None:
    """Saving replaces a gate's state and leaves other gates and rollouts alone."""
    rows = [ROW, replace(ROW, gate="latency"), replace(ROW, rollout="q")]
    assert await store.save(rows) == 3
    later = replace(ROW, tick=2, body='{"x":1}', challenger_n=0.0, note="blind: stale", standing=None)
    assert await store.save([later]) == 1
    assert await store.load("r") == {"errors": later, "latency": rows[1]}
    assert await store.load("q") == {"errors": rows[2]}


async def test_a_tick_is_never_taken_twice(store: EvidenceStore) -> None:
    """An equal or older tick changes neither state nor history, whatever it says, also within one call."""
    await store.save([replace(ROW, tick=3)])
    stale = [replace(ROW, tick=tick, body="no", champion_n=1.0) for tick in (3, 2, 0)]
    assert await store.save(stale) == 0
    assert await store.save([replace(ROW, tick=5), replace(ROW, tick=5, body="no"), replace(ROW, tick=4)]) == 1
    assert (await store.load("r"))["errors"] == replace(ROW, tick=5)
    assert [raw.tick for raw in await store.history("r", "errors")] == [3, 5]


async def test_history_keeps_the_last_ticks(store: EvidenceStore) -> None:
    """What is older than the kept number of ticks goes; the rest is given oldest first, and no more than asked."""
    for tick in range(1, 21):
        await store.save([replace(ROW, tick=tick, champion_bad=float(tick))])
    history = await store.history("r", "errors")
    assert [(raw.tick, raw.champion_bad) for raw in history] == [(tick, float(tick)) for tick in range(16, 21)]
    assert [raw.tick for raw in await store.history("r", "errors", limit=2)] == [19, 20]


@pytest.mark.parametrize("bad", [nan, inf, -1.0])
def test_a_row_has_counts_only(bad: float) -> None:
    """What is not a finite number from zero up cannot be a count, and says so before any store sees it."""
    with pytest.raises(BadValue, match="challenger_bad"):
        replace(ROW, challenger_bad=bad)


async def test_signs_of_life_are_kept(store: EvidenceStore) -> None:
    """The last pulse and the last renewal of each lease are known."""
    await store.pulse(Instant(1, 2), {"a": 1, "b": 1})
    await store.pulse(Instant(3, 4), {"b": 3})
    assert await store.read_pulse() == Pulse(Instant(3, 4), {"a": 1, "b": 3})


async def test_evidence_survives_a_restart_bit_for_bit(make: Make) -> None:
    """Real evidence, saved after each of many ticks and read by the next process, goes on as if nothing had been."""
    unbroken = HarmEvidence.start(Margin.ratio(1.2), 3, line=4.6)
    for tick in range(1, 31):
        step = Increment(900 + tick, 9, 100 + tick, tick % 7)
        unbroken = unbroken.observe(step)
        store = make()
        before = (await store.load("r")).get("errors")
        evidence = decode(HarmEvidence, before.body) if before else HarmEvidence.start(Margin.ratio(1.2), 3, line=4.6)
        await store.save([replace(ROW, tick=tick, body=encode(evidence.observe(step)))])
        await store.close()
    store = make()
    assert (await store.load("r"))["errors"].body == encode(unbroken)
    await store.close()


def test_a_seal_is_of_every_gate_tick_and_state() -> None:
    """The digest does not depend on the order of the rows, and changes with anything that is in them."""
    rows = [ROW, replace(ROW, gate="latency")]
    assert seal(rows) == seal(rows[::-1])
    others = [
        rows[:1],
        [ROW, replace(ROW, gate="x")],
        [replace(ROW, tick=2), rows[1]],
        [replace(ROW, body=""), rows[1]],
    ]
    assert len({seal(rows), *map(seal, others)}) == 5
