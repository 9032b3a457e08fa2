"""Small seeded simulations: how often harmless rollouts raise an alarm, and that harmful ones do."""

from collections.abc import Callable, Iterable
from math import log, sqrt
from random import Random

import pytest

from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence
from tests.stats.helpers import ticks

ALPHA, BETA = 0.05, 0.05


def crosses(evidence: HarmEvidence | LimitEvidence | SafeEvidence, series: Iterable[Increment], level: float) -> bool:
    """Whether the evidence ever reaches log(1/level)."""
    for tick in series:
        evidence = evidence.observe(tick)
        if evidence.log_e >= log(1.0 / level):
            return True
    return False


def part(runs: int, seed: int, run: Callable[[Random], bool]) -> float:
    """Part of runs in which something happened."""
    return sum(run(Random(seed * 100_003 + k)) for k in range(runs)) / runs


def allowed(level: float, runs: int) -> float:
    """The level and three standard errors."""
    return level + 3.0 * sqrt(level * (1.0 - level) / runs)


@pytest.mark.parametrize("burst", [1, 5])
@pytest.mark.parametrize(
    ("margin", "n1", "n0", "rates"),
    [
        (Margin.ratio(1.0), 20, 180, (0.01, 0.01)),
        (Margin.ratio(1.5), 20, 180, (0.015, 0.01)),
        (Margin.difference(0.005), 40, 40, (0.015, 0.01)),
    ],
    ids=["equal", "at-ratio-margin", "at-difference-margin"],
)
def test_harmless_rollouts_rarely_alarm(
    margin: Margin, n1: int, n0: int, rates: tuple[float, float], burst: int
) -> None:
    """On the border of harm, with independent errors and with bursts of five."""
    runs = 200
    found = part(runs, 11, lambda r: crosses(HarmEvidence.start(margin, 3), ticks(r, 250, n1, n0, rates, burst), ALPHA))
    assert found <= allowed(ALPHA, runs)


@pytest.mark.parametrize("burst", [1, 20])
def test_limit_rarely_alarms_at_the_limit(burst: int) -> None:
    """The challenger errs exactly at the limit, also when twenty requests always fail together."""
    runs = 200
    found = part(
        runs, 12, lambda r: crosses(LimitEvidence.start(0.05, 3), ticks(r, 250, 20, 0, (0.05, 0.0), burst), ALPHA)
    )
    assert found <= allowed(ALPHA, runs)


@pytest.mark.parametrize("burst", [1, 3])
def test_border_cases_are_rarely_called_safe(burst: int) -> None:
    """A challenger exactly on the accept margin."""
    runs, margin, rates = 200, Margin.ratio(1.5), (0.015, 0.01)
    found = part(runs, 13, lambda r: crosses(SafeEvidence.start(margin), ticks(r, 250, 50, 450, rates, burst), BETA))
    assert found <= allowed(BETA, runs)


def test_harm_and_safety_are_found() -> None:
    """Twice the errors are harm, ten per cent are above a limit of five, and equal rates are safe."""
    runs = 20
    assert (
        part(
            runs,
            14,
            lambda r: crosses(HarmEvidence.start(Margin.ratio(1.0), 3), ticks(r, 800, 20, 180, (0.02, 0.01)), 0.01),
        )
        == 1.0
    )
    assert (
        part(runs, 15, lambda r: crosses(LimitEvidence.start(0.05, 3), ticks(r, 800, 20, 0, (0.1, 0.0)), 0.01)) == 1.0
    )
    assert (
        part(
            runs,
            16,
            lambda r: crosses(SafeEvidence.start(Margin.ratio(1.5)), ticks(r, 800, 50, 450, (0.01, 0.01)), BETA),
        )
        >= 0.9
    )
