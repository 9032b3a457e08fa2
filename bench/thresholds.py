"""Requests hurt until a bad challenger is taken back, beside one-minute thresholds tuned to equal false alarm.

Champion 1 % errors, share 1 %, 1,000 challenger requests a minute, the router's counters read every 250 ms. Thresholds
are told the champion's rate and take the best of 1, 3, 5 and 10 failed minutes for each effect, with at most 1 % false
alarms in eight hours; ours is the shipped evidence, told nothing, alpha .01 for ever.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from bench.chance import engine, estimate
from bench.chance.estimate import Estimate
from bench.chance.many import Many, first_ticks
from bench.chance.worlds import Counts, arm_sizes
from bench.rig import figures
from bench.rivals import loops, minutes
from bench.table import Row

P0, SHARE, RPM = 0.01, 0.01, 1_000
READS_A_MINUTE = 240
FAILURES = (1, 3, 5, 10)
LIMITS = {1.5: None, 2.0: 5.5, 5.0: 6.0}
BATCH = 500
Case = tuple[int, float, int, int]  # seed, effect, first run, runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 6_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All effects; a full run is kept."""
    runs = estimate.runs_of(options, 100)
    rules = [loops.tuned(RPM, P0, minutes.DAY_PART, engine.ALPHA, failures) for failures in FAILURES]
    rows: list[Row] = []
    for effect, limit in LIMITS.items():
        cases = [(options.seed, effect, first, min(BATCH, runs - first)) for first in range(0, runs, BATCH)]
        ours = estimate.mean(np.concatenate(estimate.each(_batch, cases, options.jobs)))
        best = min(rules, key=lambda rule: rule.mean_requests(RPM, P0 * effect))
        theirs = best.mean_requests(RPM, P0 * effect)
        gain = Estimate(theirs / ours.value, theirs / ours.value * ours.error / ours.value)
        rule = f"{best.failures} minutes over {best.most} errors"
        rows.append(Row(f"x{effect:g}: threshold, {rule}", theirs, "requests"))
        rows.append(estimate.told(f"x{effect:g}: ours shipped", ours, "requests"))
        name = f"x{effect:g}: threshold / ours"
        demanded = None if limit is None else estimate.ratio_at_least(name, gain, limit, quick=options.quick)
        rows.append(demanded or estimate.told(name, gain, "x"))
    if not options.quick:
        figures.keep("thresholds", rows, f"seed {options.seed}, {runs} runs a cell")
    return rows


def _batch(case: Case) -> NDArray[np.float64]:
    """Challenger requests until harm is shown."""
    seed, effect, first, runs = case
    random = np.random.default_rng([seed, round(effect * 10), first])
    n1, n0 = arm_sizes(SHARE, round(RPM / READS_A_MINUTE))

    def tick() -> tuple[Counts, Counts]:
        return random.binomial(n0, P0, runs), random.binomial(n1, P0 * effect, runs)

    return n1 * first_ticks([Many(runs, line=engine.FIRE)], (n1, n0), tick, runs)[:, 0]
