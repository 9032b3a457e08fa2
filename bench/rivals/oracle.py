"""The two-sample oracle: a likelihood-ratio test that is told both rates and must still be valid for any common rate.

No test can know more about the effect; what it needs is the yardstick. Its bound is log(1/alpha) / g
(rolloutd.core.stats.planning).
"""

from __future__ import annotations

from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from rolloutd.core.stats.gro import Rates, projection
from rolloutd.core.stats.margins import Margin

Counts = NDArray[np.int64]
Logs = NDArray[np.float64]


def increments(n1: int, x1: Counts, n0: int, x0: Counts, truth: Rates, margin: Margin) -> Logs:
    """What each tick adds to the log evidence."""
    null = projection(n1, n0, truth, margin)
    bad1 = log(truth.challenger / null.challenger)
    good1 = log1p(-truth.challenger) - log1p(-null.challenger)
    bad0 = log(truth.champion / null.champion)
    good0 = log1p(-truth.champion) - log1p(-null.champion)
    found: Logs = x1 * bad1 + (n1 - x1) * good1 + x0 * bad0 + (n0 - x0) * good0
    return found


class Told:
    """The same test over many runs side by side."""

    def __init__(self, sizes: tuple[int, int], truth: Rates, margin: Margin, runs: int) -> None:
        self._sizes, self._truth, self._margin = sizes, truth, margin
        self.log_e = np.zeros(runs)

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with these runs only."""
        self.log_e = self.log_e[which]

    def observe(self, n0: int, x0: Counts, n1: int, x1: Counts) -> None:
        """One more tick of every run."""
        self.log_e = self.log_e + increments(n1, x1, n0, x0, self._truth, self._margin)


def first_at_least(path: Logs, level: float) -> int | None:
    """The first tick, from 1, at which a path has reached the level."""
    reached = np.flatnonzero(path >= level)
    return int(reached[0]) + 1 if reached.size else None
