"""The normal distribution in logs, far into its tails; nothing else. Errors below 1e-12 of the value."""

from math import erfc, exp, log, log1p, pi, sqrt

_ROOT_TWO = sqrt(2.0)
_FAR = -20.0
_CORRECTIONS = 2


def cdf(x: float) -> float:
    """P(Z <= x)."""
    return erfc(-x / _ROOT_TWO) / 2.0


def quantile(p: float) -> float:
    """The x with P(Z <= x) = p, 0 < p < 1: a rational guess (Abramowitz and Stegun 26.2.23), corrected by Halley."""
    tail = min(p, 1.0 - p)
    t = sqrt(-2.0 * log(tail))
    x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(_CORRECTIONS):
        step = (cdf(x) - tail) * sqrt(2.0 * pi) * exp(x * x / 2.0)
        x -= step / (1.0 + x * step / 2.0)
    return x if p < 0.5 else -x


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
