"""A whole plan's forecast: how long each stage is stayed on, which gate is the slowest, and the sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from rolloutd.core.forecast.gate import forecast_gate, passage_to_safe, safe_from_ms
from rolloutd.core.forecast.setting import Setting
from rolloutd.core.forecast.values import GateForecast, PlanForecast, Span, StageForecast, Traffic
from rolloutd.core.plan import OnFail, Plan, Stage
from rolloutd.core.stats.luck import Law
from rolloutd.core.values import ZERO
from rolloutd.core.whole_day import DAY_MS

_POINTS = 400
_FAR, _WELL = 0.999, 0.9


@dataclass(frozen=True, slots=True)
class _Passing:
    """One gate's passing on a stage: from when, in what steps, by what law."""

    from_ms: int
    step_ms: float
    passage: Law

    def odds_by(self, time_ms: float) -> float:
        return self.passage.odds_by((time_ms - self.from_ms) / self.step_ms)

    @property
    def far_ms(self) -> float:
        return self.from_ms + self.passage.quantile(_FAR) * self.step_ms


def forecast_plan(plan: Plan, traffic: Traffic) -> PlanForecast:
    """All stages at this traffic. Gates without a known traffic are left out."""
    stages = tuple(forecast_stage(plan, index, traffic) for index in range(len(plan.stages)))
    stays = [found.stay_ms for found in stages]
    odds = 1.0
    for found in stages:
        odds *= found.odds_in_time
    if any(stay is None for stay in stays):
        return PlanForecast(stages, None, odds)
    known = [stay for stay in stays if stay is not None]
    mean = sum(stay.mean for stay in known)
    # Stays are independent; what one has above its mean at nine of ten adds up as standard deviations do.
    above = sum((stay.p90 - stay.mean) ** 2 for stay in known) ** 0.5
    return PlanForecast(stages, Span(mean, mean + above), odds)


def forecast_stage(plan: Plan, index: int, traffic: Traffic) -> StageForecast:
    """One stage at this traffic."""
    stage = plan.stages[index]
    gates = tuple(forecast_gate(setting) for setting in _settings(plan, index, traffic))
    deciding = [found for found in gates if found.gate.on_fail is not OnFail.OBSERVE and not found.not_compared]
    slowest = max(deciding, key=_mean_of, default=None)
    passing = _all_passing(plan, index, traffic)
    odds = 0.0 if passing is None else _odds_by(passing, stage.max_time_ms)
    stay = stay_of(plan, index, traffic)
    return StageForecast(stage, gates, stay, slowest.gate.metric if slowest else None, odds)


def stay_of(plan: Plan, index: int, traffic: Traffic) -> Span | None:
    """How long the stage is stayed on: until the floor is over and all gates have passed; None where one never does."""
    passing = _all_passing(plan, index, traffic)
    if passing is None:
        return None
    floor_ms = floor_of(plan, plan.stages[index])
    return _stay(passing, floor_ms, max([floor_ms, *(one.far_ms for one in passing)]))


def _settings(plan: Plan, index: int, traffic: Traffic) -> list[Setting]:
    stage = plan.stages[index]
    if stage.share == ZERO or stage.segments:  # smoke probes or copies judge; of a ring nobody knows how much it has
        return []
    known = [gate for gate in plan.gates if gate.metric in traffic and gate.template.kind.of_rates]
    return [Setting(plan, index, gate, traffic[gate.metric]) for gate in known]


def _all_passing(plan: Plan, index: int, traffic: Traffic) -> list[_Passing] | None:
    """How each gate that decides passes; None where one never would."""
    found = []
    for setting in _settings(plan, index, traffic):
        if setting.gate.on_fail is OnFail.OBSERVE or setting.share >= 1.0:
            continue
        passage = passage_to_safe(setting)
        if passage is None:
            return None
        found.append(_Passing(safe_from_ms(setting), setting.step_ms, passage))
    return found


def _odds_by(passing: Sequence[_Passing], time_ms: float) -> float:
    """The odds that all have passed by then; their errors are taken for unrelated."""
    product = 1.0
    for one in passing:
        product *= one.odds_by(time_ms)
    return product


def floor_of(plan: Plan, stage: Stage) -> int:
    """The least a stage is stayed on: its minimum time, a day, enough ticks with data (the first tick has none).

    Labels must be ripe before they are data.
    """
    day_ms = DAY_MS if stage.full_day else 0
    ripe_ms = max(gate.template.ripe_ms for gate in plan.gates)
    return max(stage.min_time_ms, ripe_ms + day_ms, ripe_ms + (stage.min_ticks + 1) * plan.timing.tick_ms)


def _mean_of(found: GateForecast) -> float:
    return inf if found.time_ms is None else found.time_ms.mean


def _stay(passing: Sequence[_Passing], floor_ms: int, far_ms: float) -> Span:
    """Mean and ninth decile of the later of the floor and all passings."""
    width = (far_ms - floor_ms) / _POINTS
    if width <= 0.0:
        return Span(float(floor_ms), float(floor_ms))
    grid = [floor_ms + width * (k + 0.5) for k in range(_POINTS)]
    found = [_odds_by(passing, at) for at in grid]
    mean = floor_ms + width * sum(1.0 - odds for odds in found)
    p90 = next((at for at, odds in zip(grid, found, strict=True) if odds >= _WELL), far_ms)
    return Span(mean, float(floor_ms) if _odds_by(passing, floor_ms) >= _WELL else p90)
