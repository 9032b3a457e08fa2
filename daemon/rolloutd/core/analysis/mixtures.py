"""Adds up bets over ticks in the way the question asks for: plainly, restarting, or with masses given by hand.

It must not know what the bets are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.restart import Restart


class Mixture:
    """A running mixture over effects. ``masses`` is None for a plain one, empty for the shipped restarts."""

    def __init__(self, log_weights: Sequence[float], masses: Sequence[float] | None, later_stages: int) -> None:
        self._weights = tuple(log_weights)
        self._masses = masses
        self._plain = [0.0] * len(self._weights)
        self._restart = Restart.start(later_stages)
        self._tick = 0

    def stage(self) -> None:
        """A later stage begins with the next tick."""
        if self._masses is not None and not self._masses:
            self._restart = self._restart.stage(self._weights)

    def add(self, log_factors: Sequence[float]) -> None:
        """One more tick."""
        self._tick += 1
        if self._masses is None:
            self._plain = [value + factor for value, factor in zip(self._plain, log_factors, strict=True)]
        elif not self._masses:
            self._restart = self._restart.step(log_factors, self._weights)
        else:
            mass = self._masses[self._tick - 1] if self._tick <= len(self._masses) else 0.0
            self._restart = self._restart.step_with_mass(mass, log_factors, self._weights)

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return log_mixture(self._weights, self._plain) if self._masses is None else self._restart.log_e


def even_weights(count: int) -> tuple[float, ...]:
    """Logarithms of equal weights."""
    return (-log(count),) * count
