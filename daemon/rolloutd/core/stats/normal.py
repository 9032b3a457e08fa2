"""The normal distribution in logs, far into its tails; nothing else. Errors below 1e-12 of the value."""

from math import erfc, log, log1p, pi, sqrt
from statistics import NormalDist

_ROOT_TWO = sqrt(2.0)
_FAR = -20.0
_inverse = NormalDist().inv_cdf


def cdf(x: float) -> float:
    """P(Z <= x)."""
    return erfc(-x / _ROOT_TWO) / 2.0


def quantile(p: float) -> float:
    """The x with P(Z <= x) = p, 0 < p < 1 (Wichura's AS 241)."""
    return _inverse(p)


def log_cdf(x: float) -> float:
    """log P(Z <= x); far out by the asymptotic series of Mills' ratio (Abramowitz and Stegun 26.2.12)."""
    if x > 0.0:
        return log1p(-erfc(x / _ROOT_TWO) / 2.0)
    if x > _FAR:
        return log(erfc(-x / _ROOT_TWO) / 2.0)
    square = 1.0 / (x * x)
    term, series = 1.0, 1.0
    for k in range(1, 12):
        term *= -(2 * k - 1) * square
        series += term
    return -x * x / 2.0 - log(-x) - log(2.0 * pi) / 2.0 + log(series)
