"""Whether one arm errs much more than it did itself a while ago; it must not look at the other arm.

Much more is four times the past rate and one percentage point above it: the time of day does not do that. The past is
what lies six ticks back and more, slowly forgotten, taken at its upper estimate; while there is little of it, nothing
is a jump. The bet on a tick's rate x/n, factor 1 + lam (x/n / limit - 1), has mean at most 1 however the errors of a
tick cling together, as in `limit`; one tick says little, so a burst is no jump. Restarts as in `restart`: an incident
after a quiet day is found as one in the first hour is.
"""

from dataclasses import dataclass, replace
from math import log, log1p, sqrt
from typing import Self

from rolloutd.core.stats.restart import Restart

FACTOR, POINTS = 4.0, 0.01
RECENT_TICKS = 6
_MEMORY = 0.995
_STAKES = (0.1, 0.2, 0.4, 0.7, 0.95)
_LOG_WEIGHTS = (-log(len(_STAKES)),) * len(_STAKES)


@dataclass(frozen=True, slots=True)
class JumpEvidence:
    """Evidence that an arm's error rate jumped. ``recent`` are its last ticks (requests, errors), not yet its past."""

    past_n: float
    past_bad: float
    recent: tuple[tuple[int, int], ...]
    restart: Restart

    @classmethod
    def start(cls) -> Self:
        """Before the first tick."""
        return cls(0.0, 0.0, (), Restart.start(0))

    def observe(self, n: int, bad: int) -> "JumpEvidence":
        """With one more tick; one without requests changes nothing."""
        if n == 0:
            return self
        past_n, past_bad, limit, recent = self.past_n, self.past_bad, self.limit, (*self.recent, (n, bad))
        if len(recent) > RECENT_TICKS:
            if not _far_above(limit, recent):  # an incident does not become what is usual
                past_n, past_bad = _MEMORY * past_n + recent[0][0], _MEMORY * past_bad + recent[0][1]
            recent = recent[1:]
        factors = [0.0 if limit is None else log1p(stake * (bad / n / limit - 1.0)) for stake in _STAKES]
        return replace(
            self,
            past_n=past_n,
            past_bad=past_bad,
            recent=recent,
            restart=self.restart if limit is None else self.restart.step(factors, _LOG_WEIGHTS),
        )

    @property
    def limit(self) -> float | None:
        """The rate from which a jump is one, or None while the past is too little known."""
        if self.past_n == 0.0:
            return None
        upper = (self.past_bad + 2.0 + 2.0 * sqrt(self.past_bad + 1.0)) / self.past_n
        limit = max(FACTOR * upper, upper + POINTS)
        return limit if limit < 1.0 else None

    @property
    def past(self) -> float | None:
        """The arm's rate of a while ago, None while there is none."""
        return self.past_bad / self.past_n if self.past_n else None

    @property
    def now(self) -> float | None:
        """The arm's rate in its last ticks, None while there are none."""
        n = sum(count for count, _ in self.recent)
        return sum(bad for _, bad in self.recent) / n if n else None

    @property
    def lasting(self) -> bool:
        """Whether the last ticks are above the limit, too: a jump that is over is none."""
        now, limit = self.now, self.limit
        return now is not None and limit is not None and now > limit

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self.restart.log_e


def _far_above(limit: float | None, ticks: tuple[tuple[int, int], ...]) -> bool:
    """Whether these ticks together err beyond the limit by more than chance would have it."""
    if limit is None:
        return False
    expected = limit * sum(n for n, _ in ticks)
    return sum(bad for _, bad in ticks) > expected + 3.0 * sqrt(expected) + 1.0
