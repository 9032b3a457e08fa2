"""How fast a gate's evidence grows a tick, from the tests' own factors on counts to be expected; it is no evidence.

Each effect of a test is a walk. Its mean step and how the steps move together follow from asking the test itself about
the counts that a tick may bring, weighted by their odds (errors independent, or in bursts of phi). Nothing of the tests
is written down here a second time: change a grid, a weight or a bet, and the pace changes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, floor, lgamma, log, log1p, sqrt
from typing import cast

from rolloutd.core.stats.deflate import Clustering
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS
from rolloutd.core.stats.harm import GROSS_FACTOR, LOPSIDED, HarmEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.learnt import Learnt
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.restart import Restart
from rolloutd.core.stats.robust import Dispersion, theta
from rolloutd.core.stats.safe import SafeEvidence

_LONG_PAST = 1e9  # so much was seen before that one tick more teaches nothing
_MOST_NODES = 9
_UNLIKELY = 1e-6
_TINY = 1e-300
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
    """Mean step a tick of each effect's log, the covariance of the steps, and how far off centre they are.

    The last is the third central moment over the variance: about a step's size where few errors make all of it.
    """

    means: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    skews: tuple[float, ...]


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


def safe_pace(flow: Flow, margin: Margin, phi: float, *, taken_for: float | None = None) -> Pace:
    """Of the evidence of safety, in the order of its own weights; ``taken_for``: phi as believed."""
    return _moments(flow, phi, safe_steps(flow, margin, taken_for or phi))


def safe_steps(flow: Flow, margin: Margin, believed: float) -> Steps:
    """What a tick adds to each effect of the evidence of safety, once rates are known and phi is taken for this."""
    known = Clustering(0.0, 0.0, believed * _LONG_PAST, _LONG_PAST)
    nothing = (0.0,) * len(SAFE_LOG_WEIGHTS)
    start = SafeEvidence(margin, _LONG_PAST, _LONG_PAST * flow.champion_rate, known, nothing, nothing)

    def steps(inc: Increment) -> list[float]:
        after = start.observe(inc)
        return [exact + deflated / believed for exact, deflated in zip(after.exact, after.deflated, strict=True)]

    return steps


def is_divided(flow: Flow, margin: Margin) -> bool:
    """Whether such a tick's evidence of safety is divided by phi, instead of having phi in its bets."""
    nothing = (0.0,) * len(SAFE_LOG_WEIGHTS)
    after = SafeEvidence.start(margin).observe(Increment(flow.champion_n, 1, flow.challenger_n, 0))
    return after.exact == nothing


def harm_pace(flow: Flow, margin: Margin, phi: float, *, gross: bool, taken_for: float | None = None) -> Pace:
    """Of the evidence of harm, in the order of its grid; ``gross`` in a warm-up, ``taken_for``: phi as believed.

    Near the share from which on harm is bet on in another way, chance makes a tick's split fall to either side of it.
    """
    known = Dispersion((taken_for or phi) * _LONG_PAST, _LONG_PAST)
    champion = (_LONG_PAST, _LONG_PAST * flow.champion_rate)
    learnt = Learnt.start()._replace(totals=known, between_slices=known, champion=champion)
    start = HarmEvidence.start(margin, 0)._replace(learnt=learnt, restart=_Bare(0, 0, 0.0, 1.0, ()))
    border = margin.widened(GROSS_FACTOR) if gross else margin
    sides = _either_side(flow)
    ways = [theta(tick_of(side, 0, 0), border) > LOPSIDED for side in sides]
    paces = [
        _moments(side, phi, lambda inc: start.observe(inc, gross_only=gross).restart.logs)
        for side in (sides if ways[0] != ways[1] else (flow,))
    ]
    return paces[0] if len(paces) == 1 else _halfway(*paces)


def _either_side(flow: Flow) -> tuple[Flow, Flow]:
    """The same requests, split a standard deviation to either side."""
    requests = flow.champion_n + flow.challenger_n
    away = sqrt(flow.champion_n * flow.challenger_n / requests)
    sizes = [min(max(round(flow.challenger_n + part), 1), requests - 1) for part in (-away, away)]
    few, many = (replace(flow, champion_n=requests - size, challenger_n=size) for size in sizes)
    return few, many


def _halfway(one: Pace, other: Pace) -> Pace:
    def mean(a: Sequence[float], b: Sequence[float]) -> tuple[float, ...]:
        return tuple([(x + y) / 2.0 for x, y in zip(a, b, strict=True)])

    rows = tuple([mean(a, b) for a, b in zip(one.covariance, other.covariance, strict=True)])
    return Pace(mean(one.means, other.means), rows, mean(one.skews, other.skews))


def _moments(flow: Flow, phi: float, steps: Steps) -> Pace:
    rows = [
        (a * b, tuple(steps(tick_of(flow, x0, x1))))
        for x1, a in in_bursts(flow.challenger_n, flow.challenger_rate, phi)
        for x0, b in in_bursts(flow.champion_n, flow.champion_rate, phi)
        if a * b > _UNLIKELY
    ]
    size = range(len(rows[0][1]))
    means = tuple([sum([odds * found[k] for odds, found in rows]) for k in size])
    away = [(odds, [value - mean for value, mean in zip(found, means, strict=True)]) for odds, found in rows]
    half = {(i, j): sum([odds * d[i] * d[j] for odds, d in away]) for i in size for j in size if j <= i}
    covariance = tuple([tuple([half[max(i, j), min(i, j)] for j in size]) for i in size])
    skews = tuple([sum([odds * d[k] ** 3 for odds, d in away]) / max(half[k, k], _TINY) for k in size])
    return Pace(means, covariance, skews)


def tick_of(flow: Flow, champion_bad: float, challenger_bad: float) -> Increment:
    """A tick as it may come. Bursts of 1.4 errors bring no whole number, and the tests' arithmetic needs none."""
    return Increment(flow.champion_n, cast("int", champion_bad), flow.challenger_n, cast("int", challenger_bad))


def in_bursts(n: int, rate: float, size: float) -> list[tuple[float, float]]:
    """The same where errors come so many at a time: fewer events, each of them larger."""
    return [(min(n, size * events), odds) for events, odds in likely(n, rate / size)]


def likely(n: int, rate: float) -> list[tuple[float, float]]:
    """Counts of errors among n requests with their odds, which sum to 1; many counts are stood for by few.

    These are moved until their mean is the true one: what is told from them is a small difference of means.
    """
    if not 0.0 < rate < 1.0:
        return [(0 if rate <= 0.0 else n, 1.0)]
    spread = sqrt(n * rate * (1.0 - rate))
    low, high = max(0, floor(n * rate - 5.0 * spread - 2.0)), min(n, ceil(n * rate + 6.0 * spread + 6.0))
    row = list(_odds(n, rate, range(low, high + 1, max(1, (high - low) // _MOST_NODES))))
    total = sum([odds for _, odds in row])
    kept = [(count, odds / total) for count, odds in row if odds > _UNLIKELY * total or count <= 1]
    moved = n * rate / sum([count * odds for count, odds in kept])
    return [(min(n, moved * count), odds) for count, odds in kept]


def _odds(n: int, rate: float, counts: range) -> Iterator[tuple[int, float]]:
    bad, good = log(rate), log1p(-rate)
    for x in counts:
        yield x, exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) + x * bad + (n - x) * good)
