"""Requests of two arms tick by tick, by seed, as proxies split them well: one by one, by user, in sessions and bursts.

Each world gives (champion, challenger) requests of a tick whose split is as asked on average over users; it judges
nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.chance.worlds import Random, diurnal

Counts = NDArray[np.int64]
Split = tuple[Counts, Counts]
World = Callable[[Random, int, float, float], Split]


def one_by_one(random: Random, ticks: int, requests: float, share: float) -> Split:
    """Every request is split by itself."""
    return _split(random, random.poisson(requests, ticks), share)


def over_the_day(random: Random, ticks: int, requests: float, share: float) -> Split:
    """So, too, while traffic rises and falls by 70 % with an AR(1) log-rate on top."""
    return _split(random, random.poisson(requests * diurnal(random, ticks, 0.7, 0.3)), share)


def clusters(size: int) -> World:
    """Requests come so many at a time (a user's page, a batch), all of them to one side."""

    def world(random: Random, ticks: int, requests: float, share: float) -> Split:
        champion, challenger = _split(random, random.poisson(requests / size, ticks), share)
        return size * champion, size * challenger

    return world


def mixed_clusters(random: Random, ticks: int, requests: float, share: float) -> Split:
    """Clusters of geometric size with mean 5, one in fifty of them ten times as large."""
    arms = []
    for part in (1.0 - share, share):
        small = random.poisson(requests / 5.9 * part, ticks)
        large = random.poisson(requests / 5.9 * part / 50, ticks)
        total = [_geometric(random, number, 5.0) for number in (small, large)]
        arms.append(total[0] + 10 * total[1])
    return arms[0], arms[1]


def sticky_users(users: int) -> World:
    """Each user stays on one side by a hash for the whole run; activities are lognormal, so fewer count."""

    def world(random: Random, ticks: int, requests: float, share: float) -> Split:
        activity = random.lognormal(0.0, 1.0, users)
        chosen = random.random(users) < share
        part = float(activity[chosen].sum() / activity.sum())
        volume = requests * diurnal(random, ticks, 0.3, 0.1)
        return random.poisson(volume * (1.0 - part)), random.poisson(volume * part)

    return world


def sessions(at_once: int, ticks_each: float) -> World:
    """Sessions of so many ticks on average, each on one side; new users come as old ones go."""

    def world(random: Random, ticks: int, requests: float, share: float) -> Split:
        rate, side = random.lognormal(0.0, 1.0, at_once), random.random(at_once) < share
        champion, challenger = np.zeros(ticks, np.int64), np.zeros(ticks, np.int64)
        for k in range(ticks):
            ends = random.random(at_once) < 1.0 / ticks_each
            rate[ends], side[ends] = random.lognormal(0.0, 1.0, ends.sum()), random.random(ends.sum()) < share
            scale = requests / at_once / 1.65
            challenger[k] = random.poisson(rate[side].sum() * scale)
            champion[k] = random.poisson(rate[~side].sum() * scale)
        return champion, challenger

    return world


def given(factor: float) -> World:
    """A proxy that gives the challenger so many times the share it says."""

    def world(random: Random, ticks: int, requests: float, share: float) -> Split:
        return _split(random, random.poisson(requests, ticks), min(share * factor, 1.0))

    return world


def _split(random: Random, total: Counts, share: float) -> Split:
    challenger = random.binomial(total, share)
    return total - challenger, challenger


def _geometric(random: Random, number: Counts, mean: float) -> Counts:
    """The sum of so many geometric sizes, each at least 1."""
    more: Counts = random.negative_binomial(np.maximum(number, 1), 1.0 / mean)
    return number + more * (number > 0)
