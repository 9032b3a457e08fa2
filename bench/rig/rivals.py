"""The loops of Flagger and Argo Rollouts, to be given the same series of requests; nothing of theirs is run.

Written from their source, as of Flagger 1.4x and Argo Rollouts 1.9: one ticker; each tick asks for the success rate of
the interval that ended there. Both get their least patient settings, and queries and router that take no time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Requests and failed ones of the challenger from one second to another, counted from the breach.
Window = Callable[[float, float], tuple[float, float]]
LEAST_SUCCESS = 0.99


@dataclass(frozen=True, slots=True)
class Breach:
    """A challenger that fails nothing before second 0 and everything after it, at a steady rate."""

    rps: float

    def window(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Requests and failed ones between two seconds."""
        return self.rps * (to_s - from_s), self.rps * max(0.0, to_s - max(0.0, from_s))


def flagger_zero_s(window: Window, interval_s: float, first_check_s: float, threshold: int = 1) -> float:
    """When the challenger has no traffic: the first tick that begins with ``threshold`` failed checks behind it.

    A tick looks at the count of failed checks before it checks, so what a check finds is acted on at the next tick.
    """
    failed, at_s = 0, first_check_s
    while failed < threshold:
        failed += _fails(window, at_s - interval_s, at_s)
        at_s += interval_s
    return at_s


def argo_zero_s(window: Window, interval_s: float, first_check_s: float, failure_limit: int = 0) -> float:
    """When the challenger has no traffic: at the measurement that is one failure more than the limit."""
    failed, at_s = 0, first_check_s
    while True:
        failed += _fails(window, at_s - interval_s, at_s)
        if failed > failure_limit:
            return at_s
        at_s += interval_s


def _fails(window: Window, from_s: float, to_s: float) -> bool:
    total, bad = window(from_s, to_s)
    return total > 0 and 1 - bad / total < LEAST_SUCCESS
