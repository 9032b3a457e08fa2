"""First passages against what is known of them: one walk, walks that jump, mass that trickles in, passing by luck.

Whole forecasts are held against the evidence itself in tests/rehearsal; here are the pieces, each beside a law or a
walk by seed. Nothing here measures a test.
"""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from statistics import fmean, stdev

import pytest
from scipy.special import digamma

from rolloutd.core.forecast.learning import Learning
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS
from rolloutd.core.stats.luck import MIDDLES, Table, Walk, by_luck
from rolloutd.core.stats.pace import Pace
from rolloutd.core.stats.passage import OVERSHOOT, first_passage, worth_in_ticks
from rolloutd.rehearsal.chance import binomial

RUNS, MANY = 600, 8_000


def test_one_walk_takes_what_wald_and_the_inverse_gaussian_say() -> None:
    """Mean (line + overshoot) / drift, and variance mean * v / drift^2."""
    found = first_passage(Pace((0.1,), ((0.04,),), (0.0,)), [0.0], 6.0)
    assert found is not None
    mean = (6.0 + OVERSHOOT * 0.2) / 0.1
    assert found.mean == pytest.approx(mean, rel=0.005)
    assert found.mean**3 / found.shape == pytest.approx(mean * 0.04 / 0.01, rel=0.03)


@pytest.mark.parametrize("jump", [1.2, -1.2])
def test_a_walk_that_jumps_shoots_over_by_where_it_jumps_to(jump: float) -> None:
    """Rare jumps upwards carry it farther past its line than its deviation says, jumps downwards less far."""
    chance, drift, random = 0.1, 0.07, Random(3)
    rest = drift - chance * jump
    variance = chance * (1.0 - chance) * jump * jump
    skew = jump * (1.0 - 2.0 * chance)
    found = first_passage(Pace((drift,), ((variance,),), (skew,)), [0.0], 5.0)
    assert found is not None
    times = []
    for _ in range(MANY):
        at, ticks = 0.0, 0
        while at < 5.0:
            at, ticks = at + rest + (jump if random.random() < chance else 0.0), ticks + 1
        times.append(ticks)
    assert abs(found.mean - fmean(times)) < 0.01 * found.mean + 2.0 * stdev(times) / sqrt(MANY)


def test_of_two_walks_the_sooner_counts_wherever_the_path_bends() -> None:
    """A slow walk of great weight and a quick one of little: their mixture, by seed."""
    weights, means, scales, random = [log(0.95), log(0.05)], (0.02, 0.12), (0.2, 0.5), Random(4)
    rows = tuple(tuple(a * b for b in scales) for a in scales)
    found = first_passage(Pace(means, rows, (0.0, 0.0)), weights, 5.0)
    assert found is not None
    times = []
    for _ in range(RUNS):
        logs, ticks = list(weights), 0
        while log(sum(exp(value) for value in logs)) < 5.0:
            z, ticks = random.gauss(0.0, 1.0), ticks + 1
            logs = [value + mean + scale * z for value, mean, scale in zip(logs, means, scales, strict=True)]
        times.append(float(ticks))
    assert abs(found.mean - fmean(times)) < 0.03 * found.mean + 2.0 * stdev(times) / sqrt(RUNS)
    assert sum(time > found.quantile(0.9) for time in times) == pytest.approx(0.1 * RUNS, abs=0.04 * RUNS)


def test_a_trickle_is_worth_the_ticks_that_a_perpetuity_says() -> None:
    """Nearly 1 / m without chance, more with it; for ever where the walk does not rise."""
    calm, usual, falling = worth_in_ticks(
        Pace((0.1, 0.1, -0.1), ((1e-4, 0.0, 0.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.2)), (0.0, 0.0, 0.0))
    )
    assert calm == pytest.approx(10.0, rel=0.01)
    assert usual == pytest.approx(10.0 * exp(-float(digamma(1.0))), rel=1e-6)
    assert falling == float("inf")


def test_a_gate_passes_by_luck_before_bursts_are_known() -> None:
    """By seed: bursts set the walk back, and what it is divided by is told from bursts that are drawn with it."""
    walk = Walk((0.25, 0.19, 0.3, 0.55), (-1.0, -0.8, -1.8, -4.5), 0.2)
    learning, line, random = Learning(4.0, 30.0, 20.0), log(20.0), Random(5)
    found = by_luck(walk, line, lambda ticks: learning.taken_for(ticks, MIDDLES))
    assert found is not None
    times = [_by_seed(walk, line, random) for _ in range(RUNS)]
    assert abs(found.mean - fmean(times)) < 0.06 * found.mean + 2.0 * stdev(times) / sqrt(RUNS)
    early = found.odds_by(0.4 * found.mean)
    assert early > 0.05
    assert sum(time <= 0.4 * found.mean for time in times) == pytest.approx(early * RUNS, abs=0.06 * RUNS)


def _by_seed(walk: Walk, line: float, random: Random) -> int:
    bursts = ticks = last = 0
    squares = expected = 20.0
    while True:
        ticks, bursts = ticks + 1, bursts + binomial(random, 100, walk.bursts / 100)
        errors = 4 * binomial(random, 3_000, 30.0 / 4.0 / 3_000)
        if ticks > 1:
            squares, expected = squares + (errors - last) ** 2, expected + errors + last
        last, phi = errors, max(1.0, squares / expected)
        gains = [ticks * idle + bursts * jump for idle, jump in zip(walk.idle, walk.jumps, strict=True)]
        if log(sum(exp(w + gain / phi) for w, gain in zip(SAFE_LOG_WEIGHTS, gains, strict=True))) >= line:
            return ticks


def test_a_table_is_a_law() -> None:
    """Odds rise with time, the ninth decile has nine tenths before it, the mean is that of its steps."""
    found = Table((1.0, 3.0, 9.0), (0.25, 0.75, 1.0))
    assert found.mean == pytest.approx(0.25 + 1.5 + 2.25)
    assert [found.odds_by(at) for at in (0.5, 2.0, 10.0)] == [0.0, 0.5, 1.0]
    assert [found.quantile(odds) for odds in (0.2, 0.5, 0.9)] == [1.0, 3.0, 9.0]
