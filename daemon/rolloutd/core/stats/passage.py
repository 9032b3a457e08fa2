"""When a mixture of walks will have reached its line: mean and spread of the first time; a plan, never evidence.

Along its mean path the mixture's log is f(t) = log sum_k w_k exp(m_k t), raised by half the variance between its walks.
The mean time is where f meets the line and the overshoot of one step. Around it the time is inverse Gaussian, as it is
for one walk with the drift and variance that the mixture has there. Measured against the tests themselves: see
``./dev bench forecast``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import erfc, exp, sqrt

from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.pace import Pace

OVERSHOOT = 0.5826  # of a standard deviation of one step (Siegmund 1979)
_LONGEST = 1e9
_CLOSE = 1e-6
_HALVINGS = 32


@dataclass(frozen=True, slots=True)
class Passage:
    """The time of a first passage in ticks; ``shape`` is the inverse Gaussian's, mean^3 / variance."""

    mean: float
    shape: float

    def odds_by(self, ticks: float) -> float:
        """The odds that the line is reached by then."""
        if ticks <= 0.0:
            return 0.0
        root = sqrt(self.shape / ticks)
        back = 2.0 * self.shape / self.mean
        late = exp(back) * below(-root * (ticks / self.mean + 1.0)) if back < 700.0 else 0.0
        return min(1.0, below(root * (ticks / self.mean - 1.0)) + late)

    def quantile(self, odds: float) -> float:
        """The time by which the line is reached with these odds, 0 < odds < 1."""
        return _quantile(self.odds_by, odds, self.mean)

    def varying(self, times: float) -> Passage:
        """The same with a path that varies so many times as much."""
        return Passage(self.mean, self.shape / times)


@dataclass(frozen=True, slots=True)
class Mixed:
    """One of several passages; ``parts`` are the odds of each, which sum to 1, and the passage."""

    parts: tuple[tuple[float, Passage], ...]

    @property
    def mean(self) -> float:
        """The mean time."""
        return sum([part * one.mean for part, one in self.parts])

    def odds_by(self, ticks: float) -> float:
        """The odds that the line is reached by then."""
        return sum([part * one.odds_by(ticks) for part, one in self.parts])

    def quantile(self, odds: float) -> float:
        """The time by which the line is reached with these odds, 0 < odds < 1."""
        return _quantile(self.odds_by, odds, self.mean)


def _quantile(odds_by: Callable[[float], float], odds: float, mean: float) -> float:
    low, high = 0.0, mean
    while odds_by(high) < odds:
        low, high = high, 2.0 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if odds_by(middle) < odds else (low, middle)
    return high


def first_passage(pace: Pace, log_weights: Sequence[float], line: float) -> Passage | None:
    """When the weighted mixture first reaches ``line``; None where its mean path never does."""
    if max(pace.means) <= 0.0:
        return None

    def above(ticks: float) -> float:
        level, _, variance = _path(pace, log_weights, ticks)
        return level - line - OVERSHOOT * sqrt(variance)

    low, high = (0.0, above(0.0)), (1.0, above(1.0))
    while high[1] < 0.0:
        low, high = high, (2.0 * high[0], above(2.0 * high[0]))
        if high[0] > _LONGEST:
            return None
    at = 0.0 if low[1] >= 0.0 else _root(above, low, high)
    _, drift, variance = _path(pace, log_weights, at)
    at = max(at, 1.0)  # nothing is reached before the first tick is over
    cv_squared = variance / (drift * drift * at) if drift > 0.0 else 1.0
    mean = at + 0.5 if at < 20.0 else at  # a tick is whole
    return Passage(mean, mean / max(cv_squared, 1e-9))


def _root(above: Callable[[float], float], low: tuple[float, float], high: tuple[float, float]) -> float:
    """Where it crosses zero between two ends, by regula falsi; an end that stays weighs half (Illinois)."""
    (a, below_by), (b, above_by), stays, middle = low, high, 0, high[0]
    for _ in range(_HALVINGS):
        middle = (a * above_by - b * below_by) / (above_by - below_by)
        found = above(middle)
        if abs(found) <= _CLOSE:
            break
        if found < 0.0:
            a, below_by, above_by, stays = middle, found, above_by / (2.0 if stays > 0 else 1.0), 1
        else:
            b, above_by, below_by, stays = middle, found, below_by / (2.0 if stays < 0 else 1.0), -1
    return middle


def _path(pace: Pace, log_weights: Sequence[float], ticks: float) -> tuple[float, float, float]:
    """Level, drift and variance of a step of the mixture on its mean path."""
    logs = [weight + mean * ticks for weight, mean in zip(log_weights, pace.means, strict=True)]
    level = logsumexp(logs)
    parts = [exp(value - level) for value in logs]
    drift = sum([part * mean for part, mean in zip(parts, pace.means, strict=True)])
    own = sum([part * row[k] for k, (part, row) in enumerate(zip(parts, pace.covariance, strict=True))])
    variance = 0.0
    for a, row in zip(parts, pace.covariance, strict=True):
        variance += a * sum([b * c for b, c in zip(parts, row, strict=True)])
    return level + 0.5 * max(own - variance, 0.0) * ticks, drift, variance


def below(z: float) -> float:
    """The normal distribution function."""
    return 0.5 * erfc(-z / sqrt(2.0))
