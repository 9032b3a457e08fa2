"""A few seconds of each statistical bench, with margins so wide that only a broken test or bench leaves them."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bench import auc, cost, detection, falsealarm, late_onset, latency, mixshift, promotion, thresholds
from bench.chance import engine
from bench.chance.picture import figure
from bench.chance.slowness import BIMODAL, LOGNORMAL


def test_harm_is_shown_near_the_oracle() -> None:
    """Five times the errors: not far slower than a test that is told both rates nor, which no valid one is, faster."""
    carried, shipped, told = detection._batch((1, 0.1, 5.0, 0, 80)).mean(axis=0)
    assert 0.85 < carried / told < 1.5
    assert 0.9 < shipped / told < 1.6


def test_bursts_cost_little() -> None:
    """Beside the test that is told how large they are."""
    ours, told = detection._batch_with_bursts((1, 0.1, 5.0, 0, 60)).mean(axis=0)
    assert ours / told < 1.5


@pytest.mark.parametrize("world", ["clean", "bursts of 5", "mix shift between two segments", "servers restart"])
def test_harmless_challengers_stay(world: str) -> None:
    """Hardly one of those that a z-test at every look takes back in dozens when errors come in bursts."""
    runs, ticks = (60, 200) if world in ("clean", "bursts of 5") else (3, 100)
    assert falsealarm._alarms((1, world, 0.1, ticks, 0, runs)) <= 4


def test_a_shift_of_users_is_no_harm() -> None:
    """Judged by segment hardly one goes back for it; over everybody all of them would."""
    cases = [(1, number, 150) for number in range(12)]
    assert sum(map(mixshift.goes_back, cases)) <= 2
    assert all(map(mixshift.pooled_goes_back, cases[:4]))


def test_pairs_of_one_positive_and_one_negative_take_more_answers_than_the_whole_auc() -> None:
    """Both miss the truth by chance alone, and the pairs by more; in long stretches all positives find a pair."""
    found = np.array([auc.squares((1, number, 0.8, 0.1)) for number in range(150)])
    assert 0.5 < found[:, 0].mean() / (0.16 / (0.1 * auc.ANSWERS)) < 1.6
    assert 1.5 < found[:, 0].mean() / found[:, 1].mean() < 6.0
    assert auc.paired(1, 0.1) < auc.paired(3, 0.1) < 0.95 < auc.paired(30, 0.1) <= 1.0


def test_a_test_repeated_at_every_look_does_not() -> None:
    """The z-test and, with bursts, the test for independent errors: far above their one per cent."""
    found = np.sum([falsealarm._classic((1, "bursts of 5", 0.1, 300, k, 1)) for k in range(40)], axis=0)
    assert found[0] >= 10
    assert found[2] >= 4


def test_good_challengers_are_promoted_near_the_bound_and_bad_ones_are_not() -> None:
    """With margin 2 at a 10 % share."""
    shown = np.array([promotion._shown((1, 0.1, 2.0, 1, k)) for k in range(25)])
    assert 0.6 < shown[:, 0].mean() / promotion._bound(0.1, 2.0) < 1.7
    assert 1.0 < shown[:, 1].mean() / engine.PASS < 1.4
    assert sum(promotion._is_promoted((1, 0.1, 2.0, 1, k)) for k in range(40)) <= 8


def test_a_healthy_past_buys_no_immunity() -> None:
    """Five times the errors from stage 2 on: well sooner than evidence that is only carried on."""
    shipped, carried = late_onset._batch((1, 5.0, 500, 0, 24)).mean(axis=0)
    assert carried > 1.5 * shipped


def test_slowness_is_shown_near_the_oracle() -> None:
    """Half a second more for one request in twenty, at a 10 % share."""
    found = np.array([latency._measured((1, LOGNORMAL.name, "5% of requests +.5 s", 0.1, k)) for k in range(15)])
    assert 0.9 < found[:, 1].mean() / found[:, 0].mean() < 2.2
    assert 0.9 < found[:, 4].mean() / found[:, 3].mean() < 1.8


def test_two_humps_bound_any_test_that_is_soft_on_faster_ones() -> None:
    """1.7 to 1.8 times the oracle before anything is learnt; on one hump nothing is lost."""
    for shape, least, most in ((BIMODAL, 1.6, 1.9), (LOGNORMAL, 1.0, 1.01)):
        bound = latency._rising_bound(shape, latency.CASES["all requests x1.25"][0], 0.1)
        assert least <= bound + 1e-9 <= most


def test_fewer_requests_are_hurt_than_by_a_tuned_threshold() -> None:
    """Its first minute alone takes a thousand."""
    assert thresholds._batch((1, 5.0, 0, 80)).mean() < 400


def test_every_update_is_timed() -> None:
    """How fast is for a quiet machine; here only that each row has a figure."""
    assert all(row.value and row.value > 0 for row in cost.run(argparse.Namespace(quick=True)))


def test_the_figure_is_drawn() -> None:
    """Both panels, as one SVG that a parser reads."""
    root = ET.fromstring(figure(seed=2, runs=10, looks=60))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 24
