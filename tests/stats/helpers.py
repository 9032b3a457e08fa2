"""What several tests of the arithmetic share: exact means over small tables, and counts drawn from a seed."""

from collections.abc import Callable, Iterator
from math import comb, exp
from random import Random

from rolloutd.core.stats.increment import Increment


def binomial(k: int, n: int, p: float) -> float:
    """P(X = k) for X ~ Binomial(n, p)."""
    return float(comb(n, k)) * p**k * (1.0 - p) ** (n - k)


def exact_mean(n1: int, n0: int, p1: float, p0: float, log_factor: Callable[[Increment], float]) -> float:
    """Mean of exp(log_factor) over all outcomes of one tick whose requests fail independently."""
    return sum(
        binomial(x1, n1, p1) * binomial(x0, n0, p0) * exp(log_factor(Increment(n0, x0, n1, x1)))
        for x1 in range(n1 + 1)
        for x0 in range(n0 + 1)
    )


def poisson(random: Random, mean: float) -> int:
    """A Poisson number by counting exponential gaps; for small means."""
    count, left = 0, mean
    while (left := left - random.expovariate(1.0)) > 0.0:
        count += 1
    return count


def ticks(
    random: Random, count: int, n1: int, n0: int, rates: tuple[float, float], burst: int = 1
) -> Iterator[Increment]:
    """`count` ticks with errors in bursts of `burst`; `rates` are (challenger, champion) errors a request."""
    for _ in range(count):
        x1 = burst * poisson(random, n1 * rates[0] / burst)
        x0 = burst * poisson(random, n0 * rates[1] / burst)
        yield Increment(n0, min(x0, n0), n1, min(x1, n1))


def spilling(random: Random, count: int) -> list[Increment]:
    """Bursts of three of which two errors fall into the next tick; both arms alike."""
    series, last = [], (0, 0)
    for _ in range(count):
        new = poisson(random, 0.4), poisson(random, 3.6)
        counts = [a + 2 * b for a, b in zip(new, last, strict=True)]
        series.append(Increment(1080, counts[1], 120, counts[0]))
        last = new
    return series
