"""Evidence on how many mirrored requests get no answer, from requests that found no pair; exact for independent ones.

Where only a part of the requests is mirrored, most have no pair by plan: with a mirrored part m and a loss l of what is
mirrored a request has no pair with probability 1 - m (1 - l). The bets are on losses, so they keep their size at any m.
"""

from math import log

from rolloutd.core.stats.grid import EIGHT, MOST_LIKELY_RATE
from rolloutd.core.stats.logs import log_mixture

_SAFE_PARTS = (0.9, 0.75, 0.5, 0.2)
_SAFE_LOG_WEIGHTS = (-log(len(_SAFE_PARTS)),) * len(_SAFE_PARTS)


def harm_log_e(unpaired: int, n: int, limit: float, mirror: float) -> float:
    """log evidence that more than `limit` of what is mirrored is lost, 0 < limit < 1, 0 < mirror <= 1."""
    losses = [min(ratio * limit, MOST_LIKELY_RATE) for ratio in EIGHT.ratios]
    return log_mixture(EIGHT.log_weights, [_log_ratio(unpaired, n, max(loss, limit), limit, mirror) for loss in losses])


def safe_log_e(unpaired: int, n: int, limit: float, mirror: float) -> float:
    """log evidence that less is lost: .9, .75, .5 and .2 of the limit."""
    logs = [_log_ratio(unpaired, n, part * limit, limit, mirror) for part in _SAFE_PARTS]
    return log_mixture(_SAFE_LOG_WEIGHTS, logs)


def _log_ratio(unpaired: int, n: int, loss: float, limit: float, mirror: float) -> float:
    """log likelihood of this loss less that of the limit."""
    found, tolerated = mirror * (1.0 - loss), mirror * (1.0 - limit)
    return unpaired * log((1.0 - found) / (1.0 - tolerated)) + (n - unpaired) * log(found / tolerated)
