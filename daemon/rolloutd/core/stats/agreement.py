"""Evidence on how often two versions agree, against a fixed floor; exact for independent pairs, from two counts."""

from math import log, log1p

from rolloutd.core.stats.limit import independent_log_e
from rolloutd.core.stats.logs import logsumexp

_SAFE_PARTS = (0.9, 0.75, 0.5, 0.2)


def harm_log_e(disagreements: int, n: int, floor: float) -> float:
    """log evidence that agreement lies below `floor`, 0 < floor < 1."""
    return independent_log_e(disagreements, n, 1.0 - floor)


def safe_log_e(disagreements: int, n: int, floor: float) -> float:
    """log evidence that agreement lies above `floor`: rates of .9, .75, .5 and .2 of what it lets through."""
    most = 1.0 - floor
    logs = []
    for part in _SAFE_PARTS:
        rate = part * most
        logs.append(disagreements * log(part) + (n - disagreements) * (log1p(-rate) - log1p(-most)))
    return logsumexp(logs) - log(len(_SAFE_PARTS))
