"""Evidence from pairs: both versions answered the same request; exact, from three counts that never need a tick.

D = loss of the challenger minus loss of the champion is -1, 0 or 1 on each pair, so only the counts of +1 (b), -1 (c)
and of all (n) matter. Pairs are taken as independent; a person who sends many requests should be counted once.
"""

from math import log, log1p

from rolloutd.core.stats.grid import EIGHT
from rolloutd.core.stats.logs import logsumexp

_BETS = 12
_BOLDEST, _SHYEST = 0.95, 0.01
_LAMBDAS = tuple(_SHYEST * (_BOLDEST / _SHYEST) ** (k / (_BETS - 1)) for k in range(_BETS))


def betting_log_e(worse: int, better: int, n: int, margin: float) -> float:
    """log evidence that the challenger's loss exceeds the champion's by more than `margin` (0 <= margin < 1) a pair.

    Mixture of bets 1 + l (D - margin) (Waudby-Smith and Ramdas 2024). For safety swap `worse` and `better` and give
    the negative of the accept margin.
    """
    same = n - worse - better
    logs = []
    for lam in _LAMBDAS:
        stake = lam / (1.0 + margin)
        logs.append(
            worse * log1p(stake * (1.0 - margin))
            + better * log1p(-stake * (1.0 + margin))
            + same * log1p(-stake * margin)
        )
    return logsumexp(logs) - log(_BETS)


def mcnemar_log_e(worse: int, better: int) -> float:
    """log evidence that pairs which differ go against the challenger more often than not (McNemar, as a mixture)."""
    logs = [
        weight + worse * log(2.0 * ratio / (1.0 + ratio)) + better * log(2.0 / (1.0 + ratio))
        for ratio, weight in zip(EIGHT.ratios, EIGHT.log_weights, strict=True)
    ]
    return logsumexp(logs)


def harm_log_e(worse: int, better: int, n: int, margin: float) -> float:
    """log evidence of harm beyond `margin`: McNemar's mixture without a margin, the bet with one."""
    return mcnemar_log_e(worse, better) if margin == 0.0 else betting_log_e(worse, better, n, margin)


def safe_log_e(worse: int, better: int, n: int, margin: float) -> float:
    """log evidence that the challenger's loss exceeds the champion's by less than `margin` >= 0 a pair."""
    return betting_log_e(better, worse, n, -margin)
