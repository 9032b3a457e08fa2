"""How much one arm's errors cling together, to slow a test that assumes they do not; it must not compare arms.

The dispersion phi is the variance of a count over its mean: 1 for independent errors, about a burst's size for bursts.
Successive ticks of the larger arm are compared, so that a slow rise and fall of its rate does not look like bursts.
"""

from dataclasses import dataclass

from rolloutd.core.stats.increment import Tick

PRIOR_ERRORS = 20.0


@dataclass(frozen=True, slots=True)
class Clustering:
    """Sums over pairs of successive ticks, and the last tick to pair the next one with."""

    last_n: float = 0.0
    last_bad: float = 0.0
    squares: float = 0.0
    expected: float = 0.0

    @property
    def phi(self) -> float:
        """Variance over mean, at least 1; begins as 1, worth 20 errors."""
        return max(1.0, (PRIOR_ERRORS + self.squares) / (PRIOR_ERRORS + self.expected))

    def observe_larger(self, tick: Tick) -> "Clustering":
        """With one more tick's larger arm."""
        if tick.champion_n >= tick.challenger_n:
            return self.observe(tick.champion_n, tick.champion_bad)
        return self.observe(tick.challenger_n, tick.challenger_bad)

    def observe(self, n: float, bad: float) -> "Clustering":
        """With one more tick of n requests; one without any changes nothing."""
        if n == 0.0:
            return self
        if self.last_n == 0.0:
            return Clustering(n, bad, self.squares, self.expected)
        scale = n / self.last_n
        gap = bad - scale * self.last_bad
        return Clustering(n, bad, self.squares + gap * gap, self.expected + bad + scale * scale * self.last_bad)
