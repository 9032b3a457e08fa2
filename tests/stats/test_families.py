"""The other metric families: reference values, exact means where a test is exact, and that each finds its fault."""

import json
from itertools import product
from math import exp, factorial, log
from random import Random

import pytest

from rolloutd.core.stats import agreement, drift, histogram, means, normal, paired
from rolloutd.core.stats import slower as slower_challengers
from rolloutd.core.stats.drift import DriftEvidence
from rolloutd.core.stats.histogram import LatencyEvidence
from rolloutd.core.stats.means import MeanEvidence, Totals
from tests.stats.helpers import binomial

SIX_DIGITS = 1e-6
SLACK = 1.0 + 1e-11


def multinomial(counts: tuple[int, ...], rates: tuple[float, ...]) -> float:
    """Probability of the counts."""
    found = float(factorial(sum(counts)))
    for count, rate in zip(counts, rates, strict=True):
        found *= rate**count / factorial(count)
    return found


def splits(n: int, bins: int) -> list[tuple[int, ...]]:
    """All ways to put n requests into bins."""
    return [c for c in product(range(n + 1), repeat=bins) if sum(c) == n]


def test_r11_r14_half_normal_mixture_and_radius() -> None:
    """The mean's evidence and its range for display."""
    assert means.half_normal_log_e(12.0, 40.0, 0.2) == pytest.approx(1.25231736, rel=SIX_DIGITS)
    assert means.radius(1000, 1.5, 0.1, 0.05) == pytest.approx(0.144096029, rel=SIX_DIGITS)


def test_r15_r17_paired() -> None:
    """The betting mixture and McNemar's."""
    assert paired.betting_log_e(30, 12, 2000, 0.0) == pytest.approx(2.39612036, rel=SIX_DIGITS)
    assert paired.mcnemar_log_e(18, 5) == pytest.approx(3.19441862, rel=SIX_DIGITS)


def test_r21_descriptors() -> None:
    """Stability index, Jensen-Shannon divergence and Kolmogorov-Smirnov distance."""
    p, q = (0.1, 0.2, 0.4, 0.2, 0.1), (0.12, 0.25, 0.38, 0.17, 0.08)
    assert drift.psi(p, q) == pytest.approx(0.0251679135, rel=SIX_DIGITS)
    assert drift.jensen_shannon(p, q) == pytest.approx(0.00314063422, rel=SIX_DIGITS)
    assert drift.kolmogorov_smirnov(p, q) == pytest.approx(0.07, rel=SIX_DIGITS)


def test_r26_body_shift() -> None:
    """Density ratios of a shifted body, floored."""
    expected = (0.751478647, 1.08101103, 1.38515743, 1.84367507)
    assert histogram.shifted((0.5, 0.3, 0.15, 0.05), 0.32) == pytest.approx(expected, rel=SIX_DIGITS)


def test_log_cdf_agrees_with_scipy_far_into_the_tail() -> None:
    """Also where the probability itself is no longer a number."""
    from scipy.special import log_ndtr

    for x in range(-400, 17):
        assert normal.log_cdf(x / 2.0) == pytest.approx(float(log_ndtr(x / 2.0)), rel=1e-12)


def test_quantile_agrees_with_scipy() -> None:
    """From far in one tail to far in the other."""
    from scipy.special import ndtri

    for p in (1e-300, 1e-30, 1e-9, 0.001, 0.2, 0.5, 0.7, 0.99, 1.0 - 1e-12):
        assert normal.quantile(p) == pytest.approx(float(ndtri(p)), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_paired_bets_are_fair(margin: float) -> None:
    """On the border the mean over all outcomes of six pairs is at most 1, for harm and for safety."""
    n, better = 6, 0.2
    worse = better + margin
    for test in (paired.harm_log_e, paired.safe_log_e):
        mean = sum(
            multinomial((b, c, n - b - c), (worse, better, 1.0 - worse - better)) * exp(test(b, c, n, margin))
            for b in range(n + 1)
            for c in range(n + 1 - b)
        )
        assert mean <= SLACK


def test_agreement_is_fair_at_the_floor_and_finds_both_sides() -> None:
    """Mean at most 1 at the floor; far from it the evidence speaks."""
    n, floor = 9, 0.8
    for test in (agreement.harm_log_e, agreement.safe_log_e):
        assert sum(binomial(x, n, 1.0 - floor) * exp(test(x, n, floor)) for x in range(n + 1)) <= SLACK
    assert agreement.harm_log_e(80, 200, floor) > log(100.0)
    assert agreement.safe_log_e(10, 200, floor) > log(20.0)


def test_drift_is_fair_for_equal_distributions() -> None:
    """Whatever the past was, the next tick's factor has mean at most 1."""
    rates = (0.2, 0.5, 0.3)
    past = DriftEvidence.start(3).observe([9, 5, 2], [20, 70, 60])
    mean = sum(
        multinomial(y1, rates) * multinomial(y0, rates) * exp(past.observe(y1, y0).log_e - past.log_e)
        for y1 in splits(3, 3)
        for y0 in splits(4, 3)
    )
    assert mean <= SLACK


@pytest.mark.parametrize("faster", [0.0, 0.15])
@pytest.mark.parametrize(("bounds", "slo_bucket"), [((), None), ((0.1, 0.2), None), ((0.1, 0.2), 1)], ids=str)
def test_latency_is_fair_when_the_challenger_is_not_slower(
    faster: float, bounds: tuple[float, ...], slo_bucket: int | None
) -> None:
    """Equal, or with requests moved from the slowest bucket to the fastest: each bend's factor has mean at most 1."""
    champion = (0.5, 0.3, 0.2)
    challenger = (0.5 + faster, 0.3, 0.2 - faster)
    past = LatencyEvidence.start([30, 40, 10], bounds, slo_bucket)
    totals = [0.0] * len(past.logs)
    for y1, y0 in product(splits(3, 3), splits(4, 3)):
        chance = multinomial(y1, challenger) * multinomial(y0, champion)
        for k, (before, after) in enumerate(zip(past.logs, past.observe(y1, y0).logs, strict=True)):
            totals[k] += chance * exp(after - before)
    assert max(totals) <= SLACK


def draw(random: Random, n: int, weights: list[float]) -> list[int]:
    """n requests dropped into bins."""
    counts = [0] * len(weights)
    for j in random.choices(range(len(weights)), weights, k=n):
        counts[j] += 1
    return counts


def test_each_family_finds_its_fault_and_resumes_bit_equal() -> None:
    """A slower body, a shifted distribution and a higher mean are found; JSON keeps every bit at every tick."""
    random = Random(7)
    usual, worse = [1.0, 4.0, 8.0, 4.0, 1.0], [0.7, 3.0, 7.0, 6.0, 2.3]
    slow, moved, mean = LatencyEvidence.start([0] * 5, (1, 2, 3, 4), 2), DriftEvidence.start(5), MeanEvidence.start(0.0)
    for _ in range(120):
        y1, y0 = draw(random, 20, worse), draw(random, 40, usual)
        slow = LatencyEvidence.decode(json.loads(json.dumps(slow.observe(y1, y0).encode())))
        moved = DriftEvidence.decode(json.loads(json.dumps(moved.observe(y1, y0).encode())))
        totals = [Totals(sum(y), float(sum(j * c for j, c in enumerate(y)))) for y in (y1, y0)]
        mean = MeanEvidence.decode(json.loads(json.dumps(mean.observe(*totals).encode())))
        straight = slow.observe(y1, y0), moved.observe(y1, y0), mean.observe(*totals)
        again = tuple(type(e).decode(json.loads(json.dumps(e.encode()))) for e in straight)
        assert again == straight
    for evidence in (slow, moved, mean):
        assert evidence.log_e > log(100.0)


def test_means_are_silent_before_their_burn_in() -> None:
    """However large the difference, nothing is said before 30 ticks."""
    mean = MeanEvidence.start(0.0)
    for k in range(29):
        mean = mean.observe(Totals(10, 100.0 + k % 3), Totals(10, 1.0))
        assert mean.log_e == 0.0
    assert mean.observe(Totals(10, 100.0), Totals(10, 1.0)).log_e > log(100.0)
    assert mean.observe(Totals(0, 0.0), Totals(10, 1.0)) == mean


def test_mismatched_buckets_are_refused() -> None:
    """A tick with another set of bins cannot be added."""
    for evidence in (LatencyEvidence.start([0] * 4), DriftEvidence.start(4)):
        with pytest.raises(ValueError, match="bins"):
            evidence.observe([1, 2], [3, 4])


def test_coarse_buckets_are_noticed() -> None:
    """Two buckets with nearly everything cannot show a slower body."""
    assert histogram.too_coarse([900, 95, 3, 2])
    assert not histogram.too_coarse([400, 300, 200, 100])


def test_known_bounds_find_a_slowdown_that_scores_alone_find_late() -> None:
    """Two modes far apart, all requests a quarter longer: seen from the bounds in well under the requests."""
    bounds, champion = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64), [0.05, 0.3, 0.3, 0.05, 0.02, 0.13, 0.13, 0.02]
    slower = [0.03, 0.22, 0.36, 0.08, 0.02, 0.09, 0.16, 0.04]
    found = []
    for known in ((), bounds):
        random = Random(4)
        evidence, requests = LatencyEvidence.start([int(2000 * p) for p in champion], known), 0
        while evidence.log_e < log(100.0):
            evidence, requests = evidence.observe(draw(random, 5, slower), draw(random, 45, champion)), requests + 5
        found.append(requests)
    assert found[1] < 0.8 * found[0]


def test_ratios_rise_and_keep_their_mean() -> None:
    """Out-of-order neighbours are pooled; the mean stays 1 whatever the bend, and a floor keeps every ratio above 0."""
    champion = (0.4, 0.1, 0.3, 0.2)
    found = slower_challengers.rising(champion, (0.3, 0.12, 0.2, 0.38))
    assert found == sorted(found)
    assert sum(p * g for p, g in zip(champion, found, strict=True)) == pytest.approx(1.0, abs=1e-12)
    assert found[1] == found[2] == pytest.approx(0.01 + 0.99 * 0.8)
    for counts in ((5.0, 1.0, 1.0, 3.0), (0.05, 0.05, 0.05, 100.0), (100.0, 0.05, 0.05, 0.05)):
        for g in slower_challengers.ratios(counts, (0.1, 0.2, 0.5), 1):
            assert g == sorted(g)
            assert sum(c * value for c, value in zip(counts, g, strict=True)) / sum(counts) == pytest.approx(1.0)


@pytest.mark.parametrize("bounds", [(0.1,), (0.2, 0.1), (0.0, 0.1), (0.1, 0.1)])
def test_bounds_that_do_not_fit_are_refused(bounds: tuple[float, ...]) -> None:
    """One rising bound above 0 for each bucket but the last; a limit bucket needs them."""
    with pytest.raises(ValueError, match="do not fit"):
        LatencyEvidence.start([0] * 3, bounds)
    with pytest.raises(ValueError, match="do not fit"):
        LatencyEvidence.start([0] * 3, (), 1)
