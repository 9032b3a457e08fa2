"""When a mixture of walks will have reached its line: mean and spread of the first time; a plan, never evidence.

The walks move together, so the mixture is at its line when one of them, its common direction, is on a curve. The odds
of meeting a curve follow from its tangents; mean and variance of the time are theirs, and around them it is taken for
inverse Gaussian, as it is for one walk and a straight line. Measured against the tests themselves: see ``./dev bench
verdicts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import erfc, exp, inf, log, sqrt

from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.pace import Pace

OVERSHOOT = 0.5826  # of a standard deviation of one step (Siegmund 1979)
_LONGEST = 1e9
_CLOSE = 1e-6
_HALVINGS = 32
_POINTS = 24
_FAR = 24.0  # squared coefficients of variation: of an inverse Gaussian hardly e^-12 lies beyond, on either side
_ASYMPTOTIC = 6.0
_LEAST = 0.05


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
    if at <= 1.0 or drift <= 0.0:  # nothing is reached before the first tick is over
        mean, spread = max(at, 1.0), variance * max(at, 1.0) / (drift * drift) if drift > 0.0 else max(at, 1.0) ** 2
    else:
        mean, spread = _moments(pace, log_weights, line, at, 1.0 + _FAR * variance / (drift * drift * at))
    mean += 0.5 if mean < 20.0 else 0.0  # a tick is whole
    return Passage(mean, mean**3 / max(spread, 1e-9))


def _moments(pace: Pace, log_weights: Sequence[float], line: float, at: float, far: float) -> tuple[float, float]:
    """Mean and variance of the time at which the mixture's direction meets the curve on which the mixture has its line.

    What the walks vary besides lifts the mixture by half of it. The odds of meeting a curve b between t and t + dt are
    those of its tangent there, (b - b't) / t^1.5 phi(b / sqrt t) dt (Jennen and Lerche 1981). Times are even in log t.
    """
    logs = [weight + mean * at for weight, mean in zip(log_weights, pace.means, strict=True)]
    level = logsumexp(logs)
    parts = [exp(value - level) for value in logs]
    together = [_mixed(parts, row) for row in pace.covariance]
    one = sqrt(_mixed(parts, together))
    slopes = [max(value, 0.0) / one for value in together]
    besides = [row[k] - slope * slope for k, (row, slope) in enumerate(zip(pace.covariance, slopes, strict=True))]
    lift = 0.5 * max(_mixed(parts, besides), 0.0)
    drifts = [mean + lift for mean in pace.means]
    height = line + max(0.0, OVERSHOOT * one + _mixed(parts, pace.skews) / 6.0)
    sums = (0.0, 0.0, 0.0)
    for k in range(_POINTS + 1):
        t = at * far ** (2.0 * k / _POINTS - 1.0)
        here = [weight + drift * t for weight, drift in zip(log_weights, drifts, strict=True)]
        place, slope = _curve(here, drifts, slopes, height)
        odds = max(place - slope * t, 0.0) * exp(-0.5 * place * place / t) / sqrt(t)
        sums = (sums[0] + odds, sums[1] + odds * t, sums[2] + odds * t * t)
    mean = sums[1] / sums[0]
    return mean, sums[2] / sums[0] - mean * mean


def _mixed(parts: Sequence[float], values: Sequence[float]) -> float:
    return sum([part * value for part, value in zip(parts, values, strict=True)])


def _curve(
    logs: Sequence[float], drifts: Sequence[float], slopes: Sequence[float], height: float
) -> tuple[float, float]:
    """Where the direction's walk is when the mixture has this height, and how fast that place moves; by Newton."""
    place = min([(height - value) / slope for value, slope in zip(logs, slopes, strict=True) if slope > 0.0])
    speed = 0.0
    for _ in range(_HALVINGS):  # from above, on a convex curve: it never steps too far
        moved = [value + slope * place for value, slope in zip(logs, slopes, strict=True)]
        level = logsumexp(moved)
        parts = [exp(value - level) for value in moved]
        rise = _mixed(parts, slopes)
        speed = -_mixed(parts, drifts) / rise
        place -= (level - height) / rise
        if level - height <= _CLOSE:
            break
    return place, speed


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


def worth_in_ticks(pace: Pace) -> list[float]:
    """For each effect: a little put to work at every tick is worth so many ticks' part, all of it put to work at once.

    What begins at tick j has lost nothing before: it is worth exp(-S_j) of what is there from the start. Of a walk of
    drift m and variance v the sum over all j has the mean log log(2 / v) - digamma(2 m / v) (Dufresne 1990).
    """
    return [_worth(mean, row[k]) for k, (mean, row) in enumerate(zip(pace.means, pace.covariance, strict=True))]


def _worth(mean: float, variance: float) -> float:
    half = max(variance, _CLOSE) / 2.0
    return inf if mean < _LEAST * half else exp(-_digamma(mean / half)) / half


def _digamma(x: float) -> float:
    """The derivative of log gamma, x > 0: by its series for large numbers, and x + 1 from x until it is one."""
    before = 0.0
    while x < _ASYMPTOTIC:
        before += 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    return log(x) - 0.5 / x - square * (1.0 / 12.0 - square / 120.0) - before


def below(z: float) -> float:
    """The normal distribution function."""
    return 0.5 * erfc(-z / sqrt(2.0))
