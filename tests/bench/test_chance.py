"""The made-up worlds have the rates they say, harmless ones are harmless, and figures carry their errors."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from bench import falsealarm
from bench.chance import estimate
from bench.chance.counters import scraped
from bench.chance.engine import FIRE, carried, shipped, ticks_to_harm
from bench.chance.kept import Kept
from bench.chance.many import Many
from bench.chance.slowness import BIMODAL, LOGNORMAL, Slower, bucketed
from bench.chance.worlds import Ticks, arm_sizes, independent, spilling
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence

DIFFERENT = ("on the", "a cold start", "one flaky", "mix shift", "p0 =", "instance storms")


@pytest.mark.parametrize("name", [name for name in falsealarm.WORLDS if not name.startswith(DIFFERENT)])
def test_both_arms_of_a_harmless_world_err_alike(name: str) -> None:
    """One error in a hundred in each arm, within five standard errors of a burst of five."""
    random, sizes = np.random.default_rng(11), arm_sizes(0.1, 20)
    ticks = list(falsealarm.WORLDS[name](random, 6_000, sizes))
    for n, bad in ((0, 1), (2, 3)):
        requests, errors = (sum(tick[k] for tick in ticks) for k in (n, bad))
        spread = 5.0 * sqrt(5.0 * errors) / requests + (0.002 if name.startswith("time of day") else 0.0)
        assert errors / requests == pytest.approx(0.01, abs=spread)


def test_storms_come_to_both_arms_alike() -> None:
    """Five per cent of the time five times the errors: 1.2 % on average, in instances and in the arm made of them."""
    made = falsealarm.WORLDS["instance storms of ten ticks"](np.random.default_rng(3), 40_000, arm_sizes(0.1, 20))
    assert isinstance(made, Ticks)
    assert made.x1.mean() / made.n1 == pytest.approx(0.012, rel=0.08)
    assert made.x0.mean() / made.n0 == pytest.approx(0.012, rel=0.03)


def test_restarting_servers_lose_a_little_and_invent_nothing() -> None:
    """What is counted after restarts is less than what happened, and nearly all of it."""
    random = np.random.default_rng(5)
    ticks = independent(random, 2_000, (30, 270), 0.01, 0.01)
    seen = list(scraped(random, ticks, servers=3, restarts=0.01))
    lost = 1.0 - sum(tick[0] for tick in seen) / (ticks.n0 * len(ticks.x0))
    assert 0.001 < lost < 0.03
    assert all(0 <= x0 <= n0 <= ticks.n0 and 0 <= x1 <= n1 <= ticks.n1 for n0, x0, n1, x1 in seen)


def test_everybody_who_looks_sees_the_same_world() -> None:
    """Ticks one by one and as arrays agree, and are made further when needed."""
    random = np.random.default_rng(7)
    world = Kept(iter(independent(random, 10, (5, 5), 0.5, 0.5) for _ in range(3)))
    first = [tick for _, tick in zip(range(25), world.ticks(), strict=False)]
    assert list(world.joined())[:25] == first
    assert world.until(lambda ticks: 30 if len(ticks.x1) == 30 else None) == 30


def test_a_failing_challenger_is_seen_with_and_without_restarts() -> None:
    """Twenty times the errors within a few ticks."""
    ticks = list(independent(np.random.default_rng(9), 200, (20, 180), 0.2, 0.01))
    with_restarts, without = ticks_to_harm(shipped(), ticks), ticks_to_harm(carried(), ticks)
    assert with_restarts is not None
    assert without is not None
    assert without <= with_restarts < 20


def test_figures_carry_their_errors() -> None:
    """Mean, ratio of pairs and part; a row holds only if the error allows it."""
    assert estimate.mean([1.0, 3.0]) == estimate.Estimate(2.0, 1.0)
    assert estimate.ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == estimate.Estimate(2.0, 0.0)
    assert estimate.part(0, 100).error > 0.0
    close = estimate.Estimate(1.1, 0.03)
    assert estimate.ratio_at_most("x", close, 1.15, quick=False).ok is False
    assert estimate.ratio_at_most("x", close, 1.15, quick=True).ok is True
    assert estimate.ratio_at_least("x", close, 1.15, quick=False).ok is False
    assert estimate.part_at_most("x", estimate.part(30, 1000), 0.01).ok is False


def test_slower_requests_move_up_the_buckets() -> None:
    """Parts sum to 1, and a slowdown leaves fewer requests below every bound."""
    for shape in (LOGNORMAL, BIMODAL):
        usual = bucketed(shape)
        assert usual.sum() == pytest.approx(1.0)
        for slower in (Slower(factor=1.25), Slower(part=0.05, added_s=0.5)):
            assert (np.cumsum(bucketed(shape, slower)) <= np.cumsum(usual) + 1e-9).all()


@pytest.mark.parametrize("margin", [Margin.ratio(1.0), Margin.ratio(1.2), Margin.difference(0.005)], ids=str)
def test_runs_side_by_side_are_the_daemons_own_evidence(margin: Margin) -> None:
    """Clean traffic, harm, spilling bursts, a later stage with a warm-up, a run that leaves: every log, every tick."""
    random, sizes = np.random.default_rng(6), arm_sizes(0.1, 20)
    made = [spilling(random, 300, sizes, 0.012, 3), *(independent(random, 300, sizes, p, 0.01) for p in (0.01, 0.03))]
    known = [NOTHING_KNOWN, NOTHING_KNOWN, Clinging(1.3, 8)]
    many, left = Many(3, line=FIRE, margin=margin, history=known), np.arange(3)
    one = [HarmEvidence.start(margin, 3, line=FIRE, history=history) for history in known]
    for number in range(300):
        if number == 200:
            many.stage()
        if number == 280:
            many.keep(left != 1)
            left = left[left != 1]
        x0, x1 = (np.array([getattr(made[run], key)[number] for run in left]) for key in ("x0", "x1"))
        many.observe(sizes[1], x0, sizes[0], x1, gross_only=200 <= number < 220)
        for k, run in enumerate(left):
            tick = Increment(sizes[1], int(x0[k]), sizes[0], int(x1[k]))
            one[run] = one[run].observe(tick, stage_started=number == 200, gross_only=200 <= number < 220)
        assert many.log_e == pytest.approx([one[run].log_e for run in left], abs=1e-9)
    assert one[0].psi > 1.2
