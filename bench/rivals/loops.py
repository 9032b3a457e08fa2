"""The loops of Argo Rollouts and Flagger over measurements, as published; no statistics in them, only counters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p


@dataclass(frozen=True, slots=True)
class Argo:
    """One metric of an analysis run. Limits are those of the template; negative switches a limit off."""

    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    count: int = 0

    def phase(self, measurements: Iterable[str]) -> tuple[str, int]:
        """The metric's phase after the last measurement that was taken, and how many were taken.

        A measurement is "Successful", "Failed", "Inconclusive" or "Error". Counts add up over the run; errors that
        alternate with successes never trip, and an error counts for no measurement.
        """
        failed = inconclusive = errors_in_a_row = counted = taken = 0
        for found in measurements:
            taken += 1
            errors_in_a_row = errors_in_a_row + 1 if found == "Error" else 0
            counted += found != "Error"
            failed += found == "Failed"
            inconclusive += found == "Inconclusive"
            if errors_in_a_row > self.consecutive_error_limit >= 0:
                return "Error", taken
            if inconclusive > self.inconclusive_limit >= 0:
                return "Inconclusive", taken
            if failed > self.failure_limit >= 0:
                return "Failed", taken
            if self.count and counted >= self.count:
                return "Successful", taken
        return "Running", taken


@dataclass(frozen=True, slots=True)
class Flagger:
    """A canary's analysis: failed checks add up, a pass takes nothing back; the tick after the last rolls back."""

    threshold: int = 1

    def rolled_back_at(self, passed: Iterable[bool]) -> int | None:
        """The interval, from 1, in which traffic goes back; None while the checks last without it."""
        failed = taken = 0
        for ok in passed:
            taken += 1
            if failed >= max(self.threshold, 1):
                return taken
            failed += not ok
        return taken + 1 if failed >= max(self.threshold, 1) else None


def tail(n: int, p: float, above: int) -> float:
    """P(X > above) for X ~ Binomial(n, p)."""
    if above < 0:
        return 1.0
    logs = [
        lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p)
        for k in range(above + 1, n + 1)
    ]
    return min(1.0, sum(exp(value) for value in logs))


@dataclass(frozen=True, slots=True)
class Tuned:
    """A threshold rule with what it was tuned to: at least ``failures`` minutes with more than ``most`` errors."""

    failures: int
    most: int
    false_alarm: float

    def mean_requests(self, n: int, rate: float) -> float:
        """Mean requests until the last of the failed minutes is over, for challengers of this rate; no horizon."""
        return self.failures / tail(n, rate, self.most) * n


def tuned(n: int, rate: float, minutes: int, alpha: float, failures: int) -> Tuned:
    """The tightest rule of so many failures whose false alarms within the minutes stay below alpha, the rate known."""
    most = 0
    while True:
        chance = tail(n, rate, most)
        alarm = tail(minutes, chance, failures - 1) if 0.0 < chance < 1.0 else chance
        if alarm <= alpha:
            return Tuned(failures, most, alarm)
        most += 1
