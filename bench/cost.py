"""Processor time of one update and one look, for each evidence on the decision path; the best of many short rounds.

Ticks as in a rollout at a 10 % share: 20 challenger requests, errors of both arms 1 %, or what the row says. The best
round counts, since a busy machine only ever adds; the rows take turns, so that no busy moment falls on one of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from math import inf
from time import process_time_ns
from typing import Protocol, TypeVar

import numpy as np

from bench.chance import engine
from bench.chance.slowness import LOGNORMAL, bucketed
from bench.chance.worlds import arm_sizes, independent
from bench.rig import figures
from bench.table import Row
from rolloutd.core.stats.histogram import LatencyEvidence
from rolloutd.core.stats.increment import AnyTick, EventIncrement, Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence

COUNTS_US, HISTOGRAM_US = 20.0, 80.0
HISTOGRAM = "latency, twelve buckets"
ROUNDS, TICKS = 300, 200


class Evidence(Protocol):
    """What every evidence has."""

    @property
    def log_e(self) -> float: ...  # noqa: D102


_E = TypeVar("_E", bound=Evidence)
_T = TypeVar("_T")


def add_options(parser: argparse.ArgumentParser) -> None:
    """How long is measured."""
    parser.add_argument("--quick", action="store_true", help="few rounds; nothing is written")


def run(options: argparse.Namespace) -> list[Row]:
    """One row for each evidence."""
    rounds = 8 if options.quick else ROUNDS
    random, sizes = np.random.default_rng(1), arm_sizes(0.1, 20)
    ticks = {
        name: [Increment(*tick) for tick in independent(random, TICKS, sizes, p1, 0.01)]
        for name, p1 in (("1 % errors", 0.01), ("half of all fail", 0.5))
    }
    events = [
        EventIncrement(t.champion_n, t.champion_bad, t.challenger_n, t.challenger_bad) for t in ticks["1 % errors"]
    ]
    f = bucketed(LOGNORMAL)
    buckets = list(
        zip(random.multinomial(20, f, TICKS).tolist(), random.multinomial(180, f, TICKS).tolist(), strict=True)
    )

    def bet(evidence: HarmEvidence, tick: AnyTick) -> HarmEvidence:
        return evidence.observe(tick)

    calm, wild = ticks["1 % errors"], ticks["half of all fail"]
    slow = LatencyEvidence.start([int(20_000 * part) for part in f], LOGNORMAL.bounds_s, 6)
    ratio, difference = engine.shipped(Margin.ratio(1.2)), engine.shipped(Margin.difference(0.005))
    limit, safe = LimitEvidence.start(0.05, 3), SafeEvidence.start(Margin.ratio(1.5))
    measured = {
        "harm, proportion": _timed(engine.shipped(), bet, calm),
        "harm, proportion, half of all fail": _timed(engine.shipped(), bet, wild),
        "harm, proportion, ratio margin 1.2": _timed(ratio, bet, calm),
        "harm, proportion, difference margin": _timed(difference, bet, calm),
        "harm, counts": _timed(engine.shipped(), bet, events),
        "absolute limit": _timed(limit, lambda e, t: e.observe(t), calm),
        "safe": _timed(safe, lambda e, t: e.observe(t), calm),
        HISTOGRAM: _timed(slow, lambda e, t: e.observe(*t), buckets),
    }
    best = dict.fromkeys(measured, inf)
    for _ in range(rounds):
        for name, microseconds in measured.items():
            best[name] = min(best[name], microseconds())
    limits = {name: HISTOGRAM_US if name == HISTOGRAM else COUNTS_US for name in best}
    rows = [Row.at_most(f"{name}: an update and a look", us, "us", limits[name]) for name, us in best.items()]
    if not options.quick:
        figures.keep("cost", rows, f"{rounds} rounds of {TICKS} ticks each, the best counts")
    return rows


def _timed(start: _E, observe: Callable[[_E, _T], _E], ticks: Sequence[_T]) -> Callable[[], float]:
    return lambda: _microseconds(start, observe, ticks)


def _microseconds(start: _E, observe: Callable[[_E, _T], _E], ticks: Sequence[_T]) -> float:
    evidence, began = start, process_time_ns()
    for tick in ticks:
        evidence = observe(evidence, tick)
        _ = evidence.log_e
    return (process_time_ns() - began) / len(ticks) / 1000.0
