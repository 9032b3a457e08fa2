"""Counts by chance from a seeded stream, the same on every Python: binomial draws; it knows no traffic."""

from __future__ import annotations

from math import floor, lgamma, log, log2, sqrt
from random import Random

_SMALL = 10.0


def binomial(random: Random, n: int, p: float) -> int:
    """How many of n happen, each with chance p.

    Few are found by the gaps between them, many by the transformed rejection of Hoermann (1993), as the standard
    library does from Python 3.12 on; here so that one seed means one thing everywhere.
    """
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    if p > 0.5:
        return n - binomial(random, n, 1.0 - p)
    if n * p < _SMALL:
        return _by_gaps(random, n, p)
    return _by_rejection(random, n, p)


def _by_gaps(random: Random, n: int, p: float) -> int:
    found = at = 0
    scale = log2(1.0 - p)
    if not scale:
        return 0
    while True:
        at += floor(log2(1.0 - random.random()) / scale) + 1
        if at > n:
            return found
        found += 1


def _by_rejection(random: Random, n: int, p: float) -> int:
    spread = sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = n * p + 0.5
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    odds = log(p / (1.0 - p))
    mode = floor((n + 1) * p)
    at_mode = lgamma(mode + 1) + lgamma(n - mode + 1)
    while True:
        u = random.random() - 0.5
        us = 0.5 - abs(u)
        k = floor((2.0 * a / us + b) * u + c) if us else -1
        if not 0 <= k <= n:
            continue
        v = random.random()
        if us >= 0.07 and v <= v_r:
            return k
        if v <= 0.0:
            continue
        v *= alpha / (a / (us * us) + b)
        if log(v) <= at_mode - lgamma(k + 1) - lgamma(n - k + 1) + (k - mode) * odds:
            return k


def whole(amount: float, carried: float) -> tuple[int, float]:
    """The whole part of an amount with what was carried over, and what is carried on."""
    total = amount + carried
    number = floor(total)
    return number, total - number
