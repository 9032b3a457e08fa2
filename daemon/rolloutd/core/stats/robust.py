"""A bet on one tick that stays fair however a tick's errors cling together; it must not need to know how they do.

For totals x1 of n1 (challenger) and y of n0 (champion), m = x1 + y, a margin p1 <= f p0 + d,
theta = f n1 / (f n1 + n0), u = (1 - theta) n1 d, the factor is

    (1 + lam x1) / (1 + lam (theta m + u)).

Its mean is at most 1, whatever lam >= 0 was chosen before the tick,
  - when errors come in clusters (a user's retries, a burst, a pod's bad minute; of any sizes) and each cluster falls
    to the challenger with probability at most theta, given the clusters; with d > 0, when the challenger has besides
    up to n1 d expected errors independent of them: given m the factor is then linear in x1 and its mean falls with m
    where the slope of E[x1 | m] rises, so the covariance has the right sign;
  - when all requests fail independently. For f <= 1 that is Hoeffding's argument. For f > 1, conditioning makes small
    totals too favourable by (f - 1) p0 p1 per pair of requests; taking away an estimate of it that is exactly unbiased,
        lam^2 theta (1 - theta) (f - 1) x1 y / (n0 (1 + lam (theta (m-1) + u)) (1 + lam (theta m + u))),
    makes the mean on the line exactly 1 for d = 0, and at most 1 for d > 0 as long as p0 + p1 <= 1 (leave-one-out: pair
    each error with the errors of all other requests). It is never negative, so the first case is not hurt.

Several segments may be bet on together, x1 and theta m + u being sums over them, each with its own theta: a cluster may
then even reach over segments, and more traffic of a worse segment for one arm is no harm.

A tick can raise the evidence by less than 1/theta, however bad it is. When the challenger has nearly all traffic that
is next to nothing, and cannot be otherwise: one outage of one arm would be one cluster.
"""

from collections.abc import Sequence
from math import log1p
from typing import NamedTuple

from rolloutd.core.stats.increment import Tick
from rolloutd.core.stats.margins import Margin

PRIOR_ERRORS = 20.0
LARGEST_BURST = 16.0


class Dispersion(NamedTuple):
    """How much more than independent errors the difference between the arms moves from one tick to the next.

    It only sizes the next bet: a wrong value costs speed and never a false alarm. Successive ticks are compared with
    each other, and no pair may count for more than bursts of 16 would, so that a regression, which moves the difference
    once, does not pass for bursts and hide behind the small bets that those deserve.
    """

    squares: float = 0.0
    expected: float = 0.0
    last_n: float = 0.0
    last_residual: float = 0.0
    last_expected: float = 0.0

    @property
    def phi(self) -> float:
        """Variance over that of independent errors, at least 1; begins as 1, worth 20 errors."""
        found = (PRIOR_ERRORS + self.squares) / (PRIOR_ERRORS + self.expected)
        return max(1.0, found)

    def observe(self, tick: Tick, margin: Margin) -> "Dispersion":
        """With one more tick, in which both arms had traffic."""
        n, bad, champion_bad = tick.challenger_n, tick.challenger_bad, tick.champion_bad
        scale = margin.factor * n / tick.champion_n
        return self._observed(n, bad - scale * champion_bad - n * margin.shift, bad + scale * scale * champion_bad)

    def observe_strata(self, strata: Sequence[Tick], margin: Margin) -> "Dispersion":
        """With one more tick of each segment that had traffic in both arms, at least one."""
        n = residual = expected = 0.0
        for tick in strata:
            scale = margin.factor * tick.challenger_n / tick.champion_n
            n += tick.challenger_n
            residual += tick.challenger_bad - scale * tick.champion_bad - tick.challenger_n * margin.shift
            expected += tick.challenger_bad + scale * scale * tick.champion_bad
        return self._observed(n, residual, expected)

    def _observed(self, n: float, residual: float, expected: float) -> "Dispersion":
        squares, total, last_n, last_residual, last_expected = self
        if last_n > 0.0:
            growth = n / last_n
            gap = residual - growth * last_residual
            pair = expected + growth * growth * last_expected
            square, largest = gap * gap, LARGEST_BURST * pair
            squares += min(largest, square)
            total += pair
        return Dispersion(squares, total, n, residual, expected)

    def encode(self) -> list[float]:
        """The five numbers it is made of."""
        return [self.squares, self.expected, self.last_n, self.last_residual, self.last_expected]


def theta(tick: Tick, margin: Margin) -> float:
    """The part of errors that fall to the challenger on a ratio margin's line."""
    weighted = margin.factor * tick.challenger_n
    return weighted / (weighted + tick.champion_n)


def log_factors(strata: Sequence[Tick], margin: Margin, ratios: Sequence[float], phi: float) -> list[float]:
    """log of each effect's factor for harm beyond the margin, lam_k = (r_k - 1) / phi; phi > 0 from past ticks only.

    `strata`: the one tick, or one of each segment for a bet on all of them together. Those without traffic in one arm
    say nothing.
    """
    bad = expected = 0.0
    pairs = []
    for tick in strata:
        if not tick.comparable:
            continue
        x1, x0 = tick.challenger_bad, tick.champion_bad
        part = theta(tick, margin)
        bad += x1
        expected += part * (x1 + x0) + (1.0 - part) * tick.challenger_n * margin.shift
        if margin.factor > 1.0 and tick.bounded and x1 and x0:
            pairs.append((part, part * (1.0 - part) * (margin.factor - 1.0) * x1 * x0 / tick.champion_n))
    if not pairs:
        return _log_factors(ratios, phi, bad, expected)
    found = []
    for r in ratios:
        lam = (r - 1.0) / phi
        excess = lam * lam * sum([pair / (1.0 + lam * (expected - part)) for part, pair in pairs])
        found.append(log1p(lam * bad - excess) - log1p(lam * expected))
    return found


def log_factors_of(tick: Tick, margin: Margin, part: float, ratios: Sequence[float], phi: float) -> list[float]:
    """The same for one tick in which both arms had traffic, `part` being its theta: the path of every look."""
    x1, x0 = tick.challenger_bad, tick.champion_bad
    expected = part * (x1 + x0)
    if margin.shift:
        expected += (1.0 - part) * tick.challenger_n * margin.shift
    if margin.factor > 1.0 and x1 and x0 and tick.bounded:
        return log_factors((tick,), margin, ratios, phi)
    return _log_factors(ratios, phi, x1, expected)


def _log_factors(ratios: Sequence[float], phi: float, bad: float, expected: float) -> list[float]:
    if not bad:
        return [-log1p((r - 1.0) / phi * expected) for r in ratios]
    return [log1p((lam := (r - 1.0) / phi) * bad) - log1p(lam * expected) for r in ratios]
