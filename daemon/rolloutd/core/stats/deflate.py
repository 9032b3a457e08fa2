"""How much the champion's errors cling together, to slow a test that assumes they do not; it never sees a challenger.

The dispersion phi is the variance of a count over its mean: 1 for independent errors, about a burst's size for bursts.
Successive ticks of the champion are compared, so that a slow rise and fall of its rate does not look like bursts.
"""

from dataclasses import dataclass

from rolloutd.core.stats.increment import Increment

PRIOR_ERRORS = 20.0


@dataclass(frozen=True, slots=True)
class Clustering:
    """Sums over pairs of successive ticks, and the last tick to pair the next one with."""

    last_n: int = 0
    last_bad: int = 0
    squares: float = 0.0
    expected: float = 0.0

    @property
    def phi(self) -> float:
        """Variance over mean, at least 1; begins as 1, worth 20 errors."""
        return max(1.0, (PRIOR_ERRORS + self.squares) / (PRIOR_ERRORS + self.expected))

    def observe(self, tick: Increment) -> "Clustering":
        """With one more tick; one without champion traffic changes nothing."""
        n, bad = tick.champion_n, tick.champion_bad
        if n == 0:
            return self
        if self.last_n == 0:
            return Clustering(n, bad, self.squares, self.expected)
        scale = n / self.last_n
        gap = bad - scale * self.last_bad
        return Clustering(n, bad, self.squares + gap * gap, self.expected + bad + scale * scale * self.last_bad)
