"""Evidence on a difference of means from tick totals; approximate by nature, it must not be read before its burn-in.

Per tick d = mean1 - mean0 - margin. With D the mean of d over T ticks, V = T / var(d) and S = D V, the half-normal
mixture of the normal likelihood ratio is 2 (1 + rho^2 V)^(-1/2) exp(rho^2 S^2 / (2 (1 + rho^2 V))) Phi(rho S / sqrt(1
+ rho^2 V)). Asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024): valid in the limit of many ticks. The
variance is that between ticks, so whatever clings together inside a tick is already in it, and no sum of squares is
needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Self

from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.normal import log_cdf

BURN_IN_TICKS = 30
BURN_IN_EVENTS = 50
_EFFECT_SD = 0.1  # the effect worth detecting, in the metric's own standard deviations


@dataclass(frozen=True, slots=True)
class Totals:
    """What one arm added in one tick: requests and the sum of the metric over them."""

    n: int
    total: float


def half_normal_log_e(s: float, v: float, rho: float) -> float:
    """log evidence for a mean above 0 from a sum s of information v; rho > 0 is the prior's spread of the effect."""
    scale = 1.0 + rho * rho * v
    return log(2.0) - 0.5 * log(scale) + rho * rho * s * s / (2.0 * scale) + log_cdf(rho * s / sqrt(scale))


def radius(n: float, sd: float, rho: float, alpha: float) -> float:
    """Half the width of the two-sided range for a mean of n values at any look, asymptotic."""
    scale = n * rho * rho + 1.0
    return sd * sqrt(2.0 * scale / (n * n * rho * rho) * log(sqrt(scale) / alpha))


@dataclass(frozen=True, slots=True)
class MeanEvidence:
    """Evidence that the challenger's mean exceeds the champion's by more than the margin (sign 1; -1: falls short).

    `log_e` is 0 during the burn-in of 30 ticks and 50 challenger requests. The moments are Welford's, so that a large
    common level costs no digits.
    """

    margin: float
    sign: int
    ticks: int
    events: int
    mean: float
    squares: float

    @classmethod
    def start(cls, margin: float, sign: int = 1) -> Self:
        """Before the first tick; margin in the metric's unit."""
        return cls(margin, 1 if sign >= 0 else -1, 0, 0, 0.0, 0.0)

    def observe(self, challenger: Totals, champion: Totals) -> "MeanEvidence":
        """With one more tick; one in which an arm had no traffic says nothing."""
        if challenger.n == 0 or champion.n == 0:
            return self
        d = self.sign * (challenger.total / challenger.n - champion.total / champion.n - self.margin)
        ticks = self.ticks + 1
        gap = d - self.mean
        mean = self.mean + gap / ticks
        return MeanEvidence(
            self.margin, self.sign, ticks, self.events + challenger.n, mean, self.squares + gap * (d - mean)
        )

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        if self.ticks < BURN_IN_TICKS or self.events < BURN_IN_EVENTS or self.squares <= 0.0:
            return 0.0
        variance = self.squares / (self.ticks - 1)
        v = self.ticks / variance
        per_tick = self.events / self.ticks
        rho = _EFFECT_SD * sqrt(variance * max(per_tick, 1.0))
        return half_normal_log_e(self.mean * v, v, rho)

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "kind": "mean.1",
            "margin": self.margin,
            "counts": [self.sign, self.ticks, self.events],
            "moments": [self.mean, self.squares],
        }

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "mean.1")
        return cls(read.number("margin"), *read.integers("counts", 3), *read.floats("moments", 2))
