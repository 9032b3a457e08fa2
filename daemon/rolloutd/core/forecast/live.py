"""What a running gate still needs to pass: from the evidence it has, at the traffic it has seen. Pure; no evidence."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.forecast.gate import passage_from
from rolloutd.core.forecast.setting import WELL_SEEN, Setting
from rolloutd.core.forecast.values import MetricTraffic, Span
from rolloutd.core.plan import Gate, Plan
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS

_LEAST_TICKS = 3
_MOST_RATE = 0.98


@dataclass(frozen=True, slots=True)
class Remaining:
    """Challenger requests and time until the gate passes, if the challenger is as good as the champion."""

    requests: Span
    time_ms: Span


def remaining(plan: Plan, index: int, gate: Gate, known: GateEvidence, warm_up_left_ms: int) -> Remaining | None:
    """None while too little was seen to say, where it passes already, or where it never would."""
    sums, dwell_ms = known.stage_sum, known.dwell_ms
    if dwell_ms < _LEAST_TICKS * gate.every_ms or sums.champion_n == 0 or sums.challenger_n == 0:
        return None
    whole = known.total_sum
    rate = min(max(whole.champion_bad, 0.5) / whole.champion_n, _MOST_RATE)
    rps = 1000.0 * (sums.champion_n + sums.challenger_n) / dwell_ms
    phi = known.safe.clustering.phi
    setting = Setting(plan, index, gate, MetricTraffic(_rounded(rps), _rounded(rate), round(phi, 1)))
    if setting.share >= 1.0:
        return None
    logs = [
        weight + exact + deflated / phi
        for weight, exact, deflated in zip(SAFE_LOG_WEIGHTS, known.safe.exact, known.safe.deflated, strict=True)
    ]
    found = passage_from(setting, logs)
    if found is None:
        return None
    p90 = found.quantile(WELL_SEEN)
    per_tick = setting.traffic.rps * setting.step_ms / 1000.0 * setting.share
    time_ms = Span(warm_up_left_ms + found.mean * setting.step_ms, warm_up_left_ms + p90 * setting.step_ms)
    return Remaining(Span(found.mean * per_tick, p90 * per_tick), time_ms)


def _rounded(value: float) -> float:
    """To two digits: the same pace then serves for many looks."""
    return round(value, 1 - floor(log10(value)))
