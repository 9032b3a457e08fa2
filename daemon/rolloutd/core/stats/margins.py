"""The border between tolerable and harmful, as a straight line in the two arms' rates; it must not hold evidence."""

from dataclasses import dataclass
from math import isfinite
from typing import Self


@dataclass(frozen=True, slots=True)
class Margin:
    """The line challenger = factor x champion + shift (rates, not percent).

    A ratio margin has shift 0, a difference margin factor 1. Both half-planes the line cuts off are convex, which is
    what the tests rest on; a border in odds would not be, so there is none.
    Raises ValueError unless factor > 0 and 0 <= shift < 1.
    """

    factor: float
    shift: float

    def __post_init__(self) -> None:
        if not (isfinite(self.factor) and self.factor > 0.0 and 0.0 <= self.shift < 1.0):
            raise ValueError(
                f"A margin of ratio {self.factor} and difference {self.shift} is no border between good and bad. "
                "The gate was not built and traffic is as before. Give a ratio above 0, or a difference from 0 up to 1."
            )

    @classmethod
    def ratio(cls, ratio: float) -> Self:
        """The challenger may err `ratio` times as often as the champion."""
        return cls(float(ratio), 0.0)

    @classmethod
    def difference(cls, difference: float) -> Self:
        """The challenger may err on `difference` (0.002 = 0.2 percentage points) more of its requests."""
        return cls(1.0, float(difference))

    def tolerated(self, champion_rate: float) -> float:
        """The challenger's rate on the line, for a champion's rate; may exceed 1 where the line leaves the square."""
        return self.factor * champion_rate + self.shift

    def widened(self, factor: float) -> "Margin":
        """The line that tolerates `factor` times the champion's rate too: in a warm-up only gross harm counts."""
        return Margin(max(self.factor, factor), self.shift)
