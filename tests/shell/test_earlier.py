"""What earlier rollouts of a route teach the next one before its first tick, and what they cannot teach it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

from rolloutd.core.plan import Plan, Spec
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging
from rolloutd.core.stats.increment import Increment
from rolloutd.core.values import Instant
from rolloutd.evidence_store import EvidenceRow
from rolloutd.journal import StoreBusy
from tests.core.playbook import a_plan, a_spec
from tests.shell.rig import Rig
from tests.shell.test_after_end import aborted
from tests.stats.helpers import spilling, ticks

LATER = "ranker-v43"


def a_later_spec(plan: Plan | None = None) -> Spec:
    """The next rollout of the same route."""
    return replace(a_spec(plan), name=LATER)


async def ended_with(rig: Rig, series: Iterable[Increment]) -> None:
    """An earlier rollout that ended, and these ticks as its history."""
    name = await aborted(rig)
    metric = rig.loop.ended[name].spec.plan.gates[0].metric
    first = (await rig.evidence.load(name))[metric].tick + 1
    for number, tick in enumerate(series, first):
        counts = (tick.champion_n, tick.champion_bad, tick.challenger_n, tick.challenger_bad)
        await rig.evidence.save([EvidenceRow(name, metric, number, "{}", Instant(0, 0), *counts)])


def known(rig: Rig) -> Clinging:
    """What the later rollout's gate knew before its first tick."""
    (evidence,) = rig.loop.lanes[LATER].evidence.values()
    return Clinging(evidence.harm.history_psi, evidence.harm.history_ticks)


async def test_the_next_rollout_of_a_route_knows_that_errors_spill(tmp_path: Path) -> None:
    """Retries in the next tick were seen before: bets are in blocks from the first tick on, also after a restart."""
    rig = Rig(tmp_path)
    await ended_with(rig, spilling(Random(4), 600))
    await rig.start(a_later_spec())
    before = known(rig)
    assert before.psi > 1.2
    assert before.ticks == 4
    other = await rig.restart()
    assert known(other) == before


async def test_errors_that_do_not_spill_teach_nothing(tmp_path: Path) -> None:
    """Independent errors leave the next rollout as quick as the first one."""
    rig = Rig(tmp_path)
    await ended_with(rig, ticks(Random(5), 600, 120, 1080, (0.01, 0.01)))
    await rig.start(a_later_spec())
    assert known(rig) == NOTHING_KNOWN


async def test_ticks_of_another_length_say_nothing_of_these(tmp_path: Path) -> None:
    """How many ticks a retry spans depends on their length: only the same gate at the same cadence counts."""
    rig = Rig(tmp_path)
    await ended_with(rig, spilling(Random(4), 600))
    plan = a_plan()
    await rig.start(a_later_spec(replace(plan, gates=(replace(plan.gates[0], every_ms=5_000),))))
    assert known(rig) == NOTHING_KNOWN


async def test_a_history_that_cannot_be_read_stops_no_start(tmp_path: Path) -> None:
    """The rollout begins as if it were the route's first."""
    rig = Rig(tmp_path)
    await ended_with(rig, spilling(Random(4), 600))

    async def busy(rollout: str, gate: str, limit: int = 300) -> list[object]:
        raise StoreBusy("The evidence is busy.")

    rig.evidence.history = busy  # type: ignore[method-assign, assignment] # a store in trouble
    await rig.start(a_later_spec())
    assert known(rig) == NOTHING_KNOWN
