"""The effects a test is prepared to see, with their weights; it must not look at any data.

The posterior spread of log r at the moment of detection is about 0.27 log r whatever r is, so effects even in log log r
cost about the same regret everywhere. Eight of them cost about one nat.
"""

from dataclasses import dataclass
from math import exp, log

from rolloutd.core.stats.margins import Margin

MOST_LIKELY_RATE = 0.98  # no alternative claims more certainty than this
ODDS_ABOVE = 0.2  # from this rate on, an effect multiplies the odds: a ratio would run into 1


@dataclass(frozen=True, slots=True)
class Grid:
    """Effects r_k > 1 beyond the margin, and the logarithms of their weights, which sum to 1."""

    ratios: tuple[float, ...]
    log_weights: tuple[float, ...]


def spread(low: float, high: float, points: int) -> tuple[float, ...]:
    """`points` ratios from low to high, even in log log r; low > 1."""
    growth = (log(high) / log(low)) ** (1.0 / (points - 1))
    inner = tuple(exp(log(low) * growth**k) for k in range(1, points - 1))
    return (low, *inner, high)


def even(ratios: tuple[float, ...]) -> Grid:
    """The ratios with equal weights."""
    return Grid(ratios, (-log(len(ratios)),) * len(ratios))


EIGHT = even(spread(1.35, 8.0, 8))

_TOTAL_FAILURE = 64.0
_EVEN_REGRET = (0.05, 0.192, 0.17, 0.07, 0.05, 0.138, 0.22, 0.11)


def _with_total_failure(weight: float) -> Grid:
    logs = [log(w * (1.0 - weight)) for w in _EVEN_REGRET]
    return Grid((*EIGHT.ratios, _TOTAL_FAILURE), (*logs, log(weight)))


HARM = _with_total_failure(1.0 / 64.0)
"""The eight, weighted so that small and large effects take about the same times what an oracle needs (equal weights:
4 % more for 5 times the champion's errors than for 2), and a ninth at 64 that hurries when everything fails."""

HARM_LATE = _with_total_failure(1.0 / 4.0)
"""The same effects for what begins later. After a long healthy time the mass that meets a total failure is small, and
it must show within seconds; lesser harm takes long enough for a quarter less of it to matter little."""

SAFE_WEIGHTS = (0.5, 0.3, 0.15, 0.05)
SAFE_LOG_WEIGHTS = tuple(log(w) for w in SAFE_WEIGHTS)


def harmful_rate(champion_rate: float, margin: Margin, ratio: float) -> float | None:
    """The challenger's rate `ratio` beyond the margin; None where no such rate lies outside the margin."""
    border = margin.tolerated(champion_rate)
    if border >= MOST_LIKELY_RATE:
        return None
    if border > ODDS_ABOVE:
        odds = ratio * border / (1.0 - border)
        rate = odds / (1.0 + odds)
    else:
        rate = border * ratio
    rate = min(rate, MOST_LIKELY_RATE)
    return rate if rate > border else None


def safe_rates(champion_rate: float, margin: Margin, *, bounded: bool = True) -> tuple[float | None, ...]:
    """Rates a good challenger may have: like the champion, half-way to the margin, .8 and .5 of the champion's.

    None stands for those not inside; `bounded` rates are parts of requests. The order is that of SAFE_WEIGHTS.
    """
    border = margin.tolerated(champion_rate)
    wanted = (champion_rate, (champion_rate + border) / 2.0, 0.8 * champion_rate, 0.5 * champion_rate)
    if bounded:
        border = min(border, 1.0)
    return tuple(rate if rate < border else None for rate in wanted)
