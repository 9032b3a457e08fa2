"""How soon a regression is seen that begins late: shipped evidence beside the same evidence carried without restarts.

Champion 1 % errors; stages at 1, 10 and 50 % with 5,000 challenger requests each, the last one without an end; alpha
.01, a look at every tick of 10 challenger requests. Counted are challenger requests from the onset on.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench.chance import engine, estimate
from bench.chance.many import Many
from bench.chance.worlds import arm_sizes
from bench.rig import figures
from bench.table import Row

P0 = 0.01
SHARES = (0.01, 0.1, 0.5)
CHALLENGER_N, STAGE_TICKS = 10, 500
EFFECTS = (1.5, 2.0, 5.0)
ONSETS = {
    "at the start": 0,
    "at the start of stage 2": 500,
    "in the middle of stage 2": 750,
    "at the start of stage 3": 1000,
}
GAIN = 2.0
BATCH = 500
Case = tuple[int, float, int, int, int]  # seed, effect, onset, first run, runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 3_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All onsets and effects; a full run is kept."""
    runs = estimate.runs_of(options, 40)
    rows: list[Row] = []
    for effect, (where, onset) in product(EFFECTS, ONSETS.items()):
        if options.quick and effect == EFFECTS[0]:
            continue
        cases = [(options.seed, effect, onset, first, min(BATCH, runs - first)) for first in range(0, runs, BATCH)]
        found = np.concatenate(estimate.each(_batch, cases, options.jobs))
        name = f"x{effect:g} {where}"
        rows.append(estimate.told(f"{name}: shipped", estimate.mean(found[:, 0]), "requests"))
        gain = estimate.ratio(found[:, 1], found[:, 0])
        if effect == EFFECTS[-1] and onset:
            rows.append(estimate.ratio_at_least(f"{name}: carried / shipped", gain, GAIN, quick=options.quick))
        else:
            rows.append(estimate.told(f"{name}: carried / shipped", gain, "x"))
    if not options.quick:
        figures.keep("late_onset", rows, f"seed {options.seed}, {runs} runs a cell, champion {P0:.0%}, alpha .01")
    return rows


def _batch(case: Case) -> NDArray[np.float64]:
    """Challenger requests from the onset on, shipped and carried; what fires before the onset counts as 0."""
    seed, effect, onset, first, runs = case
    random = np.random.default_rng([seed, round(effect * 10), onset, first])
    tests = [Many(runs, line=engine.FIRE, restarts=restarts) for restarts in (True, False)]
    left, found = [np.arange(runs) for _ in tests], np.zeros((runs, len(tests)))
    number = 0
    while any(len(runs_left) for runs_left in left):
        stage = min(number // STAGE_TICKS, len(SHARES) - 1)
        n1, n0 = arm_sizes(SHARES[stage], CHALLENGER_N)
        x0, x1 = random.binomial(n0, P0, runs), random.binomial(n1, P0 * effect if number >= onset else P0, runs)
        for column, test in enumerate(tests):
            if number and number == stage * STAGE_TICKS:
                test.stage()
            mine = left[column]
            test.observe(n0, x0[mine], n1, x1[mine])
            silent = test.log_e < engine.FIRE
            found[mine[~silent], column] = n1 * max(number + 1 - onset, 0)
            left[column] = mine[silent]
            test.keep(silent)
        number += 1
    return found
