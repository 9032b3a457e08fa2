"""Sums of numbers known by their logarithms; nothing here leaves the log domain, so nothing overflows."""

from collections.abc import Iterable, Sequence
from math import exp, inf, log, log1p


def logaddexp(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == -inf else a + log1p(exp(b - a))


def logsumexp(values: Sequence[float]) -> float:
    """log of the sum of e^v; -inf for an empty sum."""
    top = max(values) if values else -inf
    if top == -inf:
        return -inf
    return top + log(sum([exp(v - top) for v in values]))


def log_mixture(log_weights: Iterable[float], logs: Iterable[float]) -> float:
    """log of the sum of w e^v, weights given as logarithms."""
    return logsumexp([w + v for w, v in zip(log_weights, logs, strict=True)])
