"""A bet on one tick from same-size slices of the champion: is the challenger the worst of the bag? It must not be fed
slices of another size than the challenger.

With y_1..y_m the errors of m champion slices and x those of the challenger, the factor (m + 1) exp(lam x) / (exp(lam
x) + sum_j exp(lam y_j)) has mean 1 whenever the m + 1 counts could change places (given the past), whatever their
common distribution is: bursts, retries, bad minutes. It rises in x, so a challenger with fewer errors is covered too.
One slice is enough. For a ratio margin f > 1 each of the challenger's errors is kept with probability 1/f and the
factor averaged over what is kept: exact for independent errors, near it for bursts.
"""

from collections import Counter
from collections.abc import Sequence
from math import exp, log, log1p, sqrt

from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.robust import Dispersion

_MOST_TERMS = 64
_MANY_ERRORS = 512
_UNLIKELY = 1e-12


def observe(dispersion: Dispersion, slices: Sequence[int]) -> Dispersion:
    """Dispersion with one more tick: the variance of the champion's slices to their mean; one alone has none."""
    m = len(slices)
    if m < 2:
        return dispersion
    total = sum(slices)
    spread = sum([y * y for y in slices]) - total * total / m
    return Dispersion(dispersion.squares + spread * m / (m - 1), dispersion.expected + total)


def log_factors(
    challenger_bad: int, slices: Sequence[int], ratio_margin: float, ratios: Sequence[float], phi: float
) -> list[float]:
    """log of each effect's factor, lam_k = log(r_k) / phi; ratio_margin >= 1, at least one slice."""
    bag = Counter(slices)
    kept = _thinned(challenger_bad, ratio_margin)
    log_places = log(len(slices) + 1.0)
    found = []
    for ratio in ratios:
        lam = log(ratio) / phi
        others = logsumexp([log(count) + lam * bad for bad, count in bag.items()])
        if len(kept) == 1:
            ((x, p),) = kept
            found.append(log_places + log(p) - _log1p_exp(others - lam * x))
        else:
            found.append(log_places + log(sum([p / (1.0 + exp(min(others - lam * x, 700.0))) for x, p in kept])))
    return found


def _log1p_exp(x: float) -> float:
    return x + log1p(exp(-x)) if x > 0.0 else log1p(exp(x))


def _thinned(bad: int, ratio_margin: float) -> list[tuple[int, float]]:
    """Numbers of errors kept, with probabilities; long rows are thrown together at their lower ends, never upwards."""
    if ratio_margin <= 1.0 or bad == 0:
        return [(bad, 1.0)]
    keep = 1.0 / ratio_margin
    if bad > _MANY_ERRORS:  # Hoeffding: hardly ever fewer than this are kept
        fewest = bad * keep - sqrt(bad * log(1.0 / _UNLIKELY) / 2.0)
        return [(max(int(fewest), 0), 1.0 - _UNLIKELY)]
    log_odds = log(keep) - log1p(-keep)
    row, log_p = [], bad * log1p(-keep)
    for x in range(bad + 1):
        row.append((x, exp(log_p)))
        if x < bad:
            log_p += log((bad - x) / (x + 1.0)) + log_odds
    width = len(row) // _MOST_TERMS + 1
    return [(row[k][0], sum([p for _, p in row[k : k + width]])) for k in range(0, len(row), width)]
