"""The test for rare errors, given a tick's total: the yardstick for truly independent errors; it must not see bursts.

Given m errors in both arms, those of the challenger are at most Binomial(m, theta), theta = r0 n1 / (r0 n1 + n0), as
long as the errors are independent and rare (for r0 = 1: at any rate, the hypergeometric being less spread; Hoeffding
1963). Exact for r0 = 1; for r0 > 1 the exact null is one of odds, so from 2 % errors on use `gro` there.
"""

from collections.abc import Sequence
from math import log

from rolloutd.core.stats.increment import Tick


def log_increments(tick: Tick, ratio_margin: float, ratios: Sequence[float]) -> tuple[float, ...]:
    """What one tick adds to each effect's log evidence of harm beyond `ratio_margin`.

    Ticks of equal n1/n0 may be merged first: the sum is the same. 0 for a tick without traffic in one arm.
    """
    if not tick.comparable:
        return (0.0,) * len(ratios)
    n1, n0 = tick.challenger_n * ratio_margin, tick.champion_n
    border, m, x1 = log(n1 + n0), tick.champion_bad + tick.challenger_bad, tick.challenger_bad
    return tuple(x1 * log(r) - m * (log(r * n1 + n0) - border) for r in ratios)
