"""One arm against a limit that no champion can excuse; it must not look at the champion.

Two tests of "rate <= limit". The bet on a tick's rate, factor 1 + lam (x/n - limit) with 0 <= lam < 1/limit, has mean
at most 1 for any dependence between the errors of a tick (betting, Waudby-Smith and Ramdas 2024): it is the one in
use. The mixture of likelihood ratios is exact for independent errors only and serves as its yardstick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, log1p
from typing import Self

from rolloutd.core.stats.codec import Reader
from rolloutd.core.stats.grid import EIGHT, MOST_LIKELY_RATE
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.logs import log_mixture
from rolloutd.core.stats.restart import Restart

_BOLDEST = 0.95
_BETS = 8
_LOG_WEIGHTS = (-log(_BETS),) * _BETS
_GROSS_FACTOR = 3.0  # during a warm-up only errors beyond so many times the limit count


def stakes(limit: float) -> tuple[float, ...]:
    """lam x limit of each bet: from the best one on a single request at the grid's smallest effect up to .95.

    The more requests a tick has, the closer its rate is to the truth and the larger a stake pays; evenly in logs.
    """
    timid = min((EIGHT.ratios[0] - 1.0) * limit / (1.0 - limit), _BOLDEST / 2.0)
    growth = (_BOLDEST / timid) ** (1.0 / (_BETS - 1))
    return tuple(timid * growth**k for k in range(_BETS))


def log_factors(bad: int, n: int, limit: float, parts: Sequence[float]) -> list[float]:
    """log factor of each bet for one tick of one arm; `parts` from `stakes`. 0 where n = 0."""
    if n == 0:
        return [0.0] * len(parts)
    excess = bad / n / limit - 1.0
    return [log1p(part * excess) for part in parts]


def independent_log_e(bad: int, n: int, limit: float) -> float:
    """log evidence of the likelihood-ratio mixture for a rate above the limit, from totals; 0 < limit < 1."""
    logs = []
    for ratio in EIGHT.ratios:
        rate = min(ratio * limit, MOST_LIKELY_RATE)
        if rate <= limit:  # a point inside the null says nothing
            logs.append(0.0)
        else:
            logs.append(bad * log(rate / limit) + (n - bad) * (log1p(-rate) - log1p(-limit)))
    return log_mixture(EIGHT.log_weights, logs)


@dataclass(frozen=True, slots=True)
class LimitEvidence:
    """Evidence that the challenger errs above an absolute limit, whatever the champion does.

    Exact for any dependence between the errors of one tick; the restart mixture as in HarmEvidence.
    """

    limit: float
    restart: Restart

    @classmethod
    def start(cls, limit: float, later_stages: int) -> Self:
        """Before the first tick. Raises ValueError unless 0 < limit < 1."""
        if not 0.0 < limit < 1.0:
            raise ValueError(
                f"A limit of {limit} is no error rate that could be exceeded. The gate was not built and traffic is as "
                "before. Give a rate between 0 and 1, such as 0.05."
            )
        return cls(limit, Restart.start(later_stages))

    def observe(self, inc: Increment, *, stage_started: bool = False, gross_only: bool = False) -> "LimitEvidence":
        """With one more tick; `gross_only` puts the limit at three times its value, or halfway to 1 if that is less."""
        restart = self.restart.stage(_LOG_WEIGHTS) if stage_started else self.restart
        if inc.challenger_n == 0:
            return replace(self, restart=restart)
        bound = min(_GROSS_FACTOR * self.limit, (1.0 + self.limit) / 2.0) if gross_only else self.limit
        factors = log_factors(inc.challenger_bad, inc.challenger_n, bound, stakes(self.limit))
        return LimitEvidence(self.limit, restart.step(factors, _LOG_WEIGHTS))

    @property
    def log_e(self) -> float:
        """log of the evidence now."""
        return self.restart.log_e

    def encode(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {"kind": "limit.1", "limit": self.limit, "restart": self.restart.encode()}

    @classmethod
    def decode(cls, data: Mapping[str, object]) -> Self:
        """From what `encode` gave. Raises ValueError for anything else."""
        read = Reader(data, "limit.1")
        return cls(read.number("limit"), read.restart("restart", _BETS))
