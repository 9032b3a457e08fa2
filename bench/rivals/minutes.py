"""Judges that look once a minute, on made-up traffic; each gives the challenger requests until it goes back."""

from __future__ import annotations

import numpy as np

from bench.rivals import kayenta

FIRST_MINUTE = 10
DAY_PART = 480  # eight hours


def kayenta_requests(seed: tuple[int, ...], rpm: int, champions: int, p1: float, p0: float) -> int:
    """Challenger requests until Kayenta's judge says High, looking every minute from the tenth on a growing window.

    ``champions``: champion requests to each of the challenger's. Eight hours where it never does.
    """
    random = np.random.default_rng(seed)
    experiment = random.binomial(rpm, p1, DAY_PART) / rpm
    control = random.binomial(rpm * champions, p0, DAY_PART) / (rpm * champions)
    for minute in range(FIRST_MINUTE, DAY_PART + 1):
        if kayenta.is_high(control[:minute], experiment[:minute]):
            return rpm * minute
    return rpm * DAY_PART


def kayenta_strays(seed: tuple[int, ...], rpm: int, champions: int, p0: float) -> tuple[bool, bool]:
    """Without any difference: whether the interval ever leaves zero upwards, and whether in any direction."""
    random = np.random.default_rng(seed)
    experiment = random.binomial(rpm, p0, DAY_PART) / rpm
    control = random.binomial(rpm * champions, p0, DAY_PART) / (rpm * champions)
    up = either = False
    for minute in range(FIRST_MINUTE, DAY_PART + 1):
        score = kayenta.statistic(0.0, control[:minute], experiment[:minute])
        up, either = up or score > -kayenta.Z, either or abs(score) > -kayenta.Z
        if up:
            break
    return up, either
