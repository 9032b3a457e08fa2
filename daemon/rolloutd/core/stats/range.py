"""Where the challenger's rate may lie relative to the champion's, at any look; for display: it decides nothing.

Both ranges cover the truth at all looks together with probability 1 - alpha, given groups of ticks (say, one a stage)
inside which errors are independent and
  - for the ratio, errors rare, n1/n0 the same in all ticks of a group; the champion's rate may move;
  - for the difference, both rates stay where they are.
Where errors come in bursts, dividing by their dispersion phi widens the ranges about rightly.
"""

from collections.abc import Callable, Sequence
from math import exp, lgamma, log, log1p

from rolloutd.core.stats.gro import Rates, projection
from rolloutd.core.stats.increment import Increment, Tick
from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.margins import Margin

_POINTS, _WIDEST = 64, 16.0
RATIOS = tuple(exp(log(_WIDEST) * (2.0 * k / (_POINTS - 1) - 1.0)) for k in range(_POINTS))
_HALVINGS = 40


def ratio_range(groups: Sequence[Tick], alpha: float, phi: float = 1.0) -> tuple[float, float] | None:
    """Least and greatest of 64 ratios from 1/16 to 16 that the counts leave standing; None before any error.

    A ratio falls when the mixture of all has grown past 1/alpha times its own likelihood.
    """
    useful = [group for group in groups if group.comparable]
    if sum(g.challenger_bad + g.champion_bad for g in useful) == 0:
        return None
    logs = [sum(_log_likelihood(group, ratio) for group in useful) / phi for ratio in RATIOS]
    needed = logsumexp(logs) - log(_POINTS) - log(1.0 / alpha)
    standing = [ratio for ratio, value in zip(RATIOS, logs, strict=True) if value > needed]
    return (standing[0], standing[-1]) if standing else None


def difference_range(groups: Sequence[Increment], alpha: float, phi: float = 1.0) -> tuple[float, float] | None:
    """Range of challenger minus champion rate, by bisection from the pooled difference; None before any traffic.

    A difference falls when independent Beta(1/2, 1/2) mixtures of both rates beat the best pair of rates that have it
    by 1/alpha (universal inference, Wasserman, Ramdas and Balakrishnan 2020).
    """
    useful = [group for group in groups if group.comparable]
    if not useful:
        return None
    needed = phi * log(1.0 / alpha)
    mixture = sum(_log_beta_mixture(g.challenger_bad, g.challenger_n) for g in useful)
    mixture += sum(_log_beta_mixture(g.champion_bad, g.champion_n) for g in useful)
    total = useful[0] if len(useful) == 1 else sum(useful[1:], useful[0])
    centre = total.challenger_bad / total.challenger_n - total.champion_bad / total.champion_n

    def stands(difference: float) -> bool:
        return mixture - sum(_best_with(group, difference) for group in useful) < needed

    return _edge(stands, centre, -1.0), _edge(stands, centre, 1.0)


def _log_likelihood(tick: Tick, ratio: float) -> float:
    return tick.challenger_bad * log(ratio) - (tick.challenger_bad + tick.champion_bad) * log(
        ratio * tick.challenger_n + tick.champion_n
    )


def _log_beta_mixture(bad: int, n: int) -> float:
    half = 0.5
    return lgamma(bad + half) + lgamma(n - bad + half) - lgamma(n + 1.0) - 2.0 * lgamma(half)


def _best_with(tick: Increment, difference: float) -> float:
    """Greatest log likelihood of a pair of rates whose difference is given, strictly between -1 and 1."""
    n1, x1, n0, x0 = tick.challenger_n, tick.challenger_bad, tick.champion_n, tick.champion_bad
    if difference < 0.0:  # the same line seen from the other arm
        n1, x1, n0, x0, difference = n0, x0, n1, x1, -difference
    inner = Rates(_inside(x1 / n1), _inside(x0 / n0))
    best = projection(n1, n0, inner, Margin.difference(difference))
    a, b = _inside(best.challenger), _inside(best.champion)
    return x1 * log(a) + (n1 - x1) * log1p(-a) + x0 * log(b) + (n0 - x0) * log1p(-b)


def _inside(rate: float) -> float:
    return min(max(rate, 1e-12), 1.0 - 1e-12)


def _edge(stands: Callable[[float], bool], centre: float, far: float) -> float:
    """Where the range ends between its centre and `far`, to about 1e-12 of the way."""
    inner, outer = centre, far
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2.0
        if stands(middle):
            inner = middle
        else:
            outer = middle
    return outer
