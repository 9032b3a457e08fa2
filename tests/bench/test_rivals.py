"""The rivals decide as published, to the digit where digits are known."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from bench.rivals import classic, kayenta, loops, oracle
from rolloutd.core.stats import gro
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin


def test_kayenta_conformance_with_constant_control() -> None:
    """Ten ones against seven hundreds and three ones, and against eight and two."""
    found = kayenta.judge([1.0] * 10, [100.0] * 7 + [1.0] * 3, allowed_increase=1.05)
    assert (found.lower, found.upper, found.estimate) == (6.825022991538788e-05, 99.0, 98.99992904170193)
    assert found.label == "Pass"
    assert kayenta.judge([1.0] * 10, [100.0] * 8 + [1.0] * 2, allowed_increase=1.05).label == "High"


def test_kayenta_conformance_with_zeros() -> None:
    """Six zeros against a few errors."""
    assert kayenta.judge([0.0] * 6, [0.0, 1.0, 2.0, 1.0, 0.0, 0.0]).label == "Pass"


def test_kayenta_short_cuts() -> None:
    """No data, equal arms, and two constants, which get noise."""
    assert kayenta.judge([nan], [1.0]).label == "Nodata"
    assert kayenta.judge([1.0, 2.0], [2.0, 1.0]).label == "Pass"
    assert kayenta.judge([1.0] * 20, [2.0] * 20).label == "High"
    assert kayenta.judge([2.0] * 20, [1.0] * 20).label == "Low"
    assert kayenta.judge([2.0] * 20, [1.0] * 20, direction="increase").label == "Pass"


def test_kayenta_is_blind_to_small_values() -> None:
    """An exact doubling is High at 1e-3 and passes at 1e-5: the root's tolerance is absolute."""
    random = np.random.default_rng(3)
    control, experiment = random.gamma(20.0, 1.0 / 20.0, 60), 2.0 * random.gamma(20.0, 1.0 / 20.0, 60)
    assert kayenta.judge(1e-3 * control, 1e-3 * experiment).label == "High"
    assert kayenta.judge(1e-5 * control, 1e-5 * experiment).label == "Pass"


def test_kayenta_with_fewer_roots_says_the_same() -> None:
    """The short form used for long runs agrees with the judge."""
    random = np.random.default_rng(5)
    for n in (5, 12, 40, 90):
        control, experiment = random.binomial(9900, 0.01, n) / 9900, random.binomial(100, 0.02, n) / 100
        assert kayenta.is_high(control, experiment) == (kayenta.judge(control, experiment).label == "High")


def test_kayenta_scores() -> None:
    """Groups by weight; errors and missing data count nowhere until half of all is missing."""
    assert kayenta.score({"a": ["Pass", "High"], "b": ["Pass", "Error"]}) == 75.0
    assert kayenta.score({"a": ["Pass", "High"], "b": ["Pass"]}, {"a": 80.0}) == 60.0
    assert kayenta.score({"a": ["Nodata", "Pass"]}) == 0.0
    assert kayenta.score({"a": ["Error"]}) == 100.0
    assert [kayenta.classify(value) for value in (95.0, 75.0, 74.9)] == ["Pass", "Marginal", "Fail"]


@pytest.mark.parametrize(
    ("argo", "measurements", "phase"),
    [
        (loops.Argo(), ["Successful", "Failed", "Successful"], ("Failed", 2)),
        (loops.Argo(failure_limit=1), ["Failed", "Successful", "Failed"], ("Failed", 3)),
        (loops.Argo(), ["Error", "Error", "Error", "Error", "Successful", "Error"], ("Running", 6)),
        (loops.Argo(), ["Error"] * 9, ("Error", 5)),
        (loops.Argo(count=2), ["Error", "Successful", "Successful"], ("Successful", 3)),
        (loops.Argo(failure_limit=-1, inconclusive_limit=1), ["Failed", "Inconclusive"] * 2, ("Inconclusive", 4)),
    ],
)
def test_argo_counts_over_the_whole_run(argo: loops.Argo, measurements: list[str], phase: tuple[str, int]) -> None:
    """Failures add up, errors must come in a row, and an error is no measurement."""
    assert argo.phase(measurements) == phase


def test_flagger_adds_failed_checks_up() -> None:
    """A pass takes nothing back; traffic goes in the interval after the last failed one."""
    assert loops.Flagger(2).rolled_back_at([False, True, True, False, True]) == 5
    assert loops.Flagger(0).rolled_back_at([True, False]) == 3
    assert loops.Flagger(3).rolled_back_at([False, False, True]) is None


def test_tuned_thresholds_keep_their_false_alarms() -> None:
    """One failed minute of eight hours, the rate known: the next lower threshold would alarm too often."""
    rule = loops.tuned(1000, 0.01, 480, 0.01, failures=1)
    assert rule.false_alarm <= 0.01
    assert loops.tail(480, loops.tail(1000, 0.01, rule.most - 1), 0) > 0.01
    assert rule.mean_requests(1000, 0.05) == pytest.approx(1000, rel=1e-3)


def test_oracle_adds_what_the_exact_test_adds() -> None:
    """Tick by tick the same as the scalar form."""
    truth, margin = gro.Rates(0.02, 0.01), Margin.ratio(1.0)
    found = oracle.increments(20, np.array([0, 3]), 180, np.array([2, 1]), truth, margin)
    expected = [gro.log_increment(Increment(180, x0, 20, x1), truth, margin) for x1, x0 in ((0, 2), (3, 1))]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_group_sequential_boundaries() -> None:
    """Pocock's is flat, O'Brien and Fleming's falls; both spend their alpha, and end near the published values."""
    flat, falling = (classic.boundary(kind, 5, 0.05, seed=1) for kind in ("pocock", "obrien-fleming"))
    assert flat[0] == flat[-1] == pytest.approx(2.12, abs=0.03)
    assert falling[-1] == pytest.approx(1.74, abs=0.03)
    assert falling[0] == pytest.approx(falling[-1] * 5**0.5)
