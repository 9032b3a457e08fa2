"""The test for any error rate, against the closest pair of rates on the margin; it must not choose the alternative.

Growth-rate-optimal e-variable for two samples (Turner, Ly and Grunwald, "Generic E-variables for exact sequential
k-sample tests", 2024), taken to half-planes p1 <= f p0 + d and blocks of unequal size. With theta* the line's point
nearest to the alternative in n1 KL(p1'||a) + n0 KL(p0'||b), the likelihood ratio has mean
prod (1 + c_i (theta_i - theta*_i)) <= exp(sum n_i c_i (theta_i - theta*_i)) <= 1 everywhere on the other side of the
line, the last step being the first-order condition of the projection on a convex set. Exact for every champion rate,
however it moves from tick to tick, as long as the errors inside a tick are independent.
"""

from collections.abc import Sequence
from math import log, log1p, sqrt
from typing import NamedTuple

from rolloutd.core.stats.grid import MOST_LIKELY_RATE
from rolloutd.core.stats.increment import Tick
from rolloutd.core.stats.margins import Margin

_PSEUDO_ERRORS, _PSEUDO_REQUESTS = 0.5, 50.0
_TINY = 1e-300
_ROUNDS = 100
_EPSILON = 2e-16


class Rates(NamedTuple):
    """A pair of error rates, each between 0 and 1."""

    challenger: float
    champion: float


def projection(challenger_n: float, champion_n: float, alternative: Rates, margin: Margin) -> Rates:
    """The point of the margin's line nearest to the alternative, weighted by the arms' sizes.

    The alternative may lie on either side; both n > 0, rates strictly between 0 and 1.
    """
    if margin.shift == 0.0:
        champion = _on_ratio(challenger_n, champion_n, alternative, margin.factor)
    else:
        champion = _on_line(challenger_n, champion_n, alternative, margin)
    return Rates(margin.tolerated(champion), champion)


def log_increment(tick: Tick, alternative: Rates, margin: Margin) -> float:
    """What one tick adds to the log evidence for `alternative` against the other side of the margin."""
    if not tick.comparable:
        return 0.0
    if not tick.bounded:
        null = event_projection(tick.challenger_n, tick.champion_n, alternative, margin)
        return event_log_ratio(tick, alternative, null)
    null = projection(tick.challenger_n, tick.champion_n, alternative, margin)
    return log_ratio(tick, alternative, null)


def log_event_increments(
    tick: Tick, margin: Margin, ratios: Sequence[float], past_n: float, past_bad: float
) -> list[float]:
    """What one tick adds to the log evidence of rates r_k beyond the margin, the champion's predicted from its past.

    With the likelihood of events, which is fair for requests too (1 + x <= e^x) and loses little while errors are rare.
    """
    champion = predicted_rate(past_n, past_bad, tick)
    border = margin.tolerated(champion)
    found = []
    for ratio in ratios:
        alternative = Rates(border * ratio, champion)
        null = event_projection(tick.challenger_n, tick.champion_n, alternative, margin)
        found.append(event_log_ratio(tick, alternative, null))
    return found


def predicted_rate(past_n: float, past_bad: float, tick: Tick) -> float:
    """The champion's rate as its past has it, with half an error in 50 more requests, or in this tick's exposure."""
    if tick.bounded:
        return min((past_bad + _PSEUDO_ERRORS) / (past_n + _PSEUDO_REQUESTS), MOST_LIKELY_RATE)
    return (past_bad + _PSEUDO_ERRORS) / (past_n + tick.champion_n)


def event_projection(challenger_n: float, champion_n: float, alternative: Rates, margin: Margin) -> Rates:
    """The same for Poisson counts of events, whose rates know no upper end; the positive root of a quadratic."""
    f, d = margin.factor, margin.shift
    weight = challenger_n * f + champion_n
    expected = challenger_n * alternative.challenger * f + champion_n * alternative.champion * f
    b = expected - weight * d
    c = champion_n * alternative.champion * d
    champion = (b + sqrt(b * b + 4.0 * f * weight * c)) / (2.0 * f * weight)
    return Rates(margin.tolerated(champion), champion)


def event_log_ratio(tick: Tick, alternative: Rates, null: Rates) -> float:
    """log likelihood ratio of two pairs of event rates for one tick's counts."""
    return (
        tick.challenger_bad * log(alternative.challenger / null.challenger)
        - tick.challenger_n * (alternative.challenger - null.challenger)
        + tick.champion_bad * log(alternative.champion / null.champion)
        - tick.champion_n * (alternative.champion - null.champion)
    )


def log_ratio(tick: Tick, alternative: Rates, null: Rates) -> float:
    """log likelihood ratio of two pairs of rates for one tick's counts."""
    good1, good0 = tick.challenger_n - tick.challenger_bad, tick.champion_n - tick.champion_bad
    return (
        tick.challenger_bad * log(alternative.challenger / null.challenger)
        + good1 * (log1p(-alternative.challenger) - log1p(-null.challenger))
        + tick.champion_bad * log(alternative.champion / null.champion)
        + good0 * (log1p(-alternative.champion) - log1p(-null.champion))
    )


def _on_ratio(n1: float, n0: float, alternative: Rates, factor: float) -> float:
    """Champion's rate of the projection on p1 = factor p0: the smaller root of a quadratic, in its stable form."""
    p1, p0 = alternative.challenger, alternative.champion
    a = factor * (n1 + n0)
    b = n1 * (factor + p1) + n0 * (1.0 + factor * p0)
    c = n1 * p1 + n0 * p0
    return 2.0 * c / (b + sqrt(max(b * b - 4.0 * a * c, 0.0)))


def _on_line(n1: float, n0: float, alternative: Rates, margin: Margin) -> float:
    """Champion's rate of the projection on p1 = f p0 + d: Newton's steps on a cubic, inside a shrinking bracket."""
    p1, p0, f, d = alternative.challenger, alternative.champion, margin.factor, margin.shift
    level = (p1 - d) / f  # where the line has the alternative's challenger rate
    low, high = max(min(p0, level), _TINY), min(max(p0, level), (1.0 - d) / f)
    b = (n1 * level + n0 * p0) / (n1 + n0)
    for _ in range(_ROUNDS):
        if not low < b < high:
            b = (low + high) / 2.0
        a = f * b + d
        va, vb = a * (1.0 - a), b * (1.0 - b)
        slope_free = n1 * f * (a - p1) * vb + n0 * (b - p0) * va
        if slope_free > 0.0:
            high = b
        else:
            low = b
        slope = n1 * f * (f * vb + (a - p1) * (1.0 - 2.0 * b)) + n0 * (va + (b - p0) * f * (1.0 - 2.0 * a))
        step = slope_free / slope if slope > 0.0 else b - (low + high) / 2.0
        b -= step
        if abs(step) <= _EPSILON * abs(b) or high - low <= _EPSILON * high:
            break
    return min(max(b, low), high)
