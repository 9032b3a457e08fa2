"""Evidence over segments: fair where users shift between them, quick where all or one of them suffer."""

import json
from itertools import product
from math import exp, log
from random import Random

import pytest

from rolloutd.core.stats import robust
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence
from rolloutd.core.stats.segments import SegmentedHarm
from tests.stats.helpers import binomial, poisson

FIRE = log(100.0)
RATIO = Margin.ratio(1.0)


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_stratified_bet_is_fair_for_independent_errors(factor: float) -> None:
    """Two segments of unlike rates and mixes, both on the margin: the mean over all outcomes is at most 1."""
    sizes, rates = ((3, 2), (2, 4)), (0.1, 0.4)
    total = 0.0
    for counts in product(*(range(n + 1) for pair in sizes for n in pair)):
        chance, strata = 1.0, []
        for (n1, n0), rate, x1, x0 in zip(sizes, rates, counts[::2], counts[1::2], strict=True):
            chance *= binomial(x1, n1, factor * rate) * binomial(x0, n0, rate)
            strata.append(Increment(n0, x0, n1, x1))
        total += chance * exp(robust.log_factors(strata, Margin.ratio(factor), (4.0,), 1.0)[0])
    assert total <= 1.0 + 1e-11
    assert total > 0.9


def test_stratified_bet_is_fair_for_a_burst_over_segments() -> None:
    """One outage hits an arm in both segments at once, the challenger's as often as its share."""
    challenger = [Increment(90, 0, 10, 6), Increment(180, 0, 20, 9)]
    champion = [Increment(90, 6, 10, 0), Increment(180, 9, 20, 0)]
    mean = sum(
        part * exp(robust.log_factors(strata, RATIO, (5.0,), 1.0)[0])
        for part, strata in ((0.1, challenger), (0.9, champion))
    )
    assert mean <= 1.0 + 1e-11


def ticks(random: Random, mixes: tuple[float, float], worse: tuple[float, float]) -> dict[str, Increment]:
    """200 champion and 50 challenger requests in a good and a bad segment; `worse` multiplies the errors of each."""
    found = {}
    for name, rate, part1, part0, ratio in (
        ("good", 0.01, mixes[0], mixes[1], worse[0]),
        ("bad", 0.05, 1.0 - mixes[0], 1.0 - mixes[1], worse[1]),
    ):
        n1, n0 = round(50 * part1), round(200 * part0)
        x1, x0 = poisson(random, n1 * rate * ratio), poisson(random, n0 * rate)
        found[name] = Increment(n0, min(x0, n0), n1, min(x1, n1))
    return found


def test_a_shift_of_users_is_no_harm() -> None:
    """The challenger serves more of the bad segment: pooled counts cry harm, segments do not."""
    random = Random(3)
    segmented = SegmentedHarm.start(RATIO, 0, ("good", "bad"))
    pooled = HarmEvidence.start(RATIO, 0)
    for _ in range(200):
        tick = ticks(random, (0.2, 0.8), (1.0, 1.0))
        segmented, pooled = segmented.observe(tick), pooled.observe(tick["good"] + tick["bad"])
    assert pooled.log_e > FIRE
    assert segmented.log_e < log(20.0)


@pytest.mark.parametrize("worse", [(3.0, 3.0), (1.0, 3.0), (8.0, 1.0)], ids=["all", "the-bad", "the-good"])
def test_harm_in_all_or_one_is_found_and_resumes_bit_equal(worse: tuple[float, float]) -> None:
    """Whichever suffers; every tick through JSON, with the same bits at the end."""
    random = Random(4)
    straight = resumed = SegmentedHarm.start(RATIO, 1, ("good", "bad"))
    for number in range(200):
        tick = ticks(random, (0.5, 0.5), worse)
        straight = straight.observe(tick, stage_started=number == 50, gross_only=number < 3)
        resumed = resumed.observe(tick, stage_started=number == 50, gross_only=number < 3)
        resumed = SegmentedHarm.decode(json.loads(json.dumps(resumed.encode(), allow_nan=False)))
    assert straight.log_e > FIRE
    assert straight == resumed


def test_segments_must_have_names_of_their_own() -> None:
    """None, or one twice, is refused."""
    for names in ((), ("eu", "eu")):
        with pytest.raises(ValueError, match="segments"):
            SegmentedHarm.start(RATIO, 0, names)
