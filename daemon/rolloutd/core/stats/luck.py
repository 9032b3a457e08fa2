"""When evidence of safety that a burst of errors sets back, divided by what phi is taken for, meets its line.

While bursts are badly known phi may be taken for little, and a challenger that had none yet passes by luck. So the odds
of each number of bursts and of each belief are followed together, step by step. It is a plan, never evidence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, sqrt
from typing import TypeAlias

from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS
from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.pace import Flow, safe_steps, tick_of
from rolloutd.core.stats.passage import Passage, below

_EDGES = (-inf, -1.2206, -0.7647, -0.4307, -0.1397, 0.1397, 0.4307, 0.7647, 1.2206, inf)
MIDDLES = (-1.5932, -0.9674, -0.5895, -0.2822, 0.0, 0.2822, 0.5895, 0.9674, 1.5932)
"""Nine equal parts of a normal law, each by its middle."""
_PARTS = len(MIDDLES)
_BURSTS = 0.5  # a step is a tick, or as long as brings so many,
_LONGER = 0.03  # or this part of the time so far
_MOST_BURSTS = 300.0
_OVER = 2e-4
_NOT_OVER = 0.02
_UNLIKELY = 1e-7
_HALVINGS = 12
_Row = list[float]


@dataclass(frozen=True, slots=True)
class Walk:
    """What each effect's log gains in a tick without bursts, undivided, and what a burst adds; so many come a tick."""

    idle: Sequence[float]
    jumps: Sequence[float]
    bursts: float

    def most(self, ticks: float, phi: float, line: float) -> float:
        """With how many bursts the evidence is at its line after so many ticks; -1 where even none is too many."""
        start = [weight + ticks * step / phi for weight, step in zip(SAFE_LOG_WEIGHTS, self.idle, strict=True)]

        def passes(count: float) -> bool:
            return logsumexp([a + count * jump / phi for a, jump in zip(start, self.jumps, strict=True)]) >= line

        if not passes(0.0):
            return -1.0
        low, high = 0.0, 1.0
        while passes(high):
            low, high = high, 2.0 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if passes(middle) else (low, middle)
        return low


@dataclass(frozen=True, slots=True)
class Table:
    """The time of a first passage in ticks: the odds, which rise to 1, that it is over by each of these times."""

    times: tuple[float, ...]
    odds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean time."""
        before = (0.0, *self.odds[:-1])
        return sum([time * (now - then) for time, now, then in zip(self.times, self.odds, before, strict=True)])

    def odds_by(self, ticks: float) -> float:
        """The odds that the line is reached by then."""
        at = bisect_left(self.times, ticks)
        if at == 0:
            return 0.0
        if at == len(self.times):
            return 1.0
        part = (ticks - self.times[at - 1]) / (self.times[at] - self.times[at - 1])
        return self.odds[at - 1] + part * (self.odds[at] - self.odds[at - 1])

    def quantile(self, odds: float) -> float:
        """The time by which the line is reached with these odds, 0 < odds < 1."""
        return self.times[bisect_left(self.odds, odds)]


Law: TypeAlias = Passage | Table


def safe_walk(flow: Flow, margin: Margin, phi: float) -> Walk:
    """The evidence of safety as the challenger's bursts of phi errors move it; the champion's are at their mean.

    It serves for small shares, where nearly all that varies is the challenger's.
    """
    steps, champion_bad, size = safe_steps(flow, margin, 1.0), flow.champion_n * flow.champion_rate, phi
    size = min(size, flow.challenger_n)
    idle, burst = steps(tick_of(flow, champion_bad, 0.0)), steps(tick_of(flow, champion_bad, size))
    jumps = [after - before for after, before in zip(burst, idle, strict=True)]
    return Walk(idle, jumps, flow.challenger_n * flow.challenger_rate / size)


def by_luck(walk: Walk, line: float, taken_for: Callable[[float], Sequence[float]]) -> Table | None:
    """The passage. ``taken_for``: what phi may be taken for after so many ticks, at each of the `MIDDLES`.

    None where it takes so many bursts that it is no matter of luck: following them would take minutes.
    """
    rows: list[_Row] = [[1.0 / _PARTS] for _ in MIDDLES]
    bounds, alive, now, first = [-1.0] * _PARTS, 1.0, 0, 0
    times: list[float] = []
    odds: list[float] = []
    while alive > _OVER and walk.bursts * now < _MOST_BURSTS:
        before, now = now, now + max(1, int(max(_BURSTS / walk.bursts, _LONGER * now)))
        arrivals, left = _arrivals(walk.bursts * (now - before)), []
        rows = _moved(rows, sqrt(before / now)) if before else rows
        for k, (row, phi) in enumerate(zip(rows, taken_for(float(now)), strict=True)):
            bound = walk.most(float(now), phi, line)
            done, kept = _stepped(row, first, (bounds[k], bound), arrivals, now - before)
            bounds[k], alive = bound, alive - done
            left.append(kept)
        rows, first = _trimmed(left, first)
        times.append((before + now + 1) / 2.0)
        odds.append(1.0 - alive)
    return None if alive > _NOT_OVER else Table(tuple(times), (*odds[:-1], 1.0))


def _stepped(row: _Row, first: int, bounds: tuple[float, float], arrivals: _Row, ticks: int) -> tuple[float, _Row]:
    """The odds to pass in a step, and what is left. ``bounds``: bursts with which one passes before it and at its end.

    In between it rises evenly: one that has few enough at the end passes as soon as it does, if no burst comes first.
    """
    done, kept = 0.0, [0.0] * (len(row) + len(arrivals) - 1)
    (was, now), none = bounds, arrivals[0]
    some = [0.0, *(chance / (1.0 - none) for chance in arrivals[1:])]
    for k, odds in enumerate(row):
        left, coming = odds, arrivals
        if first + k <= now:
            waits = ceil(ticks * (first + k - was) / max(now - was, _UNLIKELY))
            left, coming = odds * (1.0 - none ** (min(max(1, waits), ticks) / ticks)), some
            done += odds - left
        for more, chance in enumerate(coming):
            kept[k + more] += left * chance
    few = max(0, min(len(kept), int(now) + 1 - first)) if now >= 0.0 else 0
    return done + sum(kept[:few]), [0.0] * few + kept[few:]


def _moved(rows: Sequence[_Row], alike: float) -> list[_Row]:
    """The same after what is believed has moved: a mean over more time is alike to the one before by a correlation."""
    apart = sqrt(1.0 - alike * alike)
    shares = [[below((edge - alike * z) / apart) for edge in _EDGES] for z in MIDDLES]
    columns, found = list(zip(*rows, strict=True)), []
    for to in range(_PARTS):
        parts = [share[to + 1] - share[to] for share in shares]
        found.append([sum([a * b for a, b in zip(parts, column, strict=True)]) for column in columns])
    return found


def _trimmed(rows: Sequence[_Row], first: int) -> tuple[list[_Row], int]:
    """Without the numbers of bursts that hardly happen, at both ends."""
    kept = [k for k, column in enumerate(zip(*rows, strict=True)) if sum(column) > _UNLIKELY] or [0]
    return [row[kept[0] : kept[-1] + 1] for row in rows], first + kept[0]


def _arrivals(mean: float) -> _Row:
    """The odds of so many bursts in a step (Poisson)."""
    found, odds = [exp(-mean)], exp(-mean)
    while odds > _UNLIKELY or len(found) <= mean:
        odds *= mean / len(found)
        found.append(odds)
    return found
