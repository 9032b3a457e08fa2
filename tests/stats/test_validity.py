"""Exact means of one tick's factor at the border of the null: a fair bet never gains on average."""

from itertools import product
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutd.core.stats import conditional, gro, limit, robust
from rolloutd.core.stats.grid import HARM, harmful_rate, safe_rates
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from tests.stats.helpers import binomial, exact_mean

SLACK = 1.0 + 1e-11
MARGINS = [Margin.ratio(1.0), Margin.ratio(1.5), Margin.ratio(0.8), Margin.difference(0.05), Margin(3.0, 0.02)]
SIZES = [(1, 1), (1, 9), (4, 6), (9, 2)]
RATES = [0.01, 0.1, 0.3]


def border_cases() -> list[tuple[Margin, tuple[int, int], float]]:
    """Margins, sizes and champion rates for which the margin's rate is possible."""
    return [c for c in product(MARGINS, SIZES, RATES) if c[0].tolerated(c[2]) + c[2] <= 1.0]


@pytest.mark.parametrize(("margin", "sizes", "rate"), border_cases())
def test_robust_bet_is_fair_for_independent_errors(margin: Margin, sizes: tuple[int, int], rate: float) -> None:
    """On the margin every effect's factor has mean at most 1, whatever phi made of the bet."""
    for phi, k in product((1.0, 2.5), range(len(HARM.ratios))):

        def bet(tick: Increment, phi: float = phi, k: int = k) -> float:
            return robust.log_factors((tick,), margin, HARM.ratios, phi)[k]

        assert exact_mean(*sizes, margin.tolerated(rate), rate, bet) <= SLACK


def test_robust_bet_above_one_is_exactly_fair() -> None:
    """For a ratio margin above 1 the correction makes the mean on the margin exactly 1, not merely below."""
    found = exact_mean(5, 7, 0.3, 0.2, lambda t: robust.log_factors((t,), Margin.ratio(1.5), (3.0,), 1.0)[0])
    assert found == pytest.approx(1.0, abs=1e-12)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    n1=st.integers(1, 50),
    n0=st.integers(1, 50),
    factor=st.sampled_from([0.7, 1.0, 1.5, 3.0]),
    k=st.integers(0, len(HARM.ratios) - 1),
)
def test_robust_bet_is_fair_for_any_clusters(sizes: list[int], n1: int, n0: int, factor: float, k: int) -> None:
    """Each cluster of errors falls to the challenger with probability theta: the mean over that is at most 1."""
    theta = factor * n1 / (factor * n1 + n0)
    many = 100  # requests enough for every cluster to fit either arm
    total = 0.0
    for falls in product((0, 1), repeat=len(sizes)):
        x1 = sum(size for size, fell in zip(sizes, falls, strict=True) if fell)
        chance = theta ** sum(falls) * (1.0 - theta) ** (len(falls) - sum(falls))
        tick = Increment(many * n0, sum(sizes) - x1, many * n1, x1)
        total += chance * exp(robust.log_factors((tick,), Margin.ratio(factor), HARM.ratios, 1.0)[k])
    assert total <= SLACK


@pytest.mark.parametrize(("margin", "sizes", "rate"), border_cases())
def test_projection_makes_a_fair_test_on_both_sides(margin: Margin, sizes: tuple[int, int], rate: float) -> None:
    """Harm and safe alternatives around a guessed champion rate, while the true one is another."""
    guess = 0.07
    alternatives = [harmful_rate(guess, margin, 2.0), harmful_rate(guess, margin, 8.0), *safe_rates(guess, margin)]
    for alternative in [Rates(rate1, guess) for rate1 in alternatives if rate1 is not None]:

        def ratio(tick: Increment, alternative: Rates = alternative) -> float:
            return gro.log_increment(tick, alternative, margin)

        assert exact_mean(*sizes, margin.tolerated(rate), rate, ratio) <= SLACK


@pytest.mark.parametrize("rate", RATES)
def test_conditional_test_is_fair_without_margin(rate: float) -> None:
    """At equal rates of any size its factor has mean at most 1."""
    assert exact_mean(4, 7, rate, rate, lambda t: conditional.log_increments(t, 1.0, (3.0,))[0]) <= SLACK


def test_limit_bet_is_fair_for_wholly_dependent_errors() -> None:
    """A tick in which all requests fail together, or none: the mean at the limit is exactly 1."""
    bound, n = 0.05, 40
    parts = limit.stakes(bound)
    for k in range(len(parts)):
        mean = sum(
            chance * exp(limit.log_factors(bad, n, bound, parts)[k]) for bad, chance in ((n, bound), (0, 1.0 - bound))
        )
        assert mean == pytest.approx(1.0, abs=1e-12)


def test_limit_bet_is_fair_for_independent_errors() -> None:
    """The same with independent requests."""
    bound, n = 0.05, 12
    parts = limit.stakes(bound)
    for k in range(len(parts)):
        mean = sum(binomial(x, n, bound) * exp(limit.log_factors(x, n, bound, parts)[k]) for x in range(n + 1))
        assert mean == pytest.approx(1.0, abs=1e-12)


def test_one_tick_cannot_shout() -> None:
    """However bad a tick, the robust bet multiplies the evidence by less than 1/theta."""
    worst = robust.log_factors((Increment(9900, 0, 100, 100),), Margin.ratio(1.0), HARM.ratios, 1.0)
    assert exp(max(worst)) < 100.0
