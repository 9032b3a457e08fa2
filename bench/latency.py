"""Challenger requests until slowness is shown, beside an oracle that is told both distributions; and real traces.

Made up: lognormal latency (median 80 ms, sigma .6) in the twelve buckets most libraries start with, and a bimodal gamma
mixture in fifteen; alpha .01; 20,000 champion requests are known from before. Ours is the histogram's evidence with the
buckets' bounds and an SLO of 500 ms; beside it the part over the SLO alone. Told as well: how much longer than that
oracle any test takes that must not blame a challenger for being faster (its ratios rise with latency). The ratio of
ours is taken by Wald's identity: the oracle's log evidence grows at one rate, so that its means when ours speaks and
when the oracle does are to each other as the requests, and vary far less.

Traces: ROLLOUT_LATENCY_TRACES names a folder of CSV files (latency_ms, slow); a fifth of the requests goes to the
challenger, which alone has the slow ones; ours there is half the histogram, half the mean from `_sum` and `_count`.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.chance import engine, estimate
from bench.chance.slowness import BIMODAL, LOGNORMAL, Shape, Slower, bucketed
from bench.rig import figures
from bench.table import Row
from rolloutd.core.stats.combine import harm_average
from rolloutd.core.stats.histogram import LatencyEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.means import MeanEvidence, Totals
from rolloutd.core.stats.slower import rising

SHARES = (0.01, 0.1, 0.5)
SLO_S, MEAN_WEIGHT = 0.5, 0.5
KNOWN_BEFORE = 20_000
CASES = {
    "all requests x1.1": (Slower(factor=1.1), 5),
    "all requests x1.25": (Slower(factor=1.25), 2),
    "all requests x1.5": (Slower(factor=1.5), 1),
    "1% of requests +.5 s": (Slower(part=0.01, added_s=0.5), 5),
    "5% of requests +.5 s": (Slower(part=0.05, added_s=0.5), 1),
}
BODY_LIMIT, TAIL_LIMIT, BIMODAL_LIMIT = 1.30, 1.50, 1.80
TRACES = "ROLLOUT_LATENCY_TRACES"
TICK_REQUESTS, CHALLENGER_PART = 50, 0.2
SHUFFLES_CAUGHT, OFTEN, FALSE_ALARMS = 50, 0.95, 0.01
Counts = NDArray[np.int64]
Case = tuple[int, str, str, float, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 200)
    parser.add_argument("--shuffles", type=int, default=1_200, help="A/A shuffles of the traces in all (1200)")


def run(options: argparse.Namespace) -> list[Row]:
    """Made-up slowness, then the traces; a full run is kept."""
    runs = estimate.runs_of(options, 15)
    rows: list[Row] = []
    for shape, name, share in product((LOGNORMAL, BIMODAL), CASES, SHARES):
        if options.quick and share != SHARES[1]:
            continue
        cases = [(options.seed, shape.name, name, share, k) for k in range(runs)]
        found = np.array(estimate.each(_measured, cases, options.jobs))
        limit = BIMODAL_LIMIT if shape is BIMODAL else TAIL_LIMIT if "+" in name else BODY_LIMIT
        where = f"{shape.name}, {name}, {share:.0%} share"
        ours, alone = estimate.ratio(found[:, 4], found[:, 3]), estimate.ratio(found[:, 2], found[:, 0])
        rows += [
            estimate.told(f"{where}: oracle", estimate.mean(found[:, 0]), "requests"),
            estimate.told(f"{where}: ours", estimate.mean(found[:, 1]), "requests"),
            estimate.ratio_at_most(f"{where}: ours / oracle", ours, limit, quick=options.quick),
            estimate.told(f"{where}: part over the SLO alone / oracle", alone, "x"),
            Row(f"{where}: any rising test / oracle, at best", _rising_bound(shape, CASES[name][0], share), "x"),
        ]
    rows += _traces(options)
    if not options.quick:
        figures.keep("latency", rows, f"seed {options.seed}, {runs} runs a cell, {options.shuffles} A/A shuffles")
    return rows


def _measured(case: Case) -> tuple[float, ...]:
    """Challenger requests: oracle, ours, and the part over the SLO alone (20 times the oracle's at most).

    Then the oracle's log evidence when it speaks and when ours does.
    """
    seed, shape_name, name, share, number = case
    shape = LOGNORMAL if shape_name == LOGNORMAL.name else BIMODAL
    slower, n1 = CASES[name]
    n0 = round(n1 * (1.0 - share) / share)
    random = np.random.default_rng([seed, shape is BIMODAL, list(CASES).index(name), round(share * 1000), number])
    f0, f1 = bucketed(shape), bucketed(shape, slower)
    history = random.multinomial(KNOWN_BEFORE, f0)
    oracle = _oracle_steps(f0, f1, n1, n0)
    over = int(np.searchsorted(shape.bounds_s, SLO_S)) + 1
    whole, slo = LatencyEvidence.start(history.tolist(), shape.bounds_s, over - 1), engine.carried()
    found: list[float | None] = [None, None, None]
    told, requests, told_then = 0.0, 0, [0.0, 0.0, 0.0]
    for y1, y0 in _ticks(random, f1, f0, n1, n0):
        requests += n1
        told += float(y1 @ oracle[0] - (y1 + y0) @ oracle[1])
        if found[1] is None:
            whole = whole.observe(y1.tolist(), y0.tolist())
        if found[2] is None:
            slo = slo.observe(Increment(n0, int(y0[over:].sum()), n1, int(y1[over:].sum())))
        for k, value in enumerate((told, whole.log_e, slo.log_e)):
            if found[k] is None and value >= engine.FIRE:
                found[k], told_then[k] = float(requests), told
        if found[2] is None and found[0] is not None and requests >= 20.0 * found[0]:
            found[2] = float(requests)
        if None not in found:
            break
    return found[0] or 0.0, found[1] or 0.0, found[2] or 0.0, told_then[0], told_then[1]


def _ticks(
    random: np.random.Generator, f1: NDArray[np.float64], f0: NDArray[np.float64], n1: int, n0: int
) -> Iterator[tuple[Counts, Counts]]:
    while True:
        yield from zip(random.multinomial(n1, f1, 100), random.multinomial(n0, f0, 100), strict=True)


def _oracle_steps(
    f0: NDArray[np.float64], f1: NDArray[np.float64], n1: int, n0: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a challenger request and any request in each bucket adds and takes, both distributions being known."""
    g = np.maximum(f1, 1e-12) / np.maximum(f0, 1e-12)
    return np.log(g), np.log((n1 * g + n0) / (n1 + n0))


def _rising_bound(shape: Shape, slower: Slower, share: float) -> float:
    """Growth of the oracle over that of the best test whose ratios rise with latency: the isotonic projection."""
    f0, f1 = bucketed(shape), bucketed(shape, slower)

    def growth(g: NDArray[np.float64]) -> float:
        mix = np.log1p(share * (g - 1.0))
        return float(f1 @ (np.log(g) - mix) - (1.0 - share) / share * (f0 @ mix))

    return growth(f1 / f0) / growth(np.array(rising(f0.tolist(), f1.tolist(), floor=0.0)))


def _files() -> list[Path]:
    folder = os.environ.get(TRACES)
    return sorted(Path(folder).glob("*.csv")) if folder else []


def _traces(options: argparse.Namespace) -> list[Row]:
    files, rows, caught = _files(), [], 0
    if not files:
        return [Row(f"traces: none, since {TRACES} names no folder with any", None, "")]
    shuffles = 3 if options.quick else SHUFFLES_CAUGHT
    for file in range(len(files)):
        seen = estimate.each(_trace, [(options.seed, file, True, k) for k in range(shuffles)], options.jobs)
        hits = [requests for requests in seen if requests is not None]
        caught += len(hits) >= OFTEN * shuffles
        often = f"trace {file + 1}: caught in {len(hits)} of {shuffles} shuffles, mean challenger requests then"
        rows.append(Row(often, float(np.mean(hits)) if hits else None, "requests"))
    goal = f"traces caught in {OFTEN:.0%} of shuffles"
    rows.append(Row(goal, caught, f"of {len(files)}", f">= {len(files)}", options.quick or caught == len(files)))
    per_file = max((16 if options.quick else options.shuffles) // len(files), 1)
    cases = [(options.seed, file, False, k) for file in range(len(files)) for k in range(per_file)]
    alarms = sum(found is not None for found in estimate.each(_trace, cases, options.jobs))
    rows.append(estimate.part_at_most("traces, A/A false alarm", estimate.part(alarms, len(cases)), FALSE_ALARMS))
    return rows


@lru_cache
def _read(file: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    with _files()[file].open(newline="") as source:
        rows = list(csv.DictReader(source))
    return np.array([float(row["latency_ms"]) / 1000 for row in rows]), np.array([row["slow"] == "1" for row in rows])


def _trace(case: tuple[int, int, bool, int]) -> int | None:
    """Challenger requests until slowness is shown; None where the trace ends before."""
    seed, file, harmful, number = case
    random = np.random.default_rng([seed, file, harmful, number])
    latency, slow = _read(file)
    usable = np.arange(len(latency)) if harmful else np.flatnonzero(~slow)
    order = random.permutation(usable)
    mine = random.random(len(order)) < CHALLENGER_PART
    keep = mine | ~slow[order]
    order, mine = order[keep], mine[keep]
    bounds = np.asarray(LOGNORMAL.bounds_s)
    slo_bucket = int(np.searchsorted(bounds, SLO_S))
    whole = LatencyEvidence.start([0] * (len(bounds) + 1), bounds.tolist(), slo_bucket)
    mean = MeanEvidence.start(0.0)
    requests = 0
    for first in range(0, len(order), TICK_REQUESTS):
        values, arm = latency[order[first : first + TICK_REQUESTS]], mine[first : first + TICK_REQUESTS]
        y1, y0 = (np.bincount(np.searchsorted(bounds, values[a]), minlength=len(bounds) + 1) for a in (arm, ~arm))
        requests += int(y1.sum())
        whole = whole.observe(y1.tolist(), y0.tolist())
        totals = [Totals(int(a.sum()), float(values[a].sum())) for a in (arm, ~arm)]
        mean = mean.observe(*totals)
        if harm_average([whole.log_e, mean.log_e], [1.0 - MEAN_WEIGHT, MEAN_WEIGHT]) >= engine.FIRE:
            return requests
    return None
