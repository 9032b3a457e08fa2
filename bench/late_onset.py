"""How soon a regression is seen that begins late: shipped evidence beside the same evidence carried without restarts.

Champion 1 % errors; stages at 1, 10 and 50 % with 5,000 challenger requests each, the last one without an end; alpha
.01, a look at every tick of 10 challenger requests. Counted are challenger requests from the onset on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product

import numpy as np

from bench.chance import engine, estimate
from bench.chance.worlds import Tick, arm_sizes, independent
from bench.rig import figures
from bench.table import Row
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.proportion import HarmEvidence

P0 = 0.01
SHARES = (0.01, 0.1, 0.5)
CHALLENGER_N, STAGE_TICKS, MOST_TICKS = 10, 500, 20_000
EFFECTS = (1.5, 2.0, 5.0)
ONSETS = {
    "at the start": 0,
    "at the start of stage 2": 500,
    "in the middle of stage 2": 750,
    "at the start of stage 3": 1000,
}
GAIN = 2.0
Case = tuple[int, float, int, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 400)


def run(options: argparse.Namespace) -> list[Row]:
    """All onsets and effects; a full run is kept."""
    runs = estimate.runs_of(options, 12)
    rows: list[Row] = []
    for effect, (where, onset) in product(EFFECTS, ONSETS.items()):
        if options.quick and effect == EFFECTS[0]:
            continue
        cases = [(options.seed, effect, onset, k) for k in range(runs)]
        found = np.array(estimate.each(_one, cases, options.jobs))
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


def _one(case: Case) -> tuple[float, float]:
    """Challenger requests from the onset on, shipped and carried; what fires before the onset counts as 0."""
    _, _, onset, _ = case
    found = []
    for evidence in (engine.shipped(), engine.carried()):
        ticks = _ticks_to_harm(evidence, _stream(case))
        found.append(float(CHALLENGER_N * max(ticks - onset, 0)))
    return found[0], found[1]


def _ticks_to_harm(evidence: HarmEvidence, ticks: Iterator[Tick]) -> int:
    number = 0
    for number, (n0, x0, n1, x1) in enumerate(ticks, 1):
        started = number > 1 and (number - 1) % STAGE_TICKS == 0 and number <= STAGE_TICKS * len(SHARES)
        evidence = evidence.observe(Increment(n0, x0, n1, x1), stage_started=started)
        if evidence.log_e >= engine.FIRE:
            break
    return number


def _stream(case: Case) -> Iterator[Tick]:
    """The same ticks for everybody who asks with the same case."""
    seed, effect, onset, number = case
    random = np.random.default_rng([seed, round(effect * 10), onset, number])
    for stage, share in enumerate(SHARES):
        count = STAGE_TICKS if stage < len(SHARES) - 1 else MOST_TICKS
        first = stage * STAGE_TICKS
        rates = np.where(np.arange(first, first + count) >= onset, P0 * effect, P0)
        yield from independent(random, count, arm_sizes(share, CHALLENGER_N), rates, P0)
