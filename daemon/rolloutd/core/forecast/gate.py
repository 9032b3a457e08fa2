"""How long one gate takes on one stage to pass a good challenger, and what it sees there. Pure, and never evidence.

It follows the evidence's own course: the tick in which the share changed is dropped, in the warm-up nothing speaks for
safety, and what is learnt of bursts on the way is known as well as it is by then. Of harm see `harm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log

from rolloutd.core.forecast.harm import smallest_harm, twice
from rolloutd.core.forecast.learning import Learning
from rolloutd.core.forecast.setting import WELL_SEEN, Setting
from rolloutd.core.forecast.values import GateForecast, Span
from rolloutd.core.stats.deflate import PRIOR_ERRORS
from rolloutd.core.stats.grid import SAFE_LOG_WEIGHTS
from rolloutd.core.stats.logs import logsumexp
from rolloutd.core.stats.luck import MIDDLES, Law, Table, by_luck, safe_walk
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.pace import Flow, Pace, is_divided, safe_pace
from rolloutd.core.stats.passage import Passage, first_passage

_MANY_BURSTS = 100.0
"""Of so many nobody passes by luck."""
_SMALL = 0.5
"""Below so much of the champion's traffic it is the challenger's bursts that decide."""


def forecast_gate(setting: Setting) -> GateForecast:
    """What this gate takes on this stage."""
    gate, traffic = setting.gate, setting.traffic
    stage = setting.plan.stages[setting.index]
    if setting.share >= 1.0:
        return GateForecast(gate, traffic, None, None, 1.0, None, None, not_compared=True)
    passage = passage_to_safe(setting)
    if passage is None:
        return GateForecast(gate, traffic, None, None, 0.0, smallest_harm(setting), twice(setting))
    time_ms = _time(setting, passage)
    per_ms = traffic.rps * setting.share / 1000.0
    samples = Span(time_ms.mean * per_ms, time_ms.p90 * per_ms)
    odds = passage.odds_by((stage.max_time_ms - safe_from_ms(setting)) / setting.step_ms)
    return GateForecast(gate, traffic, samples, time_ms, odds, smallest_harm(setting), twice(setting))


def time_to_safe(setting: Setting) -> Span | None:
    """Time until a challenger as good as the champion is shown safe; None where it never is."""
    passage = passage_to_safe(setting)
    return None if passage is None else _time(setting, passage)


def _time(setting: Setting, passage: Law) -> Span:
    from_ms, p90 = safe_from_ms(setting), passage.quantile(WELL_SEEN)
    return Span(from_ms + passage.mean * setting.step_ms, from_ms + p90 * setting.step_ms)


def safe_from_ms(setting: Setting) -> int:
    """From when a tick can speak for safety: the first one is dropped, and so are all of the warm-up but its last.

    Labels come later by as long as they take to be ripe.
    """
    every_ms, ripe_ms = setting.gate.every_ms, setting.gate.template.ripe_ms
    return max(every_ms, setting.plan.timing.warm_up_ms - every_ms) + ripe_ms


def passage_to_safe(setting: Setting) -> Law | None:
    """Ticks until a challenger as good as the champion is shown safe, counted from `safe_from_ms`.

    Where evidence is divided by phi, and too few bursts come to be known well, some pass by luck.
    """
    flow, line, truth = setting.flow(setting.traffic.rate), log(1.0 / setting.plan.beta), setting.traffic.phi
    learning = Learning(truth, max(flow.champion_n, flow.challenger_n) * flow.champion_rate, PRIOR_ERRORS)
    weights, phi, wider, found = list(SAFE_LOG_WEIGHTS), truth, 1.0, None
    for _ in range(2):  # how long it takes says how well phi will be known, and that how long it takes
        pace = _safe_pace(flow, setting.gate.accept, truth, round(phi, 3))
        found = first_passage(pace, weights, line)
        if found is None:
            return None
        if is_divided(flow, setting.gate.accept):
            phi = learning.expected(found.mean)
        else:
            lost, wider = learning.lost(lambda phi: _safe_pace(flow, setting.gate.accept, truth, phi), found.mean)
            weights = [a + b for a, b in zip(SAFE_LOG_WEIGHTS, lost, strict=True)]
    if found is None:
        return None
    if truth > 1.0 and flow.challenger_n < _SMALL * flow.champion_n and is_divided(flow, setting.gate.accept):
        bursts = found.mean * safe_walk(flow, setting.gate.accept, truth).bursts
        return (_by_luck(flow, setting.gate.accept, line, learning) or found) if bursts < _MANY_BURSTS else found
    return found.varying(wider)


@lru_cache(maxsize=256)
def _by_luck(flow: Flow, accept: Margin, line: float, learning: Learning) -> Table | None:
    walk = safe_walk(flow, accept, learning.truth)
    return by_luck(walk, line, lambda ticks: learning.taken_for(ticks, MIDDLES))


def passage_from(setting: Setting, logs: Sequence[float]) -> Passage | None:
    """The same from evidence as it stands: ``logs`` are its effects' own, weights among them. None when it is safe."""
    line = log(1.0 / setting.plan.beta)
    if logsumexp(logs) >= line:
        return None
    pace = _safe_pace(setting.flow(setting.traffic.rate), setting.gate.accept, setting.traffic.phi)
    return first_passage(pace, logs, line)


@lru_cache(maxsize=2_048)
def _safe_pace(flow: Flow, accept: Margin, phi: float, taken_for: float | None = None) -> Pace:
    return safe_pace(flow, accept, phi, taken_for=taken_for)
