"""What slower challengers look like in the champion's own buckets, as density ratios; it must not look at a challenger.

With the buckets' bounds known: all requests c times as long, from the champion's distribution drawn as a straight line
of normal scores over log time between two bounds (exact for a lognormal one); a part of the requests lifted over the
SLO; and a part that comes from a much slower distribution. Each ratio is made rising over the buckets by pooling
neighbours that are out of order, weighted by the champion's distribution (isotonic regression): that is the projection
on what is fair for every challenger that is stochastically not slower, so no rising test can grow faster.
"""

from collections.abc import Sequence
from math import log

from rolloutd.core.stats import normal

SCALES = (1.09, 1.18, 1.36, 1.85)
LIFTED = (0.008, 0.035)
TAIL = 0.02
_SCALE_WEIGHTS, _LIFTED_WEIGHT, _TAIL_WEIGHT = (0.18, 0.18, 0.18, 0.12), 0.15, 0.04
_TAIL_POWER = 0.15
_FLOOR = 0.01
_USUAL_SLOPE = 2.0  # normal scores a unit of log time, where one bucket says nothing of it


def log_weights(slo_bucket: int | None) -> tuple[float, ...]:
    """Of the alternatives in the order of `log_ratios`; they sum to 1."""
    weights = [*_SCALE_WEIGHTS, *([_LIFTED_WEIGHT] * len(LIFTED) if slo_bucket is not None else []), _TAIL_WEIGHT]
    return tuple(log(weight / sum(weights)) for weight in weights)


def ratios(counts: Sequence[float], bounds: Sequence[float], slo_bucket: int | None) -> list[list[float]]:
    """Density ratios of every alternative, for the champion's counts a bucket, none of them 0; +Inf has no bound.

    `slo_bucket`: the last bucket inside the limit.
    """
    total = sum(counts)
    distribution = [count / total for count in counts]
    found = [_scaled(distribution, bounds, scale) for scale in SCALES]
    if slo_bucket is not None:
        found += [_lifted(distribution, slo_bucket + 1, part) for part in LIFTED]
    found.append(_tailed(distribution, TAIL))
    return [rising(distribution, bent) for bent in found]


def rising(distribution: Sequence[float], bent: Sequence[float], floor: float = _FLOOR) -> list[float]:
    """The rising ratios nearest to those of a bent distribution, with mean 1 and a floor."""
    pools: list[tuple[float, float, int]] = []  # part of the bent, part of the original, buckets
    for after, before in zip(bent, distribution, strict=True):
        mine, theirs, width = after, before, 1
        while pools and pools[-1][0] * theirs >= mine * pools[-1][1]:
            more, of, wide = pools.pop()
            mine, theirs, width = mine + more, theirs + of, width + wide
        pools.append((mine, theirs, width))
    return [floor + (1.0 - floor) * mine / theirs for mine, theirs, width in pools for _ in range(width)]


def _scaled(distribution: Sequence[float], bounds: Sequence[float], scale: float) -> list[float]:
    """All requests `scale` times as long."""
    scores, total = [], 0.0
    for part in distribution[:-1]:
        total += part
        scores.append(normal.quantile(min(max(total, 1e-12), 1.0 - 1e-12)))
    places = [log(bound) for bound in bounds]
    cumulative, shift, k = [], log(scale), 0
    for place in places:
        wanted = place - shift
        while k + 1 < len(places) and places[k + 1] <= wanted:
            k += 1
        if wanted < places[0]:
            slope = (scores[1] - scores[0]) / (places[1] - places[0]) if len(places) > 1 else 0.0
            score = scores[0] + (slope if slope > 0.0 else _USUAL_SLOPE) * (wanted - places[0])
        elif k + 1 == len(places):
            score = scores[k]
        else:
            score = scores[k] + (scores[k + 1] - scores[k]) * (wanted - places[k]) / (places[k + 1] - places[k])
        cumulative.append(normal.cdf(score))
    return _parts(cumulative)


def _lifted(distribution: Sequence[float], first: int, part: float) -> list[float]:
    """`part` of the requests that were inside the limit are now spread over the buckets beyond it."""
    over = sum(distribution[first:])
    raised = over + (1.0 - over) * part
    return [p * ((1.0 - raised) / (1.0 - over) if j < first else raised / over) for j, p in enumerate(distribution)]


def _tailed(distribution: Sequence[float], part: float) -> list[float]:
    cumulative, total = [], 0.0
    for p in distribution[:-1]:
        total += p
        left = max(1.0 - total, 0.0)
        cumulative.append((1.0 - part) * total + part * (1.0 - left**_TAIL_POWER))
    return _parts(cumulative)


def _parts(cumulative: Sequence[float]) -> list[float]:
    """Parts a bucket from cumulative ones, the open end included."""
    found, before = [], 0.0
    for value in (*cumulative, 1.0):
        found.append(max(value - before, 0.0))
        before = max(value, before)
    return found
