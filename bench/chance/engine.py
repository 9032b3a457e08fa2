"""Runs the shipped evidence over ticks until it speaks; nothing in it is pinned, and the traffic comes from outside."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, SafeEvidence
from rolloutd.core.stats.restart import Restart

ALPHA, BETA = 0.01, 0.05
FIRE, PASS = log(1.0 / ALPHA), log(1.0 / BETA)
LATER_STAGES = 3  # the standard strategy: 1 %, 10 %, 50 %, 100 %
EQUAL = Margin.ratio(1.0)


class OneStart(Restart):
    """All mass at work from the first tick on: the evidence as it would be without restarts."""

    __slots__ = ()

    def step(
        self,
        log_factors: Iterable[float],
        log_weights: Iterable[float],
        late_log_weights: Iterable[float] | None = None,
    ) -> OneStart:
        """Multiply by the tick's factors."""
        logs = self.logs or tuple(log_weights)
        moved = tuple([value + factor for value, factor in zip(logs, log_factors, strict=True)])
        return OneStart(self.ticks + 1, 0, 0.0, 1.0, moved)

    def stage(self, log_weights: Iterable[float]) -> OneStart:
        """Later stages bring nothing new."""
        return self


def shipped(margin: Margin = EQUAL, gates: int = 1) -> HarmEvidence:
    """Harm evidence as the daemon starts it for the standard strategy and a plan of so many equal gates."""
    return HarmEvidence.start(margin, LATER_STAGES, line=FIRE + log(gates))


def carried(margin: Margin = EQUAL) -> HarmEvidence:
    """The same without restarts."""
    return HarmEvidence.start(margin, 0, line=FIRE)._replace(restart=OneStart(0, 0, 0.0, 1.0, ()))


def ticks_to_harm(evidence: HarmEvidence, ticks: Iterable[tuple[int, int, int, int]]) -> int | None:
    """Ticks (champion n, bad, challenger n, bad) until harm is shown; None if they end before."""
    for number, (n0, x0, n1, x1) in enumerate(ticks, 1):
        evidence = evidence.observe(Increment(n0, x0, n1, x1))
        if evidence.log_e >= FIRE:
            return number
    return None


def ticks_to_safety(margin: Margin, ticks: Iterable[tuple[int, int, int, int]]) -> int | None:
    """Ticks until safety is shown; None if they end before."""
    evidence = SafeEvidence.start(margin)
    for number, (n0, x0, n1, x1) in enumerate(ticks, 1):
        evidence = evidence.observe(Increment(n0, x0, n1, x1))
        if evidence.log_e >= PASS:
            return number
    return None
