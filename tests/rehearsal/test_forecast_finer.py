"""The forecast beside the evidence itself, on counts by seed: no rehearsal around it, so enough runs to tell a tenth.

The bench verdicts has whole rehearsals; here are the few situations in which a forecast that leaves something out
shows: a short look, in which bursts are badly known; a strict margin; bursts at equal shares; harm that some runs show
in the warm-up and others only after it; few errors, each of which goes far; a pass by luck.
"""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt
from random import Random
from statistics import fmean, stdev

import pytest

from bench.verdicts import BUSY, Cell
from rolloutd.core.analysis.first_stage import METRIC, setting_of
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.forecast.gate import passage_to_safe
from rolloutd.core.forecast.learning import Learning
from rolloutd.core.forecast.values import Span
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.luck import Table
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.pace import Flow, in_bursts, likely, safe_pace
from rolloutd.core.stats.passage import Mixed, Passage
from rolloutd.rehearsal.chance import binomial

RUNS = 240
TICK_S = 10
WARM_TICKS = 29  # one is dropped, and 28 are the warm-up's


def tick(cell: Cell, random: Random) -> Increment:
    """One tick's counts."""
    asked, size = cell.asked, round(cell.asked.phi)
    requests = round(asked.rps * TICK_S)
    n1 = binomial(random, requests, cell.share)
    bad = [
        min(n, size * binomial(random, n, rate / size))
        for n, rate in ((requests - n1, asked.champion_errors), (n1, cell.ratio * asked.champion_errors))
    ]
    return Increment(requests - n1, bad[0], n1, bad[1])


def until_safe(cell: Cell, random: Random) -> int:
    """Ticks until the challenger is shown safe."""
    plan, ticks = cell.plan, WARM_TICKS
    evidence = GateEvidence.start(plan, plan.gate(METRIC)).safe
    while evidence.log_e < log(1.0 / plan.beta):
        evidence, ticks = evidence.observe(tick(cell, random)), ticks + 1
    return ticks


def until_harm(cell: Cell, random: Random) -> int:
    """Ticks until the challenger goes back."""
    plan, ticks = cell.plan, 1
    gate = plan.gate(METRIC)
    evidence, line = GateEvidence.start(plan, gate).harm, log(1.0 / plan.alpha) - log(plan.weight_of(gate))
    while evidence.log_e < line:
        evidence, ticks = evidence.observe(tick(cell, random), gross_only=ticks < WARM_TICKS), ticks + 1
    return ticks


@pytest.mark.parametrize(
    "cell",
    [
        Cell("safe within thirty ticks", replace(BUSY, champion_errors=0.05)),
        Cell("safe, a strict margin", replace(BUSY, accept=1.25), 0.10),
        Cell("safe, a wide one", replace(BUSY, accept=2.0)),
        Cell("safe, equal shares, bursts of 3", replace(BUSY, rps=100.0, phi=3.0), 0.50),
        Cell("harm, partly in the warm-up", BUSY, ratio=5.0),
        Cell("harm after it", BUSY, ratio=3.0),
        Cell("harm in bursts", replace(BUSY, phi=3.0), 0.05, 3.0),
        Cell("harm at equal shares", replace(BUSY, rps=20.0), 0.50, 2.0),
        Cell("harm, an error every tenth tick, three at a time", replace(BUSY, rps=65.0, phi=3.0), ratio=5.0),
        Cell("safe, some by luck in the first ticks", replace(BUSY, phi=5.0), 0.05),
    ],
    ids=lambda cell: cell.name,
)
def test_mean_and_ninth_decile_are_the_evidences_own(cell: Cell) -> None:
    """Within a tenth and two standard errors, counted from the share on."""
    random, until = Random(f"5 {cell.name}"), until_harm if cell.ratio > 1.0 else until_safe
    hours = [TICK_S * until(cell, random) / 3_600 for _ in range(RUNS)]
    told, mean = cell.told, fmean(hours)
    assert isinstance(told, Span)
    assert abs(told.mean / mean - 1.0) <= 0.1 + 2.0 * stdev(hours) / sqrt(RUNS) / mean
    late = sum(found > 1.1 * told.p90 for found in hours), sum(found > 0.9 * told.p90 for found in hours)
    spread = 2.0 * sqrt(0.09 * RUNS)
    assert late[0] <= 0.1 * RUNS + spread
    assert late[1] >= 0.1 * RUNS - spread


@pytest.mark.parametrize("size", [1.0, 1.07, 1.4, 3.0])
@pytest.mark.parametrize(("n", "rate"), [(30, 0.01), (300, 0.01), (2_970, 0.05), (50, 0.3)])
def test_what_a_tick_may_bring_has_the_true_mean(n: int, rate: float, size: float) -> None:
    """Whatever size bursts have: a challenger that seemed to err less would be shown safe too soon."""
    found = in_bursts(n, rate, size)
    assert sum(odds for _, odds in found) == pytest.approx(1.0, abs=1e-4)
    assert sum(count * odds for count, odds in found) == pytest.approx(n * rate, rel=1e-3)
    if size == 1.0:
        assert found == likely(n, rate)


def test_being_wrong_about_bursts_slows_and_does_not_change_the_traffic() -> None:
    """Evidence that is divided by twice the dispersion grows half as fast."""
    flow, margin = Flow(2_970, 0.01, 30, 0.01), Margin.ratio(1.5)
    right, twice = safe_pace(flow, margin, 1.0), safe_pace(flow, margin, 1.0, taken_for=2.0)
    assert [2.0 * mean for mean in twice.means] == pytest.approx(right.means)


def test_bursts_are_learnt() -> None:
    """First taken for none, in the end for what they are; without any, for a little more at first."""
    bursts, none = Learning(3.0, 2.0, 20.0), Learning(1.0, 2.0, 20.0)
    assert bursts.expected(1) < 1.7
    assert bursts.expected(10_000) == pytest.approx(3.0, rel=0.01)
    assert none.expected(20) > none.expected(2_000) > 1.0


def test_luck_is_followed_where_the_challengers_bursts_decide() -> None:
    """At a small share and while they are few; not where the champion has the fewer requests, or errors come alone."""

    def law(phi: float, share: float) -> type:
        setting = setting_of(replace(BUSY, phi=phi), share)
        gate = replace(setting.gate, accept=Margin(1.0, 0.005))
        return type(passage_to_safe(replace(setting, gate=gate)))

    assert law(3.0, 0.01) is Table
    assert law(1.0, 0.01) is Passage
    assert law(3.0, 0.50) is Passage
    assert law(3.0, 0.99) is Passage


def test_one_of_several_passages() -> None:
    """Mean and odds are those of the parts; the ninth decile has nine tenths before it."""
    soon, late = Passage(5.0, 50.0), Passage(50.0, 500.0)
    found = Mixed(((0.7, soon), (0.3, late)))
    assert found.mean == pytest.approx(18.5)
    assert found.odds_by(found.quantile(0.9)) == pytest.approx(0.9)
    assert soon.quantile(0.9) < found.quantile(0.9) < late.quantile(0.9)
