"""What pairs of one positive and one negative cost beside the whole AUC, in labelled answers, and how many find a pair.

The gate counts each answer in one pair, so that pairs are independent draws; the usual estimate compares each positive
with every negative. Both are right in the mean. The ratio of their variances says how many times the answers it takes.
"""

from __future__ import annotations

import argparse
from math import exp, lgamma, log, sqrt

import numpy as np

from bench.chance import estimate
from bench.rig import figures
from bench.table import Row
from rollout_adapters.predictions.ordering import OrderBook

ANSWERS = 2_000
WORLDS = ((0.80, 0.1), (0.80, 0.5), (0.95, 0.1))
"""The true AUC, of two normals of equal width, and the part of the answers that are positive."""
APART = {0.80: 1.1902, 0.95: 2.3262}
"""How far the two normals are apart, in widths: sqrt(2) times the normal quantile of the AUC."""
ARRIVING = (1, 3, 10, 30)
Case = tuple[int, int, float, float]  # seed, number, AUC, part of positives


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 4_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All worlds; a full run is kept."""
    runs, rows = estimate.runs_of(options, 100), []
    for auc, part in WORLDS:
        cases: list[Case] = [(options.seed, number, auc, part) for number in range(runs)]
        found = np.array(estimate.each(squares, cases, options.jobs))
        name = f"AUC {auc:.2f}, {part:.0%} positive: times the answers of the whole AUC"
        rows.append(estimate.told(name, estimate.ratio(found[:, 0], found[:, 1]), "x"))
    for arriving in ARRIVING:
        name = f"10% positive, {arriving} answers a stretch on average: positives in a pair"
        rows.append(Row(name, 100 * paired(arriving, 0.1), "%"))
    if not options.quick:
        figures.keep("auc", rows, f"seed {options.seed}, {runs} runs of {ANSWERS} answers; the last rows are exact")
    return rows


def squares(case: Case) -> tuple[float, float]:
    """By how much the part of pairs in the wrong order, and the whole AUC, miss the truth in one run, squared."""
    seed, number, auc, part = case
    random = np.random.default_rng([seed, number, int(100 * auc), int(100 * part)])
    labels = random.random(ANSWERS) < part
    scores = random.normal(size=ANSWERS) + APART[auc] * labels
    book = OrderBook(1, ANSWERS)
    for index, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True)):
        book.add("b", f"{number}-{index}", score, 0, positive=label)
    book.close(0)
    counts, up, down = book.counts("b"), scores[labels], np.sort(scores[~labels])
    whole = float(np.searchsorted(down, up).mean()) / len(down)
    return (counts.misordered / counts.pairs - (1 - auc)) ** 2, (whole - auc) ** 2


def paired(arriving: float, part: float) -> float:
    """The part of the positives that find a negative in their stretch, where answers arrive independently."""
    up, down = _poisson(arriving * part), _poisson(arriving * (1 - part))
    met = sum(min(p, n) * one * other for p, one in enumerate(up) for n, other in enumerate(down))
    return met / (arriving * part)


def _poisson(mean: float) -> list[float]:
    return [exp(count * log(mean) - mean - lgamma(count + 1)) for count in range(int(mean + 12 * sqrt(mean) + 12))]
