"""Mean challenger requests until harm is shown, beside an oracle that is told both rates, and beside others' tests.

Champion 1 % errors, alpha .01, a look at every tick; 20, 10 and 2 challenger requests a tick for 1.5, 2 and 5 times the
errors. Ours is the shipped evidence with nothing pinned, and the same without restarts; others are shown for scale,
and of those the normal mixture is not valid at small shares (see the bench falsealarm).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import product
from math import hypot

import numpy as np

from bench.chance import engine, estimate
from bench.chance.estimate import Estimate
from bench.chance.kept import Kept
from bench.chance.many import Many, first_ticks
from bench.chance.worlds import Counts, Random, Ticks, arm_sizes, independent
from bench.rig import figures
from bench.rivals import classic, minutes, oracle
from bench.rivals.classic import Logs
from bench.table import Row
from rolloutd.core.stats.gro import Rates
from rolloutd.core.stats.planning import growth

P0 = 0.01
SHARES = (0.01, 0.1, 0.5)
EFFECTS = {1.5: 20, 2.0: 10, 5.0: 2}  # times the errors: challenger requests a tick
PLAIN_LIMIT = 1.15
RESTART_LIMITS = {1.5: 1.25, 2.0: 1.25, 5.0: 1.35}
HORIZON, LOOKS = 24_000, 60
BURST, BURST_LIMIT = 3, 1.10
KAYENTA_LIMITS = {1.5: 2.7, 2.0: 4.0, 5.0: 6.0}
KAYENTA_RPM, KAYENTA_RUNS = 100, {1.5: 300, 2.0: 2_000, 5.0: 300}  # its times at twice the errors vary most
BATCH, OTHERS_PART, BURSTS_PART = 500, 40, 2
OTHERS = ("normal mixture SPRT", "Dirichlet k=100", "Pocock, horizon known", "O'Brien-Fleming, horizon known")
Case = tuple[int, float, float, int]  # seed, share, effect, run
Batch = tuple[int, float, float, int, int]  # the same with the first run, and how many


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 8_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All cells; a full run is kept."""
    runs = estimate.runs_of(options, 120)
    rows: list[Row] = []
    ours: dict[float, Estimate] = {}
    for share, effect in product(SHARES, EFFECTS):
        found = np.concatenate(estimate.each(_batch, _batches(options.seed, share, effect, runs), options.jobs))
        cases = [(options.seed, share, effect, k) for k in range(max(runs // OTHERS_PART, 10))]
        others = np.array(estimate.each(_others, cases, options.jobs))
        rows += _cell(share, effect, found, others, options.quick)
        if share == SHARES[0]:
            ours[effect] = estimate.mean(found[:, 1])
    for share, effect in product(SHARES, EFFECTS):
        batches = _batches(options.seed, share, effect, max(runs // BURSTS_PART, 10))
        done = np.concatenate(estimate.each(_batch_with_bursts, batches, options.jobs))
        name = f"{share:.0%} share x{effect:g}, bursts of {BURST}: ours / test told phi"
        rows.append(
            estimate.ratio_at_most(name, estimate.ratio(done[:, 0], done[:, 1]), BURST_LIMIT, quick=options.quick)
        )
    for effect, ticked in ours.items():
        kayenta_runs = 10 if options.quick else KAYENTA_RUNS[effect]
        theirs = estimate.each(_kayenta, [(options.seed, effect, k) for k in range(kayenta_runs)], options.jobs)
        rows += _against_kayenta(effect, ticked, estimate.mean(theirs), options.quick)
    if not options.quick:
        figures.keep("detection", rows, f"seed {options.seed}, {runs} runs a cell, champion {P0:.0%}, alpha .01")
    return rows


def _batches(seed: int, share: float, effect: float, runs: int) -> list[Batch]:
    return [(seed, share, effect, first, min(BATCH, runs - first)) for first in range(0, runs, BATCH)]


def _cell(share: float, effect: float, found: Logs, others: Logs, quick: bool) -> list[Row]:
    name, told = f"{share:.0%} share x{effect:g}", found[:, 2]
    plain, shipped = estimate.ratio(found[:, 0], told), estimate.ratio(found[:, 1], told)
    limit = RESTART_LIMITS[effect]
    rows = [
        Row(f"{name}: bound", engine.FIRE / growth(Rates(P0 * effect, P0), engine.EQUAL, share), "requests"),
        estimate.told(f"{name}: oracle", estimate.mean(told), "requests"),
        estimate.ratio_at_most(f"{name}: ours without restarts / oracle", plain, PLAIN_LIMIT, quick=quick),
        estimate.ratio_at_most(f"{name}: ours shipped / oracle", shipped, limit, quick=quick),
    ]
    for column, other in enumerate(OTHERS, 1):
        rows.append(estimate.told(f"{name}: {other} / oracle", estimate.ratio(others[:, column], others[:, 0]), "x"))
    return rows


def _world(case: Case, chunk: float) -> tuple[tuple[int, int], float, Random, int]:
    """Arm sizes, the challenger's rate, the run's own chance, and how many ticks to make at a time."""
    seed, share, effect, number = case
    sizes, p1 = arm_sizes(share, EFFECTS[effect]), P0 * effect
    bound = engine.FIRE / growth(Rates(p1, P0), engine.EQUAL, share)
    random = np.random.default_rng([seed, round(share * 1000), round(effect * 10), number])
    return sizes, p1, random, max(int(chunk * bound / sizes[0]), 50)


def _others(case: Case) -> tuple[float, ...]:
    """Challenger requests of one run: the oracle, and the others in their order."""
    sizes, p1, random, chunk = _world(case, 3.0)

    def stream() -> Iterator[Ticks]:
        while True:
            yield independent(random, chunk, sizes, p1, P0)

    world = Kept(stream())
    found = [
        world.until(partial(_oracle, truth=Rates(p1, P0))),
        world.until(lambda t: oracle.first_at_least(classic.normal_msprt(t.n1, t.x1, t.n0, t.x0), engine.FIRE)),
        world.until(lambda t: oracle.first_at_least(classic.dirichlet(t.n1, t.x1, t.n0, t.x0), engine.FIRE)),
        _group_sequential(world, "pocock"),
        _group_sequential(world, "obrien-fleming"),
    ]
    return tuple(float(sizes[0] * ticks) for ticks in found)


def _batch(case: Batch) -> Logs:
    """Challenger requests of some runs on the same traffic: ours without restarts, shipped, the oracle."""
    runs = case[-1]
    sizes, p1, random, _ = _world(case[:4], 1.0)
    truth = Rates(p1, P0)
    carried, shipped = (Many(runs, line=engine.FIRE, restarts=restarts) for restarts in (False, True))
    told = oracle.Told(sizes, truth, engine.EQUAL, runs)

    def tick() -> tuple[Counts, Counts]:
        return random.binomial(sizes[1], P0, runs), random.binomial(sizes[0], p1, runs)

    return sizes[0] * first_ticks([carried, shipped, told], sizes, tick, runs)


def _batch_with_bursts(case: Batch) -> Logs:
    """The same for ours without restarts and the deflated test that is told the dispersion."""
    runs = case[-1]
    (small1, small0), p1, random, _ = _world(case[:4], 1.0)
    n1, n0 = small1 * BURST, small0 * BURST  # as many bursts a tick as there are errors without them
    carried, told = Many(runs, line=engine.FIRE, restarts=False), classic.Deflated(n1, n0, float(BURST), runs)

    def tick() -> tuple[Counts, Counts]:
        x0, x1 = (BURST * random.poisson(n * p / BURST, runs) for n, p in ((n0, P0), (n1, p1)))
        return np.minimum(x0, n0), np.minimum(x1, n1)

    return n1 * first_ticks([carried, told], (n1, n0), tick, runs)


def _oracle(ticks: Ticks, truth: Rates) -> int | None:
    steps = oracle.increments(ticks.n1, ticks.x1, ticks.n0, ticks.x0, truth, engine.EQUAL)
    return oracle.first_at_least(np.cumsum(steps), engine.FIRE)


def _group_sequential(world: Kept, kind: str) -> int:
    """Ticks at the look that rejects; the whole horizon where none does."""
    n1 = world.joined().n1
    ticks = world.joined(HORIZON // n1)
    z = classic.z_values(n1, ticks.x1, ticks.n0, ticks.x0)
    looks = np.arange(1, LOOKS + 1) * (HORIZON // n1 // LOOKS)
    crossed = np.flatnonzero(z[looks - 1] >= _boundary(kind))
    return int(looks[crossed[0]]) if crossed.size else HORIZON // n1


@lru_cache
def _boundary(kind: str) -> Logs:
    return classic.boundary(kind, LOOKS, engine.ALPHA, seed=1)


def _against_kayenta(effect: float, ours: Estimate, theirs: Estimate, quick: bool) -> list[Row]:
    """On the same champion: 99 requests to each of the challenger's, a hundred of those a minute."""
    value = theirs.value / ours.value
    found = Estimate(value, value * hypot(theirs.error / theirs.value, ours.error / ours.value))
    name = f"1% share x{effect:g}: Kayenta each minute"
    return [
        estimate.told(f"{name}, requests hurt (8 h at most)", theirs, "requests"),
        estimate.ratio_at_least(f"{name} / ours shipped", found, KAYENTA_LIMITS[effect], quick=quick),
    ]


def _kayenta(case: tuple[int, float, int]) -> float:
    seed, effect, number = case
    return float(minutes.kayenta_requests((seed, round(effect * 10), number), KAYENTA_RPM, 99, P0 * effect, P0))
