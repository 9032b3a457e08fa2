"""Challenger requests until safety is shown, beside the least that any valid test needs, and how often wrongly.

Champion 1 % errors, beta .05, a look at every tick of 20 challenger requests; the challenger is as good as the
champion, or exactly on the accept margin. Ours is the shipped safe evidence of one stage. Its ratio to the bound is
taken by Wald's identity: the log evidence of a test that is told the rates grows by g a challenger request on average,
so that E[requests] g = E[that log when ours speaks], and the bound is log(1/beta)/g. Times vary ten times as much.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product

import numpy as np

from bench.chance import engine, estimate
from bench.chance.estimate import Estimate
from bench.chance.kept import Kept
from bench.chance.worlds import Ticks, arm_sizes, bursts, independent
from bench.rig import figures
from bench.table import Row
from rolloutd.core.stats import gro
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.planning import safe_forecast

P0 = 0.01
SHARES = (0.01, 0.1, 0.5)
MARGINS = (1.25, 1.5, 2.0)
CHALLENGER_N = 20
SPEED_LIMIT, FALSE_LIMIT = 1.15, 0.05
SPEED_RUNS = 4  # runs of the quicker half, to one of the other
HORIZON_MEANS = 5.0  # false promotions are looked for until so many times the mean time of a true one
Case = tuple[int, float, float, int, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 300)


def run(options: argparse.Namespace) -> list[Row]:
    """All shares and margins; a full run is kept."""
    runs = estimate.runs_of(options, 30)
    rows: list[Row] = []
    for share, margin in product(SHARES, MARGINS):
        if options.quick and margin == MARGINS[0]:
            continue
        name, bound = f"{share:.0%} share, margin {margin:g}", _bound(share, margin)
        cases = [(options.seed, share, margin, 1, k) for k in range(SPEED_RUNS * runs)]
        shown = np.array(estimate.each(_shown, cases, options.jobs))
        told_log = estimate.mean(shown[:, 1])
        told = Estimate(told_log.value / engine.PASS, told_log.error / engine.PASS)
        rows += [
            Row(f"{name}: bound", bound, "requests"),
            estimate.told(f"{name}: ours", estimate.mean(shown[:, 0]), "requests"),
            estimate.ratio_at_most(f"{name}: ours / bound", told, SPEED_LIMIT, quick=options.quick),
        ]
        for size in (1, 3):
            cases = [(options.seed, share, margin, size, k) for k in range(runs)]
            wrong = estimate.part(sum(estimate.each(_is_promoted, cases, options.jobs)), runs)
            what = "independent errors" if size == 1 else f"bursts of {size}"
            rows.append(estimate.part_at_most(f"{name}: false promotion, {what}", wrong, FALSE_LIMIT))
    if not options.quick:
        made = f"{runs} runs a cell, {SPEED_RUNS * runs} for the ratio"
        figures.keep("promotion", rows, f"seed {options.seed}, {made}, champion {P0:.0%}, beta .05")
    return rows


def _bound(share: float, margin: float) -> float:
    found = safe_forecast(Rates(P0, P0), Margin.ratio(margin), share, engine.BETA)
    if found is None:
        raise ValueError(f"the margin {margin} shows nothing safe")
    return found.bound


def _random(case: Case, truth: int) -> np.random.Generator:
    seed, share, margin, size, number = case
    return np.random.default_rng([seed, round(share * 1000), round(margin * 100), size, number, truth])


def _shown(case: Case) -> tuple[float, float]:
    """Challenger requests until a good challenger is shown safe, and the told test's log evidence then."""
    _, share, margin, _, _ = case
    random, sizes = _random(case, 0), arm_sizes(share, CHALLENGER_N)
    chunk = int(3.0 * _bound(share, margin) / CHALLENGER_N)

    def stream() -> Iterator[Ticks]:
        while True:
            yield independent(random, chunk, sizes, P0, P0)

    world, truth, line = Kept(stream()), Rates(P0, P0), Margin.ratio(margin)
    number = engine.ticks_to_safety(line, world.ticks()) or 0
    seen = world.joined(number)
    total = Increment(number * sizes[1], int(seen.x0[:number].sum()), number * sizes[0], int(seen.x1[:number].sum()))
    return float(number * sizes[0]), gro.log_increment(total, truth, line)


def _is_promoted(case: Case) -> bool:
    """Whether a challenger exactly on the margin is ever called safe in a stage."""
    _, share, margin, size, _ = case
    ticks = int(HORIZON_MEANS * _bound(share, margin) / CHALLENGER_N)
    made = bursts(_random(case, 1), ticks, arm_sizes(share, CHALLENGER_N), (margin * P0, P0), size)
    return engine.ticks_to_safety(Margin.ratio(margin), made) is not None
