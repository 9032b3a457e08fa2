"""Values computed elsewhere with 40 digits; each must hold to six."""

from math import log

import pytest

from rolloutd.core.stats import combine, conditional, gro, limit, planning
from rolloutd.core.stats.grid import EIGHT
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart
from tests.stats.helpers import exact_mean

SIX_DIGITS = 1e-6


def conditional_log_e(tick: Increment, margin: float) -> float:
    """The mixture over the eight ratios for one tick."""
    return log_mixture(EIGHT.log_weights, conditional.log_increments(tick, margin, EIGHT.ratios))


def test_r1_requests_with_the_baseline_known() -> None:
    """log(100) over the divergence of 1.5 % from 1 %."""
    assert log(100.0) / planning.divergence(0.015, 0.01) == pytest.approx(4207.07875, rel=SIX_DIGITS)


def test_r3_projection_on_a_ratio_margin() -> None:
    """The nearest point of p1 = 1.2 p0."""
    found = gro.projection(100, 900, Rates(0.03, 0.01), Margin.ratio(1.2))
    assert found.challenger == pytest.approx(0.0141221067, rel=SIX_DIGITS)
    assert found.champion == pytest.approx(0.0117684222, rel=SIX_DIGITS)


def test_r5_increment_without_margin() -> None:
    """One tick against equal rates."""
    found = gro.log_increment(Increment(900, 9, 100, 5), Rates(0.03, 0.01), Margin.ratio(1.0))
    assert found == pytest.approx(2.99565079, rel=SIX_DIGITS)


def test_r7_the_eight_ratios() -> None:
    """Even in log log r from 1.35 to 8."""
    expected = (1.35, 1.48542753, 1.6849794, 1.98964728, 2.4771422, 3.30707193, 4.84074192, 8.0)
    assert EIGHT.ratios == pytest.approx(expected, rel=SIX_DIGITS)


def test_r8_r9_conditional_mixture() -> None:
    """One tick without margin, and one with."""
    assert conditional_log_e(Increment(9000, 80, 1000, 12), 1.0) == pytest.approx(-0.46420845, rel=SIX_DIGITS)
    assert conditional_log_e(Increment(9000, 80, 1000, 25), 1.2) == pytest.approx(4.78503163, rel=SIX_DIGITS)


def test_r20_weighted_average() -> None:
    """Three gates' evidence averaged outside the log domain."""
    assert combine.harm_average([1.0, 3.0, -2.0], [0.5, 0.3, 0.2]) == pytest.approx(2.00308264, rel=SIX_DIGITS)


def test_r22_planning() -> None:
    """The bound, the planned mean and the hours of a promotion at a 1 % share of 100 requests a second."""
    found = planning.safe_forecast(Rates(0.01, 0.01), Margin.ratio(1.5), share=0.01, beta=0.05)
    assert found is not None
    assert found.bound == pytest.approx(3169.05809, rel=SIX_DIGITS)
    assert found.mean == pytest.approx(3592.20113, rel=SIX_DIGITS)
    assert found.hours(found.mean, rps=100.0, share=0.01) == pytest.approx(0.997833646, rel=SIX_DIGITS)


def test_r24_mean_of_a_factor_at_equal_rates() -> None:
    """Over all outcomes of a small tick the factor has the mean computed elsewhere, below 1."""
    found = exact_mean(3, 7, 0.2, 0.2, lambda t: gro.log_increment(t, Rates(0.5, 0.2), Margin.ratio(1.0)))
    assert found == pytest.approx(0.981426469, rel=SIX_DIGITS)


def test_difference_margin_projection_and_increment() -> None:
    """A margin of one percentage point."""
    margin, alternative = Margin.difference(0.01), Rates(0.04, 0.01)
    found = gro.projection(100, 900, alternative, margin)
    assert (found.challenger, found.champion) == pytest.approx((0.02111584325, 0.01111584325), rel=SIX_DIGITS)
    tick = Increment(900, 10, 100, 5)
    assert gro.log_increment(tick, alternative, margin) == pytest.approx(1.289511357, rel=SIX_DIGITS)


def test_ratio_margin_at_high_rates() -> None:
    """Rates far from rare: 50 % against 30 %."""
    margin, alternative = Margin.ratio(1.2), Rates(0.5, 0.3)
    found = gro.projection(50, 450, alternative, margin)
    assert (found.challenger, found.champion) == pytest.approx((0.3779247738, 0.3149373115), rel=SIX_DIGITS)
    tick = Increment(450, 140, 50, 27)
    assert gro.log_increment(tick, alternative, margin) == pytest.approx(2.417168501, rel=SIX_DIGITS)


def test_one_sample_mixture() -> None:
    """Nine bad of eighty against a limit of 5 %."""
    assert limit.independent_log_e(9, 80, 0.05) == pytest.approx(1.723100196, rel=SIX_DIGITS)


def test_restart_with_given_masses() -> None:
    """Three ticks, one effect, masses .5, 0 and .25, a quarter left idle."""
    state = Restart.start(later_stages=2)
    for mass, (x1, x0) in ((0.5, (1, 12)), (0.0, (4, 10)), (0.25, (6, 9))):
        factors = conditional.log_increments(Increment(900, x0, 100, x1), 1.0, (2.0,))
        state = state.step_with_mass(mass, factors, (0.0,))
    assert state.log_e == pytest.approx(3.125829862, rel=SIX_DIGITS)
