"""Tests of textbooks and libraries on cumulative counts, vectorised over ticks; it says nothing of when they are valid.

z-test at every look; normal mixture SPRT (Robbins; Johari, Pekelis and Walsh 2015); Dirichlet mixture for a two-sample
multinomial with concentration k = 100 (Lindon and Malek 2022); group-sequential boundaries of Pocock and of O'Brien and
Fleming with the horizon known.
"""

from __future__ import annotations

from math import erfc, lgamma, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rolloutd.core.stats.grid import EIGHT

Counts = NDArray[np.int64]
Logs = NDArray[np.float64]
_LEAST_ERRORS = 5
_MIXTURE_SD = 0.5  # of the log ratio, in the normal mixture


def z_values(n1: int, x1: Counts, n0: int, x0: Counts) -> Logs:
    """Pooled two-proportion z after each tick; 0 before five errors. ``n`` a tick, ``x`` by tick."""
    ticks = np.arange(1, len(x1) + 1)
    a, b = np.cumsum(x1), np.cumsum(x0)
    m1, m0 = n1 * ticks, n0 * ticks
    pooled = (a + b) / (m1 + m0)
    spread = np.sqrt(np.maximum(pooled * (1.0 - pooled) * (1.0 / m1 + 1.0 / m0), 1e-300))
    found: Logs = np.where(a + b >= _LEAST_ERRORS, (a / m1 - b / m0) / spread, 0.0)
    return found


def z_level(alpha: float) -> float:
    """The one-sided critical value of a single look."""
    return NormalDist().inv_cdf(1.0 - alpha)


def normal_msprt(n1: int, x1: Counts, n0: int, x0: Counts) -> Logs:
    """log of the half-normal mixture SPRT on the difference, pooled variance, prior sd half of the champion's rate."""
    ticks = np.arange(1, len(x1) + 1)
    a, b = np.cumsum(x1), np.cumsum(x0)
    m1, m0 = n1 * ticks, n0 * ticks
    pooled = np.maximum((a + b) / (m1 + m0), 1e-9)
    v = 1.0 / (pooled * (1.0 - pooled) * (1.0 / m1 + 1.0 / m0))
    rho2 = (_MIXTURE_SD * pooled) ** 2
    s = (a / m1 - b / m0) * v
    scale = 1.0 + rho2 * v
    z = np.sqrt(rho2) * s / np.sqrt(scale)
    found: Logs = np.where(
        a + b >= _LEAST_ERRORS, log(2.0) - 0.5 * np.log(scale) + z * z / 2.0 + np.log(_cdf(z) + 1e-300), 0.0
    )
    return found


def _cdf(z: Logs) -> Logs:
    found: Logs = np.frompyfunc(lambda value: erfc(-value / sqrt(2.0)) / 2.0, 1, 1)(z).astype(float)
    return found


def dirichlet(n1: int, x1: Counts, n0: int, x0: Counts, concentration: float = 100.0) -> Logs:
    """log evidence that the errors' arms are not those of the traffic: Beta(k theta, k (1 - theta)) mixture on them."""
    theta = n1 / (n1 + n0)
    a, b = np.cumsum(x1), np.cumsum(x0)
    alpha1, alpha0 = concentration * theta, concentration * (1.0 - theta)
    most = int((a + b)[-1]) + 1
    gamma1 = np.array([lgamma(alpha1 + k) - lgamma(alpha1) for k in range(int(a[-1]) + 1)])
    gamma0 = np.array([lgamma(alpha0 + k) - lgamma(alpha0) for k in range(int(b[-1]) + 1)])
    both = np.array([lgamma(concentration + k) - lgamma(concentration) for k in range(most)])
    found: Logs = gamma1[a] + gamma0[b] - both[a + b] - a * log(theta) - b * log(1.0 - theta)
    return found


def boundary(kind: str, looks: int, alpha: float, seed: int, paths: int = 20_000) -> Logs:
    """One-sided critical values for equally spaced looks, tuned by simulated random walks to spend alpha in all."""
    walk = np.cumsum(np.random.default_rng(seed).standard_normal((paths, looks)), axis=1)
    fraction = np.arange(1, looks + 1)
    z = walk / np.sqrt(fraction)
    shape = np.ones(looks) if kind == "pocock" else np.sqrt(looks / fraction)
    level = float(np.quantile((z / shape).max(axis=1), 1.0 - alpha))
    found: Logs = level * shape
    return found


def deflated(n1: int, x1: Counts, n0: int, x0: Counts, phi: float) -> Logs:
    """The conditional-binomial mixture over eight ratios with all errors divided by a dispersion that it is told."""
    a, b = np.cumsum(x1) / phi, np.cumsum(x0) / phi
    logs = [a * log(r) - (a + b) * (log(r * n1 + n0) - log(n1 + n0)) for r in EIGHT.ratios]
    found: Logs = np.logaddexp.reduce(logs, axis=0) - log(len(logs))
    return found


class Deflated:
    """The same test over many runs side by side."""

    def __init__(self, n1: int, n0: int, phi: float, runs: int) -> None:
        self._part, self._phi = n1 / (n1 + n0), phi
        self._a, self._b = np.zeros(runs), np.zeros(runs)

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with these runs only."""
        self._a, self._b = self._a[which], self._b[which]

    def observe(self, n0: int, x0: Counts, n1: int, x1: Counts) -> None:
        """One more tick of every run."""
        self._a, self._b = self._a + x1 / self._phi, self._b + x0 / self._phi

    @property
    def log_e(self) -> Logs:
        """log of the evidence of each run now."""
        part, both = self._part, self._a + self._b
        logs = [self._a * log(r) - both * log(r * part + 1.0 - part) for r in EIGHT.ratios]
        found: Logs = np.logaddexp.reduce(logs, axis=0) - log(len(logs))
        return found
