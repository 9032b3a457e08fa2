"""The split of requests and one arm against its own past: fair bets, whatever clings together, and ones that speak."""

from itertools import product
from math import exp, log
from random import Random

import pytest

from rolloutd.core.stats import share
from rolloutd.core.stats.jump import JumpEvidence
from rolloutd.core.stats.share import ShareEvidence, Split
from tests.stats.helpers import poisson

SLACK = 1.0 + 1e-11
CLUSTERS = [(1,) * 8, (5, 1, 1, 1), (3, 3, 2), (8,), (6, 1, 1, 2, 1)]
LINE = log(1_000.0)


def _mean(sizes: tuple[int, ...], chance: float, factors: list[list[float]]) -> list[float]:
    """Mean factor of each bet when every cluster falls to the arm with this chance; `factors` by what fell."""
    means = [0.0] * len(factors[0])
    for falls in product((0, 1), repeat=len(sizes)):
        n = sum(size for size, fell in zip(sizes, falls, strict=True) if fell)
        odds = chance ** sum(falls) * (1.0 - chance) ** (len(falls) - sum(falls))
        for k, value in enumerate(factors[n]):
            means[k] += odds * exp(value)
    return means


@pytest.mark.parametrize("sizes", CLUSTERS)
@pytest.mark.parametrize("bound", [0.01, 0.1, 0.5])
def test_bets_on_the_split_are_fair_however_requests_cling_together(sizes: tuple[int, ...], bound: float) -> None:
    """On the bound no bet gains on average: too many for any clusters, too few once phi is what a request sees."""
    requests = sum(sizes)
    phi = sum(size * size for size in sizes) / requests
    many = [share._too_many(n / requests, bound) for n in range(requests + 1)]
    few = [share._too_few(n, requests, bound, phi) for n in range(requests + 1)]
    assert max(_mean(sizes, bound, many)) <= SLACK
    assert max(_mean(sizes, bound, few)) <= SLACK
    assert max(_mean(sizes, 0.8 * bound, many)) <= SLACK
    assert max(_mean(sizes, min(1.3 * bound, 1.0), few)) <= SLACK


def test_too_few_is_not_fair_for_a_phi_that_is_too_small() -> None:
    """The other side of the promise, so that the test above can fail."""
    few = [share._too_few(n, 8, 0.1, 1.0) for n in range(9)]
    assert max(_mean((8,), 0.1, few)) > 1.05


@pytest.mark.parametrize(("asked", "real"), [(0.01, 0.0), (0.1, 0.05), (0.1, 0.2), (0.5, 0.3), (0.9, 0.7), (0.99, 1.0)])
def test_another_split_is_found_and_the_asked_one_is_not(asked: float, real: float) -> None:
    """The same evidence crosses the line within some hundred ticks of one split and never of the other."""
    split = Split(asked, asked - 0.1 * min(asked, 1 - asked), asked + 0.1 * min(asked, 1 - asked))
    for part, found in ((real, True), (asked, False)):
        random, evidence = Random(7), ShareEvidence.start(3)
        for _ in range(300):
            small = poisson(random, 200 * min(part, 1 - part))
            counts = (small, 200 - small) if part <= 0.5 else (200 - small, small)
            evidence = evidence.observe(*counts, split, stage_started=False)
        assert (evidence.log_e >= LINE) is found


def test_one_tick_alone_never_shows_that_an_arm_gets_too_little() -> None:
    """A tick without a single request of the challenger, however large, is at most e^1.5."""
    evidence = ShareEvidence.start(0)
    for _ in range(50):
        evidence = evidence.observe(1_000, 9_000, Split(0.1, 0.09, 0.11), stage_started=False)
    before = evidence.log_e
    after = evidence.observe(0, 1_000_000, Split(0.1, 0.09, 0.11), stage_started=False).log_e
    assert after - before <= 1.5 + 1e-9


def test_a_jump_needs_a_past_and_more_than_a_burst() -> None:
    """Ten times the past rate for some ticks is a jump; one bad tick is none, nor any rate without a past."""
    quiet = JumpEvidence.start()
    for _ in range(60):
        quiet = quiet.observe(1_000, 10)
    burst = quiet.observe(1_000, 400)
    assert burst.log_e < LINE
    jumped = quiet
    for _ in range(30):
        jumped = jumped.observe(1_000, 100)
    assert jumped.lasting
    assert jumped.log_e >= LINE
    assert jumped.past == pytest.approx(0.01)
    over = jumped
    for _ in range(6):
        over = over.observe(1_000, 10)
    assert not over.lasting
    unknown = JumpEvidence.start()
    for _ in range(30):
        unknown = unknown.observe(1_000, 300)
    assert unknown.log_e < LINE
