"""Evidence of several gates as one; it must not weigh gates by what they show.

Harm: the weighted average of e-values is an e-value under any dependence, and the only admissible merger (Vovk and Wang
2021). Safe: every gate must show it, so the weakest decides and no correction is due (intersection-union).
"""

from collections.abc import Sequence
from math import log

from rolloutd.core.stats.logs import log_mixture


def harm_average(log_es: Sequence[float], weights: Sequence[float]) -> float:
    """log of the weighted average. Raises ValueError unless the weights are positive and sum to 1 within 1e-9."""
    if len(log_es) != len(weights) or min(weights, default=0.0) <= 0.0 or abs(sum(weights) - 1.0) > 1e-9:
        raise ValueError(
            f"The weights {list(weights)} cannot average the evidence of {len(log_es)} gates. No verdict was reached "
            "and traffic is as before. Give each gate a weight above 0, all of them summing to 1."
        )
    return log_mixture([log(w) for w in weights], log_es)


def safe_intersection(log_es: Sequence[float]) -> float:
    """The weakest of the gates' safe evidence; -inf where there is no gate, because nothing then speaks for safety."""
    return min(log_es, default=float("-inf"))
