"""Bets near the line: cut to what it still takes, never enlarged; and evidence stored before there was a line."""

import json
from math import exp, log
from random import Random

import pytest

from rolloutd.core.stats import aim, robust
from rolloutd.core.stats.grid import HARM
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence
from rolloutd.core.stats.restart import FIRST_TICK_MASS
from tests.stats.helpers import ticks

FIRE = log(100.0)
FIRE_WITH_ONE = 1.2


def test_one_error_just_reaches_the_line() -> None:
    """Half a bet away from the line, the cut bet wins what is missing and hardly more; far off it is whole."""
    stakes, theta = (4.0, 1.0), 0.1
    logs = (FIRE - log(4.0), FIRE - log(8.0))
    part = aim.part_needed(logs, 0.0, FIRE, stakes, theta, 0.0)
    reached = sum(exp(a) * (1.0 + part * s) / (1.0 + part * s * theta) for a, s in zip(logs, stakes, strict=True))
    assert 0.0 < part < 1.0
    assert 100.0 <= reached < 103.0
    assert aim.part_needed((FIRE - 3.0, FIRE - 3.0), 0.0, FIRE, stakes, theta, 0.0) == 1.0


def test_nothing_is_cut_where_nothing_can_be_won_or_all_is_won() -> None:
    """With many of the champion's errors to come one more is no news; over the line bets go on as ever."""
    assert aim.part_needed((FIRE - 0.1,), 0.0, FIRE, (4.0,), 0.5, 10.0) == 1.0
    assert aim.part_needed((FIRE + 0.1,), 0.0, FIRE, (4.0,), 0.5, 0.0) == 1.0
    assert aim.part_needed((), 1.0, FIRE, (4.0,), 0.5, 0.0) == 1.0


def test_a_line_shows_harm_sooner_on_average() -> None:
    """The same ticks with a line and without: harm comes sooner more often than later, and on average."""
    sooner = later = gained = 0
    for seed in range(60):
        series = list(ticks(Random(seed), 600, 10, 90, (0.05, 0.02)))
        found = []
        for line in (FIRE, None):
            evidence, number = HarmEvidence.start(Margin.ratio(1.0), 0, line=line), 0
            while evidence.log_e < FIRE and number < len(series):
                evidence, number = evidence.observe(series[number]), number + 1
            found.append(number)
        sooner, later = sooner + (found[0] < found[1]), later + (found[0] > found[1])
        gained += found[1] - found[0]
    assert sooner > later
    assert gained > 0


def test_the_cut_bet_is_the_same_bet_with_a_larger_phi() -> None:
    """That is why it is as fair: the tests of `robust` hold for any phi."""
    evidence = HarmEvidence.start(Margin.ratio(1.0), 0, line=FIRE_WITH_ONE)
    first = evidence.observe(Increment(90, 0, 10, 1))
    whole = robust.log_factors((Increment(90, 0, 10, 1),), Margin.ratio(1.0), HARM.ratios, 1.0)
    assert first.restart.logs[0] == pytest.approx(log(FIRST_TICK_MASS) + HARM.log_weights[0] + whole[0], abs=1e-3)
    second = first.observe(Increment(90, 0, 10, 1))
    gained = second.restart.logs[3] - first.restart.logs[3]
    assert 0.0 < gained < robust.log_factors((Increment(90, 0, 10, 1),), Margin.ratio(1.0), HARM.ratios, 1.0)[3]


def test_evidence_from_before_there_was_a_line_is_read() -> None:
    """It goes on without one."""
    old = HarmEvidence.start(Margin.ratio(1.0), 2).observe(Increment(90, 1, 10, 1))
    stored = {key: value for key, value in old.encode().items() if key != "line"} | {"kind": "harm.2"}
    assert HarmEvidence.decode(json.loads(json.dumps(stored))) == old
