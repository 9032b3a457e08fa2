"""One arm against a limit that no champion can excuse; it must not look at the champion.

Two tests of "rate <= limit". The bet on a tick's rate, factor 1 + lam (x/n - limit) with 0 <= lam < 1/limit, has mean
at most 1 for any dependence between the errors of a tick (betting, Waudby-Smith and Ramdas 2024): it is the one in
use. The mixture of likelihood ratios is exact for independent errors only and serves as its yardstick.
"""

from collections.abc import Sequence
from math import log, log1p

from rolloutd.core.stats.grid import EIGHT, MOST_LIKELY_RATE
from rolloutd.core.stats.logs import log_mixture

_BOLDEST = 0.95
_BETS = 8


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
