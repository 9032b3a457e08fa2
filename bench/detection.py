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
from bench.chance.worlds import Random, Ticks, arm_sizes, bursts, independent
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
KAYENTA_RPM, KAYENTA_RUNS = 100, 200
OTHERS = ("normal mixture SPRT", "Dirichlet k=100", "Pocock, horizon known", "O'Brien-Fleming, horizon known")
Case = tuple[int, float, float, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 2_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All cells; a full run is kept."""
    runs = estimate.runs_of(options, 40)
    rows: list[Row] = []
    ours: dict[float, Estimate] = {}
    for share, effect in product(SHARES, EFFECTS):
        cases = [(options.seed, share, effect, k) for k in range(runs)]
        found = np.array(estimate.each(_one, cases, options.jobs))
        rows += _cell(share, effect, found, options.quick)
        if share == SHARES[0]:
            ours[effect] = estimate.mean(found[:, 1])
    for share, effect in product(SHARES, EFFECTS):
        cases = [(options.seed, share, effect, k) for k in range(max(runs // 4, 10))]
        done = np.array(estimate.each(_one_with_bursts, cases, options.jobs))
        name = f"{share:.0%} share x{effect:g}, bursts of {BURST}: ours / test told phi"
        rows.append(
            estimate.ratio_at_most(name, estimate.ratio(done[:, 0], done[:, 1]), BURST_LIMIT, quick=options.quick)
        )
    kayenta_runs = 10 if options.quick else KAYENTA_RUNS
    for effect, ticked in ours.items():
        theirs = estimate.each(_kayenta, [(options.seed, effect, k) for k in range(kayenta_runs)], options.jobs)
        rows += _against_kayenta(effect, ticked, estimate.mean(theirs), options.quick)
    if not options.quick:
        figures.keep("detection", rows, f"seed {options.seed}, {runs} runs a cell, champion {P0:.0%}, alpha .01")
    return rows


def _cell(share: float, effect: float, found: Logs, quick: bool) -> list[Row]:
    name, told = f"{share:.0%} share x{effect:g}", found[:, 2]
    plain, shipped = estimate.ratio(found[:, 0], told), estimate.ratio(found[:, 1], told)
    limit = RESTART_LIMITS[effect]
    rows = [
        Row(f"{name}: bound", engine.FIRE / growth(Rates(P0 * effect, P0), engine.EQUAL, share), "requests"),
        estimate.told(f"{name}: oracle", estimate.mean(told), "requests"),
        estimate.ratio_at_most(f"{name}: ours without restarts / oracle", plain, PLAIN_LIMIT, quick=quick),
        estimate.ratio_at_most(f"{name}: ours shipped / oracle", shipped, limit, quick=quick),
    ]
    for column, other in enumerate(OTHERS, 3):
        rows.append(estimate.told(f"{name}: {other} / oracle", estimate.ratio(found[:, column], told), "x"))
    return rows


def _world(case: Case, chunk: float) -> tuple[tuple[int, int], float, Random, int]:
    """Arm sizes, the challenger's rate, the run's own chance, and how many ticks to make at a time."""
    seed, share, effect, number = case
    sizes, p1 = arm_sizes(share, EFFECTS[effect]), P0 * effect
    bound = engine.FIRE / growth(Rates(p1, P0), engine.EQUAL, share)
    random = np.random.default_rng([seed, round(share * 1000), round(effect * 10), number])
    return sizes, p1, random, max(int(chunk * bound / sizes[0]), 50)


def _one(case: Case) -> tuple[float, ...]:
    """Challenger requests of one run: without restarts, shipped, oracle, and the others in their order."""
    sizes, p1, random, chunk = _world(case, 3.0)

    def stream() -> Iterator[Ticks]:
        while True:
            yield independent(random, chunk, sizes, p1, P0)

    world = Kept(stream())
    found = [
        engine.ticks_to_harm(engine.carried(), world.ticks()),
        engine.ticks_to_harm(engine.shipped(), world.ticks()),
        world.until(partial(_oracle, truth=Rates(p1, P0))),
        world.until(lambda t: oracle.first_at_least(classic.normal_msprt(t.n1, t.x1, t.n0, t.x0), engine.FIRE)),
        world.until(lambda t: oracle.first_at_least(classic.dirichlet(t.n1, t.x1, t.n0, t.x0), engine.FIRE)),
        _group_sequential(world, "pocock"),
        _group_sequential(world, "obrien-fleming"),
    ]
    return tuple(float(sizes[0] * (ticks or 0)) for ticks in found)


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


def _one_with_bursts(case: Case) -> tuple[float, float]:
    """Challenger requests of one run: ours without restarts, and the deflated test that is told the dispersion."""
    (small1, small0), p1, random, chunk = _world(case, 3.0)
    sizes = small1 * BURST, small0 * BURST  # as many bursts a tick as there are errors without them

    def stream() -> Iterator[Ticks]:
        while True:
            yield bursts(random, chunk, sizes, (p1, P0), BURST)

    world = Kept(stream())
    ours = engine.ticks_to_harm(engine.carried(), world.ticks())
    told = world.until(lambda t: oracle.first_at_least(classic.deflated(t.n1, t.x1, t.n0, t.x0, BURST), engine.FIRE))
    return float(sizes[0] * (ours or 0)), float(sizes[0] * told)


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
