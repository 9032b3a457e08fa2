"""What the forecast says beside what rehearsals of the same plan measure: time to pass, to leave a stage, to go back.

The standard strategy with two gates (errors, limited, and latency), clean traffic, a challenger as good as the champion
and one that errs twice or five times as often from the first share on. Maximum times are lengthened so that nothing is
cut off; everything else is the plan's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.chance import estimate
from bench.rig import figures
from bench.table import Row
from bench.verdicts import compared
from rolloutd.core.analysis.first_stage import HOUR_MS
from rolloutd.core.forecast.harm import time_to_harm
from rolloutd.core.forecast.setting import Setting
from rolloutd.core.forecast.stages import forecast_plan
from rolloutd.core.forecast.values import MetricTraffic, Span, StageForecast
from rolloutd.core.plan import Spec
from rolloutd.core.values import parse_duration_ms
from rolloutd.main import vocabulary
from rolloutd.rehearsal.runs import ROLLBACK, Run, StageRun, rehearse
from rolloutd.rehearsal.traffic import ArmRates, Assumed
from rolloutd.settings import read_settings, read_spec

RATES = {"errors": 0.01, "latency": 0.02}
RPS = (150.0, 500.0)
HARMS = (2.0, 5.0)
_LONG_MS = parse_duration_ms("40d")
_CONFIG = """
[routers.edge]
kind = "memory"
[routes.ranker]
router = "edge"
slots.a = { arm = "a", probe_url = "http://127.0.0.1:8001/" }
slots.b = { arm = "b", probe_url = "http://127.0.0.1:8002/" }
[sources.proxy]
kind = "memory"
[metrics.errors]
template = "envoy.errors"
[metrics.latency]
template = "envoy.latency"
slo = "250ms"
"""
_SPEC = """
[rollout]
model = "ranker"
champion = "v41"
challenger = "v42"
route = "ranker"
[[gate]]
metric = "errors"
limit = "5%"
[[gate]]
metric = "latency"
"""
Case = tuple[int, float, float, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of the forecast and the runs' own."""

    name: str
    told: Span
    measured: Sequence[float]

    def rows(self, *, quick: bool) -> list[Row]:
        """The figures, and how far off mean and ninth decile are."""
        told = Span(self.told.mean / HOUR_MS, self.told.p90 / HOUR_MS)
        return compared(self.name, told, [value / HOUR_MS for value in self.measured], quick=quick)


def standard() -> Spec:
    """The built-in strategy with two gates, its maximum times lengthened."""
    spec = read_spec(_SPEC, "bench.toml", read_settings(_CONFIG, "config.toml", vocabulary()))
    stages = tuple(replace(stage, max_time_ms=_LONG_MS) for stage in spec.plan.stages)
    return replace(spec, plan=replace(spec.plan, stages=stages))


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 400)


def run(options: argparse.Namespace) -> list[Row]:
    """All rates; a full run is kept."""
    runs = estimate.runs_of(options, 40)
    rows: list[Row] = []
    for rps in RPS:
        for cell in cells(rps, options.seed, runs, options.jobs):
            rows += cell.rows(quick=options.quick)
    if not options.quick:
        note = f"seed {options.seed}, {runs} runs a rate, champion {RATES}"
        figures.keep("forecast", rows, note)
    return rows


def cells(rps: float, seed: int, runs: int, jobs: int) -> list[Cell]:
    """Everything that is compared at one rate of traffic."""
    plan = standard().plan
    told = forecast_plan(plan, {metric: MetricTraffic(rps, rate) for metric, rate in RATES.items()})
    good = estimate.each(_rehearsed, [(seed, rps, 1.0, k) for k in range(runs)], jobs)
    found = [cell for stage in range(len(plan.stages)) for cell in _of_stage(rps, told.stages[stage], stage, good)]
    for ratio in HARMS:
        span = time_to_harm(Setting(plan, 0, plan.gate("errors"), MetricTraffic(rps, RATES["errors"])), ratio)
        bad = estimate.each(_rehearsed, [(seed, rps, ratio, k) for k in range(runs)], jobs)
        times = [one.time_ms for one in bad if one.outcome == ROLLBACK and len(one.stages) == 1]
        if span is not None and len(times) > 0.97 * runs:  # with more, the later stages' shares would be mixed in
            found.append(Cell(f"{rps:g} rps, x{ratio:g} from the start: back", span, times))
    return found


def _of_stage(rps: float, told: StageForecast, index: int, runs: Sequence[Run]) -> list[Cell]:
    stays = [stage for one in runs for stage in one.stages if stage.index == index]
    name = f"{rps:g} rps, {told.stage.share}"
    found = [Cell(f"{name}: stay", told.stay_ms, _left(stays))] if told.stay_ms else []
    for gate in told.gates:
        metric = gate.gate.metric
        if gate.time_ms is not None:
            times = [stay.passed[metric][0] for stay in stays if metric in stay.passed]
            found.append(Cell(f"{name}: {metric} passes", gate.time_ms, times))
    return found


def _left(stays: Sequence[StageRun]) -> list[float]:
    return [float(stay.left_ms) for stay in stays if stay.left_ms is not None]


def _rehearsed(case: Case) -> Run:
    seed, rps, ratio, number = case
    spec = _spec()
    rates = {
        "errors": ArmRates(RATES["errors"], RATES["errors"] * ratio),
        "latency": ArmRates(*2 * (RATES["latency"],)),
    }
    return rehearse(spec, Assumed(rps, rates), f"{seed}/{rps:g}/{ratio:g}/{number}")


_kept: list[Spec] = []


def _spec() -> Spec:
    if not _kept:
        _kept.append(standard())
    return _kept[0]
