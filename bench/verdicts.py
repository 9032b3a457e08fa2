"""The forecast behind ``rollout plan recommend`` beside rehearsals of the real core: time to a verdict.

Each row is a situation that the recommendation is asked about, with its traffic, bursts, shares and the weight of the
gate on errors: how long until a harmless challenger is shown safe, and until a harmful one is taken back.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np

from bench.chance import estimate
from bench.rig import figures
from bench.table import Row
from rolloutd.core.analysis.first_stage import HOUR_MS, METRIC, OTHERS, plan_of, setting_of, time_to_safety, time_to_see
from rolloutd.core.analysis.situation import Situation
from rolloutd.core.forecast.harm import time_to_harm
from rolloutd.core.forecast.values import Span
from rolloutd.core.plan import Plan, Spec
from rolloutd.rehearsal.runs import ROLLBACK, Run, StageRun, rehearse
from rolloutd.rehearsal.traffic import ArmRates, Assumed, Nuisance

TOLERANCE = 0.10
LONG_H = 2_000.0
LATE_AFTER_MS = 1_800_000
BUSY = Situation(300.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: ``ratio`` times the champion's errors at this share; 1 asks for safety. ``late``: harm on stage 2."""

    name: str
    asked: Situation
    share: float = 0.01
    ratio: float = 1.0
    late: bool = False

    @property
    def told(self) -> Span | None:
        """What the forecast says, in hours."""
        if self.late:
            found = time_to_harm(replace(setting_of(self.asked, self.share), plan=self.plan, index=1), self.ratio)
            return None if found is None else Span(found.mean / HOUR_MS, found.p90 / HOUR_MS)
        if self.ratio > 1.0:
            return time_to_see(self.asked, self.ratio, self.share)
        return time_to_safety(self.asked, self.share)

    @property
    def plan(self) -> Plan:
        """The plan that is rehearsed: the recommendation's, with time without end."""
        plan = plan_of(self.asked, self.share, LONG_H)
        if not self.late:
            return plan
        first = replace(plan.stages[0], min_time_ms=LATE_AFTER_MS)
        return replace(plan, stages=(first, *plan.stages[1:]))


CELLS = (
    Cell("safe, 300 rps, 1%", BUSY),
    Cell("safe, 65 rps, 1%", replace(BUSY, rps=65.0)),
    Cell("safe, 14 rps, 5%", replace(BUSY, rps=14.0), 0.05),
    Cell("safe, 300 rps, 1%, bursts of 3", replace(BUSY, phi=3.0)),
    Cell("safe, 300 rps, 1%, champion 5%", replace(BUSY, champion_errors=0.05)),
    Cell("safe, 100 rps, 1%, margin 2", replace(BUSY, rps=100.0, accept=2.0)),
    Cell("safe, 300 rps, 10%, margin 1.25", replace(BUSY, accept=1.25), 0.10),
    Cell("safe, 20 rps, copies of all", replace(BUSY, rps=40.0), 0.50),
    Cell("safe, 40 rps, copies of all, bursts of 3", replace(BUSY, rps=80.0, phi=3.0), 0.50),
    Cell("safe, 300 rps, 5%, bursts of 5", replace(BUSY, phi=5.0), 0.05),
    Cell("x2, 300 rps, 1%", BUSY, ratio=2.0),
    Cell("x2, 300 rps, 1%, the only gate", replace(BUSY, weight=1.0), ratio=2.0),
    Cell("x2, 300 rps, 1%, a tenth of the weight", replace(BUSY, weight=0.1), ratio=2.0),
    Cell("x2, 300 rps, 1%, bursts of 3", replace(BUSY, phi=3.0), ratio=2.0),
    Cell("x2, 65 rps, 1%", replace(BUSY, rps=65.0), ratio=2.0),
    Cell("x3, 300 rps, 1%", BUSY, ratio=3.0),
    Cell("x5, 300 rps, 1%", BUSY, ratio=5.0),
    Cell("x5, 65 rps, 1%, bursts of 3", replace(BUSY, rps=65.0, phi=3.0), ratio=5.0),
    Cell("x3, 14 rps, 5%", replace(BUSY, rps=14.0), 0.05, 3.0),
    Cell("x2, 20 rps, 50%", replace(BUSY, rps=20.0), 0.50, 2.0),
    Cell("x1.5, 2000 rps, 1%", replace(BUSY, rps=2_000.0), ratio=1.5),
    Cell("x2, 300 rps, from stage 2 on (10%)", BUSY, 0.05, 2.0, late=True),
)
Case = tuple[int, int, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 800)
    parser.add_argument("--only", default="", help="rows whose name has this text; the table is not kept")
    parser.add_argument(
        "--parts", type=Path, help="a folder: rows measured before are read from it, all are written to it"
    )


def run(options: argparse.Namespace) -> list[Row]:
    """All rows; a full run is kept."""
    runs, rows = estimate.runs_of(options, 20), []
    for index, cell in enumerate(CELLS):
        if options.only in cell.name:
            measured = [hours for hours in _measured(index, options, runs) if hours is not None]
            rows += compared(cell.name, cell.told, measured, quick=options.quick)
    if not (options.quick or options.only):
        parts = ", measured in parts" if options.parts else ""
        figures.keep("verdicts", rows, f"seed {options.seed}, {runs} rehearsals a row{parts}")
    return rows


def compared(name: str, told: Span | None, measured: Sequence[float], *, quick: bool) -> list[Row]:
    """The measured mean, and what the forecast is of mean and ninth decile, with the standard errors of measuring."""
    values = np.asarray(measured, dtype=float)
    assert told is not None  # every row is of a verdict that comes
    mean, p90 = float(values.mean()), float(np.quantile(values, 0.9))
    error = float(values.std(ddof=1)) / sqrt(len(values)) / mean
    parts = [float(np.quantile(part, 0.9)) for part in np.array_split(values, 10)]
    wide = float(np.std(parts, ddof=1)) / sqrt(len(parts)) / p90
    return [
        Row(f"{name}: measured mean", mean * 60, "min"),
        _within(f"{name}: forecast / measured, mean", told.mean / mean, error, quick=quick),
        _within(f"{name}: forecast / measured, p90", told.p90 / p90, wide, quick=quick),
    ]


def _measured(index: int, options: argparse.Namespace, runs: int) -> list[float | None]:
    """Hours of all rehearsals of a row; those that are in the folder of parts are not run again."""
    file = None if options.parts is None else options.parts / f"{index:02d}-seed-{options.seed}.json"
    known: list[float | None] = json.loads(file.read_text(encoding="utf-8")) if file and file.exists() else []
    cases = [(index, options.seed, k) for k in range(len(known), runs)]
    found = known[:runs] + estimate.each(hours_to_verdict, cases, options.jobs)
    if file and cases:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found), encoding="utf-8")
    return found


def hours_to_verdict(case: Case) -> float | None:
    """One rehearsal of a row; None where the wrong verdict came first, or harm before it began."""
    index, seed, number = case
    cell = CELLS[index]
    asked, stage = cell.asked, 1 if cell.late else 0
    rates = {METRIC: ArmRates(asked.champion_errors, asked.champion_errors * cell.ratio)}
    if asked.weight < 1:
        rates[OTHERS] = ArmRates(*2 * (asked.champion_errors,))
    onset = LATE_AFTER_MS if cell.late else 0
    assumed = Assumed(asked.rps, rates, onset, Nuisance(bursts=round(asked.phi)))
    spec = Spec("ranker-v42", "ranker", "v41", "v42", "ranker", cell.plan)
    found = rehearse(spec, assumed, f"{seed}/{cell.name}/{number}", lambda stages: _is_over(stages, cell, stage))
    return _hours(found, cell, stage)


def _is_over(stages: Sequence[StageRun], cell: Cell, stage: int) -> bool:
    return cell.ratio == 1.0 and any(METRIC in one.passed for one in stages if one.index == stage)


def _hours(found: Run, cell: Cell, stage: int) -> float | None:
    if cell.ratio == 1.0:
        times = [one.passed[METRIC][0] for one in found.stages if one.index == stage and METRIC in one.passed]
        return times[0] / HOUR_MS if times else None
    last = found.stages[-1] if found.stages else None
    if last is None or last.index != stage:
        return None
    return last.left_ms / HOUR_MS if found.outcome == ROLLBACK and last.left_ms is not None else None


def _within(name: str, ratio: float, error: float, *, quick: bool) -> Row:
    """The estimate itself must be near; a quick run, of few rehearsals, refutes only two standard errors beyond."""
    goal = f"{TOLERANCE:.0%} and 2 s.e. at most" if quick else f"the estimate within {TOLERANCE:.0%}"
    ok = abs(ratio - 1.0) <= TOLERANCE + (2.0 * error if quick else 0.0)
    return Row(name, ratio, f"x ±{error:.3f}", goal, ok)
