"""How often a mere shift of users between segments takes a harmless challenger back, and what a pooled test would do.

Half of the challenger's users are of a kind that fails eight times as often, a tenth of the champion's; nowhere is
the challenger worse. One gate judged by segment, at the shipped alpha of .01, looked at on every tick of a rollout.
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.chance import engine, estimate, worlds
from bench.rig import figures
from bench.table import Row
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.proportion import HarmEvidence
from rolloutd.core.stats.segments import SegmentedHarm

GOAL = 0.01
CHALLENGER_N, CHAMPION_N = 60, 540
TICKS = 500
POOLED_RUNS = 100
SEGMENTS = {"old": (0.04, 0.5, 0.1), "new": (0.005, 0.5, 0.9)}
"""By segment: the rate of both versions, its part of the challenger's and of the champion's requests."""
Case = tuple[int, int, int]  # seed, number, ticks


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 1_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All runs; a full one is kept."""
    runs = estimate.runs_of(options, 24)
    cases: list[Case] = [(options.seed, number, TICKS) for number in range(runs)]
    back = sum(estimate.each(goes_back, cases, options.jobs))
    pooled_runs = min(runs, POOLED_RUNS)
    pooled = sum(estimate.each(pooled_goes_back, cases[:pooled_runs], options.jobs))
    rows = [
        estimate.part_at_most(f"judged by segment: goes back ({back} of {runs})", estimate.part(back, runs), GOAL),
        Row(f"pooled: would go back ({pooled} of {pooled_runs})", 100 * pooled / pooled_runs, "%"),
    ]
    if not options.quick:
        figures.keep("mixshift", rows, f"seed {options.seed}, {runs} runs, {TICKS} ticks of {CHALLENGER_N} requests")
    return rows


def _made(case: Case) -> list[dict[str, Increment]]:
    """The counts of every tick by segment."""
    seed, number, ticks = case
    random = np.random.default_rng([seed, number])
    streams = [
        worlds.independent(random, ticks, (round(CHALLENGER_N * mine), round(CHAMPION_N * theirs)), rate, rate)
        for rate, mine, theirs in SEGMENTS.values()
    ]
    return [
        {name: Increment(*tick) for name, tick in zip(SEGMENTS, both, strict=True)}
        for both in zip(*streams, strict=True)
    ]


def goes_back(case: Case) -> bool:
    """Whether the gate judged by segment ever shows harm."""
    evidence = SegmentedHarm.start(engine.EQUAL, engine.LATER_STAGES, tuple(SEGMENTS), line=engine.FIRE)
    for tick in _made(case):
        evidence = evidence.observe(tick)
        if evidence.log_e >= engine.FIRE:
            return True
    return False


def pooled_goes_back(case: Case) -> bool:
    """Whether the same evidence over everybody, which knows no segments, ever would."""
    evidence = HarmEvidence.start(engine.EQUAL, engine.LATER_STAGES, line=engine.FIRE)
    for tick in _made(case):
        total = Increment(0, 0, 0, 0)
        for each in tick.values():
            total += each
        evidence = evidence.observe(total)
        if evidence.log_e >= engine.FIRE:
            return True
    return False
