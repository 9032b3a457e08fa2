"""A gate on a stage at a traffic, and what one tick brings: every forecast of a gate asks it. It tells no time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.plan import Gate, Plan
from rolloutd.core.stats.pace import Flow

WELL_SEEN = 0.9
MOST_LIKELY = 0.98


@dataclass(frozen=True, slots=True)
class Setting:
    """A gate on a stage at a traffic. Where an arm has few requests, several readings are taken as one tick."""

    plan: Plan
    index: int
    gate: Gate
    traffic: MetricTraffic

    @property
    def share(self) -> float:
        """The challenger's part."""
        return self.plan.stages[self.index].own_share.fraction

    @property
    def _smaller(self) -> float:
        """The part of the traffic that the arm with less of it has."""
        return min(self.share, 1.0 - self.share)

    @property
    def _fewest(self) -> int:
        """Requests of that arm in what is taken as one tick: one reading's, or as many readings' as bring one."""
        reading = self.traffic.rps * self.gate.every_ms / 1000.0 * self._smaller
        return round(reading * max(1, ceil(1.0 / reading)))

    @property
    def step_ms(self) -> float:
        """The time of one such tick: exactly that of its whole requests, or rounding them would be a slower traffic."""
        return 1000.0 * self._fewest / (self.traffic.rps * self._smaller)

    def flow(self, challenger_rate: float) -> Flow:
        """What a tick brings when the challenger errs at this rate."""
        requests = self._fewest / self._smaller
        challenger = max(1, round(requests * self.share))
        champion = max(1, round(requests * (1.0 - self.share)))
        return Flow(champion, self.traffic.rate, challenger, min(challenger_rate, MOST_LIKELY))
