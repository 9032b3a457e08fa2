"""What the tests will take the dispersion for on their way, and what bets lose by it. Pure; it forecasts no time.

The dispersion phi is learnt while it is used. It begins as 1, worth some errors, and is told from what successive
ticks differ by, which tells a variance to about sqrt(3 / ticks), and worse where a tick has few bursts. It is never
taken for less than 1, so of errors that come one by one it is taken for more than it is as long as it is known badly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, sqrt
from typing import NamedTuple

from rolloutd.core.stats.pace import Pace

_AWAY = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)
"""Five equal parts of a normal law, each by its middle."""
_KNOTS = 5
_GREATEST = 2.5
_SLOWER = 1.3


class Learning(NamedTuple):
    """``truth`` is phi itself, ``errors`` what a tick brings to learn from, ``prior`` the errors it begins with."""

    truth: float
    errors: float
    prior: float

    def taken_for(self, ticks: float, away: Sequence[float] = _AWAY) -> list[float]:
        """What phi may be taken for after so many ticks, in five parts of equal odds, or so many deviations away."""
        seen = 2.0 * self.errors * ticks  # ticks are compared in pairs
        weight = seen / (self.prior + seen)
        spread = sqrt((3.0 + self.truth / self.errors) / max(ticks, 2.0)) / 3.0
        cubes = [max(0.0, 1.0 - spread * spread + z * spread) ** 3 for z in away]  # chi-squared (Wilson and Hilferty)
        return [max(1.0, 1.0 + weight * (self.truth * cube - 1.0)) for cube in cubes]

    def expected(self, ticks: float) -> float:
        """Its mean."""
        return sum(self.taken_for(ticks)) / len(_AWAY)

    def lost(self, pace_of: Callable[[float], Pace], ticks: float) -> tuple[list[float], float]:
        """After so many ticks, what each effect's evidence is below that of bets made for the true phi.

        And how many times as much it varies: bets that are too large win and lose more.
        """
        most = _GREATEST * self.truth
        knots = [pace_of(round(most ** (k / (_KNOTS - 1)), 3)) for k in range(_KNOTS)]
        true = pace_of(self.truth)
        rows = [[*one.means, _wider(one, true)] for one in knots]
        sums, before, now = [0.0] * len(rows[0]), 0.0, 1.0
        while before < ticks:
            now = min(now, ticks)
            ways = [_between(rows, log(phi) / log(most) * (_KNOTS - 1)) for phi in self.taken_for(now)]
            sums = [
                value + (now - before) * sum(column) / len(ways)
                for value, column in zip(sums, zip(*ways, strict=True), strict=True)
            ]
            before, now = now, _SLOWER * now
        *found, wider = sums
        return [value - ticks * mean for value, mean in zip(found, true.means, strict=True)], wider / ticks


def _wider(pace: Pace, true: Pace) -> float:
    """How many times as much the effects vary, on average."""
    size = range(len(true.means))
    return sum([pace.covariance[k][k] / true.covariance[k][k] for k in size]) / len(size)


def _between(rows: Sequence[Sequence[float]], at: float) -> list[float]:
    """The row at this place, between two that are known."""
    low = min(int(at), len(rows) - 2)
    part = min(at - low, 1.0)
    return [a + part * (b - a) for a, b in zip(rows[low], rows[low + 1], strict=True)]
