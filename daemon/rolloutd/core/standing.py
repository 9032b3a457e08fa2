"""Where a gate stood after one tick, as a chart of the past needs it: the stage's counts and their dispersion. Pure.

From these the range of the difference is what it was then, by the same function as on the day. It decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.range import difference_range


@dataclass(frozen=True, slots=True)
class Standing:
    """The stage's counts so far, both arms with traffic, and by how much errors came in bursts (``phi``)."""

    champion_n: int
    champion_bad: int
    challenger_n: int
    challenger_bad: int
    phi: float

    @property
    def delta(self) -> float:
        """The difference of the stage's rates, challenger less champion."""
        return self.challenger_bad / self.challenger_n - self.champion_bad / self.champion_n

    def range(self, alpha: float) -> tuple[float, float] | None:
        """Where the difference lay at any look, but for one case in 1/alpha."""
        counts = Increment(self.champion_n, self.champion_bad, self.challenger_n, self.challenger_bad)
        return difference_range([counts], alpha, self.phi)


def standing(known: GateEvidence) -> Standing | None:
    """None where there is nothing to compare, where the gate sees nothing, and for means and drift, which are none."""
    sums = known.stage_sum
    rates = known.averages is None and known.drift is None
    if known.blind is not None or not rates or not sums.comparable:
        return None
    phi = known.harm.learnt.totals.phi
    return Standing(sums.champion_n, sums.champion_bad, sums.challenger_n, sums.challenger_bad, phi)
