"""Made-up traffic for the real core: counts of two arms tick by tick, as answers of a metric source; it judges nothing.

Requests come independently (Poisson), errors too (binomial); the clock is the ticks' own. The core absorbs each answer
exactly as the daemon's loop lets it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from math import exp, sqrt

from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.metrics import Answer, Counted, Point
from rolloutd.core.plan import Plan
from rolloutd.core.setting import Setting
from rolloutd.core.values import FULL_BP, Share

CHAMPION, CHALLENGER = "champion", "challenger"
_EXACT_BELOW = 30.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests a second over both arms, the challenger's part of them, and the part of either that fails in health."""

    rps: float = 1_000.0
    share: float = 0.01
    errors: float = 0.001


class Ticks:
    """One gate's evidence under generated traffic, advanced tick by tick."""

    def __init__(self, plan: Plan, traffic: Traffic, tick_ms: int, chance: random.Random) -> None:
        self._gate = plan.gates[0]
        self._traffic = traffic
        self._tick_ms = tick_ms
        self.share = Share(round(traffic.share * FULL_BP))
        self._chance = chance
        self._now_ms = 0
        self._sums = {CHAMPION: (0, 0), CHALLENGER: (0, 0)}
        self.evidence = GateEvidence.start(plan, self._gate)
        self._absorb()

    def copy(self, chance: random.Random) -> Ticks:
        """The same past with another future."""
        twin = object.__new__(Ticks)
        twin.__dict__.update(self.__dict__)
        twin._sums = dict(self._sums)
        twin._chance = chance
        return twin

    def turn(self, errors: float) -> None:
        """From now on this part of either arm's requests fails: an incident outside of both, or its end."""
        self._traffic = replace(self._traffic, errors=errors)

    def tick(self, failing_s: float = 0.0) -> int:
        """One tick, in the last ``failing_s`` of which every challenger request fails; how many failed for that."""
        seconds, traffic = self._tick_ms / 1000, self._traffic
        champion = self._poisson(traffic.rps * (1 - traffic.share) * seconds)
        healthy = self._poisson(traffic.rps * traffic.share * (seconds - failing_s))
        broken = self._poisson(traffic.rps * traffic.share * failing_s)
        self._add(CHAMPION, champion, self._failed(champion))
        self._add(CHALLENGER, healthy + broken, self._failed(healthy) + broken)
        self._now_ms += self._tick_ms
        self._absorb()
        return broken

    def forget_counters(self) -> GateEvidence:
        """The evidence for a daemon whose proxy counts from elsewhere: its first reading is a new beginning."""
        return replace(self.evidence, champion=None, challenger=None, fresh_at_ms=None, counted_at_ms=None)

    def _add(self, arm: str, total: int, bad: int) -> None:
        before = self._sums[arm]
        self._sums[arm] = before[0] + total, before[1] + bad

    def _absorb(self) -> None:
        by_arm = {arm: _counted(*sums, self._now_ms) for arm, sums in self._sums.items()}
        setting = Setting(self._now_ms, self._tick_ms, CHAMPION, CHALLENGER, self.share, False)
        self.evidence = absorb(self.evidence, self._gate, Answer(self._now_ms, by_arm), setting)

    def _failed(self, requests: int) -> int:
        if self._traffic.errors <= 0.0 or requests == 0:
            return 0
        mean = requests * self._traffic.errors
        # The tail of a rare binomial is a Poisson's to the precision that matters here.
        return min(requests, self._poisson(mean))

    def _poisson(self, mean: float) -> int:
        if mean <= 0.0:
            return 0
        if mean > _EXACT_BELOW:
            return max(0, round(self._chance.gauss(mean, sqrt(mean))))
        threshold, product, count = exp(-mean), self._chance.random(), 0
        while product > threshold:
            product *= self._chance.random()
            count += 1
        return count


def _counted(total: int, bad: int, at_ms: int) -> Counted:
    return Counted((Point("total", float(total), at_ms),), (Point("bad", float(bad), at_ms),))
