"""Monte Carlo figures with their standard errors, and rows that hold only if the error allows it; it draws nothing."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.table import Row

Values = Sequence[float] | NDArray[np.float64]
_T = TypeVar("_T")
_C = TypeVar("_C")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ±{self.error:.2g}"


def mean(values: Values) -> Estimate:
    """The mean of independent values."""
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)) / sqrt(len(values)))


def ratio(above: Values, below: Values) -> Estimate:
    """Ratio of the means of pairs, its error by the delta method: the pairs saw the same traffic."""
    a, b = (np.asarray(values, dtype=float) for values in (above, below))
    value = float(a.mean() / b.mean())
    return Estimate(value, float(np.std(a - value * b, ddof=1)) / float(b.mean()) / sqrt(len(a)))


def part(happened: int, runs: int) -> Estimate:
    """How often something happened; the error of none is that of one."""
    value = happened / runs
    shown = max(happened, 1) / runs
    return Estimate(value, sqrt(shown * (1.0 - min(shown, 0.5)) / runs))


def ratio_at_most(name: str, found: Estimate, limit: float, *, quick: bool) -> Row:
    """A ratio that must not exceed the limit even with two standard errors more; quick runs must not refute that."""
    errors = -3.0 if quick else 2.0
    ok = found.value + errors * found.error <= limit
    return Row(name, found.value, f"x ±{found.error:.3f}", f"{errors:+g} s.e. <= {limit:g}", ok)


def ratio_at_least(name: str, found: Estimate, limit: float, *, quick: bool) -> Row:
    """A ratio that must reach the limit even with two standard errors less; quick runs must not refute that."""
    errors = 3.0 if quick else -2.0
    ok = found.value + errors * found.error >= limit
    return Row(name, found.value, f"x ±{found.error:.2f}", f"{errors:+g} s.e. >= {limit:g}", ok)


def part_at_most(name: str, found: Estimate, limit: float) -> Row:
    """A probability, shown in per cent, that must not lie beyond the limit by more than three standard errors."""
    ok = found.value - 3.0 * found.error <= limit
    return Row(name, 100.0 * found.value, f"% ±{100 * found.error:.2f}", f"-3 s.e. <= {100 * limit:g}", ok)


def told(name: str, found: Estimate, unit: str) -> Row:
    """A figure that nothing is demanded of."""
    return Row(name, found.value, f"{unit} ±{found.error:.2g}")


def each(work: Callable[[_C], _T], cases: Sequence[_C], jobs: int) -> list[_T]:
    """The work done for every case, in their order, by so many processes."""
    if jobs <= 1:
        return [work(case) for case in cases]
    return list(_pool(jobs).map(work, cases, chunksize=max(1, len(cases) // (8 * jobs))))


@lru_cache(1)
def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def add_options(parser: argparse.ArgumentParser, runs: int) -> None:
    """The options that every one of these benches has."""
    parser.add_argument("--quick", action="store_true", help="few runs, in about 20 seconds; nothing is written")
    parser.add_argument("--runs", type=int, default=runs, help=f"runs a cell ({runs})")
    parser.add_argument("--seed", type=int, default=1, help="all traffic follows from it (1)")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes (all cores)")


def runs_of(options: argparse.Namespace, quick: int) -> int:
    """Runs a cell."""
    return min(quick, int(options.runs)) if options.quick else int(options.runs)
