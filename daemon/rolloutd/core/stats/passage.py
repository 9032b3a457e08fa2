"""When a mixture of walks will have reached its line: mean and spread of the first time; a plan, never evidence.

Along its mean path the mixture's log is f(t) = log sum_k w_k exp(m_k t), raised by half the variance between its walks.
The mean time is where f meets the line and the overshoot of one step. Around it the time is inverse Gaussian, as it is
for one walk with the drift and variance that the mixture has there. Measured against the tests themselves: see
``./dev bench forecast``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, inf, sqrt

from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.pace import Pace

_OVERSHOOT = 0.5826  # of a standard deviation of one step (Siegmund 1979)
_LONGEST = 1e9
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
        low, high = 0.0, self.mean
        while self.odds_by(high) < odds:
            low, high = high, 2.0 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.odds_by(middle) < odds else (low, middle)
        return high


NEVER = Passage(inf, inf)


def first_passage(pace: Pace, log_weights: Sequence[float], line: float) -> Passage | None:
    """When the weighted mixture first reaches ``line``; None where its mean path never does."""
    if max(pace.means) <= 0.0:
        return None
    high = 1.0
    while not _reached(pace, log_weights, line, high):
        high *= 2.0
        if high > _LONGEST:
            return None
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if _reached(pace, log_weights, line, middle) else (middle, high)
    _, drift, variance = _path(pace, log_weights, high)
    at = max(high, 1.0)  # nothing is reached before the first tick is over
    cv_squared = variance / (drift * drift * at) if drift > 0.0 else 1.0
    mean = at + 0.5 if at < 20.0 else at  # a tick is whole
    return Passage(mean, mean / max(cv_squared, 1e-9))


def _reached(pace: Pace, log_weights: Sequence[float], line: float, ticks: float) -> bool:
    level, _, variance = _path(pace, log_weights, ticks)
    return level >= line + _OVERSHOOT * sqrt(variance)


def _path(pace: Pace, log_weights: Sequence[float], ticks: float) -> tuple[float, float, float]:
    """Level, drift and variance of a step of the mixture on its mean path."""
    logs = [weight + mean * ticks for weight, mean in zip(log_weights, pace.means, strict=True)]
    level = logsumexp(logs)
    parts = [exp(value - level) for value in logs]
    drift = sum([part * mean for part, mean in zip(parts, pace.means, strict=True)])
    own = sum([part * row[k] for k, (part, row) in enumerate(zip(parts, pace.covariance, strict=True))])
    variance = sum(
        [a * b * c for a, row in zip(parts, pace.covariance, strict=True) for b, c in zip(parts, row, strict=True)]
    )
    return level + 0.5 * max(own - variance, 0.0) * ticks, drift, variance


def below(z: float) -> float:
    """The normal distribution function."""
    return 0.5 * erfc(-z / sqrt(2.0))
