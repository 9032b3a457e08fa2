"""How fast a gate's evidence grows a tick, from the tests' own factors on counts to be expected; it is no evidence.

Each effect of a test is a walk. Its mean step and how the steps move together follow from asking the test itself about
the counts that a tick may bring, weighted by their odds (errors independent, or in bursts of phi). Nothing of the tests
is written down here a second time: change a grid, a weight or a bet, and the pace changes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, lgamma, log, log1p, sqrt

from rolloutd.core.stats.deflate import Clustering
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS
from rolloutd.core.stats.harm import HarmEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.learnt import Learnt
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart
from rolloutd.core.stats.robust import Dispersion
from rolloutd.core.stats.safe import SafeEvidence

_LONG_PAST = 1e9  # so much was seen before that one tick more teaches nothing
_MOST_NODES = 9
_UNLIKELY = 1e-9
Steps = Callable[[Increment], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Flow:
    """What one tick is expected to bring: requests of both arms (at least one each) and their error rates."""

    champion_n: int
    champion_rate: float
    challenger_n: int
    challenger_rate: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Mean step a tick of each effect's log, and the covariance of the steps."""

    means: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


class _Bare(Restart):
    """Keeps the factors themselves instead of putting mass to work."""

    __slots__ = ()

    def step(
        self,
        log_factors: Sequence[float],
        log_weights: Sequence[float],
        late_log_weights: Sequence[float] | None = None,
    ) -> Restart:
        """The factors as they are."""
        return _Bare(self.ticks, 0, 0.0, 1.0, tuple(log_factors))


def safe_pace(flow: Flow, margin: Margin, phi: float) -> Pace:
    """Of the evidence of safety, in the order of its own weights."""
    known = Clustering(0.0, 0.0, phi * _LONG_PAST, _LONG_PAST)
    nothing = (0.0,) * len(SAFE_LOG_WEIGHTS)
    start = SafeEvidence(margin, _LONG_PAST, _LONG_PAST * flow.champion_rate, known, nothing, nothing)

    def steps(inc: Increment) -> list[float]:
        after = start.observe(inc)
        return [exact + deflated / phi for exact, deflated in zip(after.exact, after.deflated, strict=True)]

    return _moments(flow, phi, steps)


def harm_pace(flow: Flow, margin: Margin, phi: float, *, gross: bool, taken_for: float | None = None) -> Pace:
    """Of the evidence of harm, in the order of its grid; ``gross`` in a warm-up, ``taken_for``: phi as believed."""
    known = Dispersion((taken_for or phi) * _LONG_PAST, _LONG_PAST)
    champion = (_LONG_PAST, _LONG_PAST * flow.champion_rate)
    learnt = Learnt.start()._replace(totals=known, between_slices=known, champion=champion)
    start = HarmEvidence.start(margin, 0)._replace(learnt=learnt, restart=_Bare(0, 0, 0.0, 1.0, ()))
    return _moments(flow, phi, lambda inc: start.observe(inc, gross_only=gross).restart.logs)


def _moments(flow: Flow, phi: float, steps: Steps) -> Pace:
    rows = [
        (a * b, tuple(steps(Increment(flow.champion_n, x0, flow.challenger_n, x1))))
        for x1, a in in_bursts(flow.challenger_n, flow.challenger_rate, phi)
        for x0, b in in_bursts(flow.champion_n, flow.champion_rate, phi)
    ]
    size = range(len(rows[0][1]))
    means = tuple([sum([odds * found[k] for odds, found in rows]) for k in size])
    away = [(odds, [value - mean for value, mean in zip(found, means, strict=True)]) for odds, found in rows]
    half = {(i, j): sum([odds * d[i] * d[j] for odds, d in away]) for i in size for j in size if j <= i}
    covariance = tuple([tuple([half[max(i, j), min(i, j)] for j in size]) for i in size])
    return Pace(means, covariance)


def in_bursts(n: int, rate: float, size: float) -> list[tuple[int, float]]:
    """The same where errors come so many at a time: fewer events, each of them larger."""
    return [(min(n, round(size * events)), odds) for events, odds in likely(n, rate / size)]


def likely(n: int, rate: float) -> list[tuple[int, float]]:
    """Counts of errors among n requests with their odds, which sum to 1; many counts are stood for by few."""
    if not 0.0 < rate < 1.0:
        return [(0 if rate <= 0.0 else n, 1.0)]
    spread = sqrt(n * rate * (1.0 - rate))
    low, high = max(0, floor(n * rate - 5.0 * spread - 2.0)), min(n, ceil(n * rate + 6.0 * spread + 6.0))
    row = list(_odds(n, rate, range(low, high + 1, max(1, (high - low) // _MOST_NODES))))
    total = sum([odds for _, odds in row])
    return [(count, odds / total) for count, odds in row if odds > _UNLIKELY * total]


def _odds(n: int, rate: float, counts: range) -> Iterator[tuple[int, float]]:
    bad, good = log(rate), log1p(-rate)
    for x in counts:
        yield x, exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) + x * bad + (n - x) * good)
