"""Ticks of made-up traffic as arrays, by seed: independent errors, bursts, noise, drifts; it decides nothing.

Both arms err alike unless a rate says otherwise: what varies are the ways in which errors come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Counts = NDArray[np.int64]
Rates = NDArray[np.float64]
Tick = tuple[int, int, int, int]


def arm_sizes(share: float, challenger_n: int) -> tuple[int, int]:
    """Requests a tick of challenger and champion at a share."""
    return challenger_n, round(challenger_n * (1.0 - share) / share)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Some ticks, one array an arm."""

    n1: int
    x1: Counts
    n0: int
    x0: Counts

    def __iter__(self) -> Iterator[Tick]:
        n1, n0 = self.n1, self.n0
        return ((n0, x0, n1, x1) for x0, x1 in zip(self.x0.tolist(), self.x1.tolist(), strict=True))


def independent(random: Random, count: int, sizes: tuple[int, int], p1: float | Rates, p0: float | Rates) -> Ticks:
    """Every request fails by itself; a rate may be one for each tick."""
    n1, n0 = sizes
    return Ticks(n1, random.binomial(n1, p1, count), n0, random.binomial(n0, p0, count))


def bursts(random: Random, count: int, sizes: tuple[int, int], rates: tuple[float, float], size: int) -> Ticks:
    """Errors come ``size`` at a time, all of a burst in one arm and one tick."""
    x1, x0 = (np.minimum(size * random.poisson(n * p / size, count), n) for n, p in zip(sizes, rates, strict=True))
    return Ticks(sizes[0], x1, sizes[1], x0)


def geometric_bursts(random: Random, count: int, sizes: tuple[int, int], rate: float, mean: float) -> Ticks:
    """Bursts of geometric size."""
    arms = []
    for n in sizes:
        number = random.poisson(n * rate / mean, count)
        total = number + random.negative_binomial(np.maximum(number, 1), 1.0 / mean) * (number > 0)
        arms.append(np.minimum(total, n))
    return Ticks(sizes[0], arms[0], sizes[1], arms[1])


def spilling(random: Random, count: int, sizes: tuple[int, int], rate: float, size: int) -> Ticks:
    """One error of every burst at once, its retries in the next tick."""
    arms = []
    for n in sizes:
        first = random.poisson(n * rate / size, count + 1)
        arms.append(np.minimum(first[1:] + (size - 1) * first[:-1], n))
    return Ticks(sizes[0], arms[0], sizes[1], arms[1])


def diurnal(random: Random, count: int, swing: float, noise_sd: float) -> Rates:
    """Factors on both arms' rates: two slow waves with an AR(1) log-rate on top, mean about 1."""
    waves = 1.0 + swing * np.sin(np.linspace(0.0, 4.0 * np.pi, count) + random.uniform(0.0, 2.0 * np.pi))
    memory, log_rate = 0.95, np.zeros(count)
    shocks = random.normal(0.0, noise_sd * np.sqrt(1.0 - memory**2), count)
    for k in range(1, count):
        log_rate[k] = memory * log_rate[k - 1] + shocks[k]
    found: Rates = waves * np.exp(log_rate - noise_sd**2 / 2.0)
    return found


def gamma_factors(random: Random, count: int, cv: float) -> Rates:
    """Factors with mean 1 and this coefficient of variation."""
    shape = 1.0 / cv**2
    return random.gamma(shape, 1.0 / shape, count)


def slice_noise(random: Random, count: int, sizes: tuple[int, int], rate: float, cv: float) -> Ticks:
    """Each slice of the challenger's size, and the challenger, has its own factor in each tick."""
    n1, n0 = sizes
    slices = max(round(n0 / n1), 1)
    shape = 1.0 / cv**2
    champion = random.gamma(shape * slices, 1.0 / (shape * slices), count)  # the mean of so many gamma factors
    x1 = random.binomial(n1, np.minimum(rate * gamma_factors(random, count, cv), 1.0))
    return Ticks(n1, x1, n0, random.binomial(n0, np.minimum(rate * champion, 1.0)))


def arm_noise(random: Random, count: int, sizes: tuple[int, int], rate: float, cv: float) -> Ticks:
    """Each arm as a whole has its own factor in each tick."""
    n1, n0 = sizes
    x1, x0 = (random.binomial(n, np.minimum(rate * gamma_factors(random, count, cv), 1.0)) for n in (n1, n0))
    return Ticks(n1, x1, n0, x0)


def flaky(random: Random, count: int, sizes: tuple[int, int], rate: float, factor: float) -> Ticks:
    """One of the champion's instances, of the challenger's size, errs ``factor`` times as often for good."""
    n1, n0 = sizes
    slices = max(round(n0 / n1), 1)
    x0 = random.binomial(n0 // slices, rate * factor, count) + random.binomial(n0 - n0 // slices, rate, count)
    return Ticks(n1, random.binomial(n1, rate, count), n0, x0)


def storms(
    random: Random, count: int, sizes: tuple[int, int], rate: float, *, factor: float, ticks: int, part: float
) -> Ticks:
    """Every instance of the challenger's size has storms of ``factor`` times its errors, for ``part`` of the time."""
    n1, n0 = sizes
    slices = max(round(n0 / n1), 1)
    starts = part / ticks
    stormy = _stormy(random, count, 1, starts, ticks)[0]
    champion = _stormy(random, count, slices, starts, ticks).sum(axis=0)
    x1 = random.binomial(n1, np.where(stormy, rate * factor, rate))
    x0 = random.poisson(n0 / slices * rate * (slices + (factor - 1.0) * champion))
    return Ticks(n1, x1, n0, np.minimum(x0, n0))


def _stormy(random: Random, count: int, instances: int, starts: float, ticks: int) -> NDArray[np.bool_]:
    began = random.random((instances, count + ticks)) < starts
    sums = np.cumsum(began, axis=1)
    return np.greater(sums[:, ticks:], sums[:, :-ticks])
