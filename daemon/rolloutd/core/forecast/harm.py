"""How long one gate takes on one stage to see harm, and how little it still sees. Pure, and never evidence.

It follows the harm evidence's own course: the tick in which the share changed is dropped, in the warm-up only gross
harm counts, the evidence has its weight among the gates, half of it where there is a limit, and it works with the
restart mass that the stage and its ticks put to work. It says nothing of safety.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import exp, expm1, log, sqrt
from typing import NamedTuple

from rolloutd.core.forecast.learning import Learning
from rolloutd.core.forecast.setting import MOST_LIKELY, WELL_SEEN, Setting
from rolloutd.core.forecast.values import Span
from rolloutd.core.plan import OnFail
from rolloutd.core.stats import robust
from rolloutd.core.stats.grid import HARM, HARM_LATE
from rolloutd.core.stats.logs import logaddexp, logsumexp
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.pace import Flow, Pace, harm_pace
from rolloutd.core.stats.passage import OVERSHOOT, Mixed, first_passage, worth_in_ticks
from rolloutd.core.stats.restart import FIRST_TICK_MASS, LATER_STAGES_MASS, tick_mass

_GROSSEST, _SLIGHTEST = 64.0, 1.01
_HALVINGS = 7
_AWAY = (-2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25)
"""So many standard deviations from its mean the evidence may stand when the warm-up ends."""


class _End(NamedTuple):
    """Where the effects' evidence stands when the warm-up ends, and the odds that it does."""

    odds: float
    logs: list[float]


def time_to_harm(setting: Setting, ratio: float) -> Span | None:
    """Time until harm of this multiple of the champion's rate, there from the stage's start on, takes it back.

    Gross harm may be seen in the warm-up already; what is not goes on from its end. Of labels nothing is seen in it.
    """
    ripe_ms = setting.gate.template.ripe_ms
    if ripe_ms == 0:
        return _time_to_harm(setting, ratio)
    plan = setting.plan
    at_once = replace(setting, plan=replace(plan, timing=replace(plan.timing, warm_up_ms=0)))
    found, later_ms = _time_to_harm(at_once, ratio), ripe_ms + plan.timing.warm_up_ms
    return None if found is None else Span(found.mean + later_ms, found.p90 + later_ms)


def _time_to_harm(setting: Setting, ratio: float) -> Span | None:
    gate, timing, step_ms = setting.gate, setting.plan.timing, setting.step_ms
    flow, line = setting.flow(setting.traffic.rate * ratio), _line(setting)
    weights = _weights_at_start(setting)
    warm, odds, spent, in_time = max(0, int(timing.warm_up_ms / step_ms + 1e-6) - 2), 0.0, 0.0, None
    ends = [_End(1.0, weights)]
    if warm:
        # Nothing is learnt in a warm-up: errors are taken for independent.
        gross = _harm_pace(flow, gate.harm, round(setting.traffic.phi, 3), gross=True, taken_for=1.0)
        early = log(_early_mass(setting, 1, warm))
        begun = [logaddexp(a, early + b) for a, b in zip(weights, HARM_LATE.log_weights, strict=True)]
        in_time = first_passage(gross, begun, line)
        odds = 0.0 if in_time is None else in_time.odds_by(warm)
        spent = float(warm) if in_time is None else sum([1.0 - in_time.odds_by(tick) for tick in range(warm)])
        ends = _ends_of_warm_up(setting, weights, gross, warm)
    if in_time is not None and odds >= WELL_SEEN:
        rest = (1.0 - odds) * warm  # as long again for the few that are not seen in it
        return Span(gate.every_ms + (spent + rest) * step_ms, gate.every_ms + in_time.quantile(WELL_SEEN) * step_ms)
    later = _after(setting, flow, ends, warm)
    if later is None:
        return None
    from_ms = gate.every_ms if not warm else timing.warm_up_ms - gate.every_ms
    mean_ms = (gate.every_ms + spent * step_ms) if warm else float(gate.every_ms)
    p90 = later.quantile((WELL_SEEN - odds) / (1.0 - odds))
    return Span(mean_ms + (1.0 - odds) * later.mean * step_ms, from_ms + p90 * step_ms)


def smallest_harm(setting: Setting) -> float | None:
    """The least multiple of the champion's rate that is seen, with odds of 9 in 10, within the stage's maximum time."""
    max_ms = setting.plan.stages[setting.index].max_time_ms

    def is_seen(ratio: float) -> bool:
        found = time_to_harm(setting, ratio)
        return found is not None and found.p90 <= max_ms

    tolerated = setting.gate.harm.tolerated(setting.traffic.rate) / setting.traffic.rate
    low, high = tolerated * _SLIGHTEST, min(_GROSSEST, MOST_LIKELY / setting.traffic.rate)
    if low >= high or not is_seen(high):
        return None
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def twice(setting: Setting) -> Span | None:
    """Time until twice the champion's rate takes it back; None where that is no rate."""
    return time_to_harm(setting, 2.0) if 2.0 * setting.traffic.rate < MOST_LIKELY else None


def _after(setting: Setting, flow: Flow, ends: Sequence[_End], warm: int) -> Mixed | None:
    """Ticks until harm is shown once the warm-up is over; what every tick puts to work early on comes in time."""
    pace, line = _harm_pace(flow, setting.gate.harm, round(setting.traffic.phi, 3), gross=False), _line(setting)
    likeliest = max(ends, key=lambda end: end.odds)
    found = first_passage(pace, likeliest.logs, line)
    if found is None:
        return None
    lost, wider = _while_learning(setting, flow, pace, found.mean)
    late = [
        log(_early_mass(setting, warm + 1, round(min(max(count, 1.0), max(found.mean, 1.0))))) + weight
        for count, weight in zip(worth_in_ticks(pace), HARM_LATE.log_weights, strict=True)
    ]
    parts = []
    for odds, logs in ends:
        more = [logaddexp(a + b, c) for a, b, c in zip(logs, lost, late, strict=True)]
        way = first_passage(pace, more, line)
        if way is None:
            return None
        parts.append((odds, way.varying(wider)))
    return Mixed(tuple(parts))


def _while_learning(setting: Setting, flow: Flow, pace: Pace, ticks: float) -> tuple[list[float], float]:
    """What bets win less, and vary more, while bursts are taken for other than they are."""
    phi = setting.traffic.phi
    if phi <= 1.0:
        return [0.0] * len(pace.means), 1.0
    scale = setting.gate.harm.factor * flow.challenger_n / flow.champion_n
    errors = flow.challenger_n * flow.challenger_rate + scale * scale * flow.champion_n * flow.champion_rate
    learning = Learning(round(phi, 3), errors, robust.PRIOR_ERRORS)
    return learning.lost(
        lambda known: _harm_pace(flow, setting.gate.harm, round(phi, 3), gross=False, taken_for=known), ticks
    )


def _line(setting: Setting) -> float:
    """What the gate's own harm evidence must reach for the weighted average to reach 1/alpha."""
    gate = setting.gate
    weight = setting.plan.weight_of(gate) if gate.on_fail is not OnFail.OBSERVE else 1.0
    return log(1.0 / setting.plan.alpha) - log(weight) + (log(2.0) if gate.limit is not None else 0.0)


def _weights_at_start(setting: Setting) -> list[float]:
    """log of the mass that the stage itself puts to work, on each effect. What is carried has lost by then."""
    mass = FIRST_TICK_MASS if setting.index == 0 else LATER_STAGES_MASS / max(setting.plan.last, 1)
    return [log(mass) + w for w in HARM.log_weights]


def _ticks_before(setting: Setting) -> int:
    """About how many ticks the stages before have had: their minimum times."""
    return sum(stage.min_time_ms for stage in setting.plan.stages[: setting.index]) // setting.gate.every_ms


def _early_mass(setting: Setting, first: int, count: int) -> float:
    """What ``count`` ticks put to work, from the stage's tick ``first`` on."""
    begin = _ticks_before(setting) + first
    return sum([tick_mass(tick) for tick in range(begin, begin + min(count, 2_000))])


def _ends_of_warm_up(setting: Setting, weights: Sequence[float], gross: Pace, warm: int) -> list[_End]:
    """Where the effects may stand after a warm-up that has not shown harm, with the odds of each.

    In it, bets on gross harm are lost where it is less than that. The effects' steps follow one another closely, so
    they stand away from their means together. That the line was not reached before is the bridge's odds: of a walk from
    here to there, exp(-2 a b / variance) reach it on the way.
    """
    mean = _after_warm_up(setting, weights, gross, warm, (0.0,) * len(weights))
    lead = max(range(len(mean)), key=lambda k: weights[k] + gross.means[k] * warm)
    spread = sqrt(gross.covariance[lead][lead])
    if spread == 0.0:  # where errors hardly come at all, the bets are none
        return [_End(1.0, mean)]
    line = _line(setting) + OVERSHOOT * spread
    start, found = line - logsumexp(weights), []
    for z in _AWAY:
        moved = tuple([row[lead] / spread * z / sqrt(warm) for row in gross.covariance])
        logs = _after_warm_up(setting, weights, gross, warm, moved)
        left = line - logsumexp(logs)
        if left > 0.0:
            found.append(_End(exp(-0.5 * z * z) * -expm1(-2.0 * start * left / (spread * spread * warm)), logs))
    total = sum([end.odds for end in found])
    return [_End(end.odds / total, end.logs) for end in found] or [_End(1.0, mean)]


def _after_warm_up(
    setting: Setting, weights: Sequence[float], gross: Pace, warm: int, moved: Sequence[float]
) -> list[float]:
    """The effects after a warm-up in which each took its mean step and ``moved`` on top, tick by tick."""
    steps = [mean + more for mean, more in zip(gross.means, moved, strict=True)]
    found = [weight + step * warm for weight, step in zip(weights, steps, strict=True)]
    before = _ticks_before(setting)
    for tick in range(1, warm + 1):
        mass = log(tick_mass(before + tick))
        found = [
            logaddexp(value, mass + late + step * (warm - tick))
            for value, late, step in zip(found, HARM_LATE.log_weights, steps, strict=True)
        ]
    return found


@lru_cache(maxsize=2_048)
def _harm_pace(flow: Flow, harm: Margin, phi: float, *, gross: bool, taken_for: float | None = None) -> Pace:
    return harm_pace(flow, harm, phi, gross=gross, taken_for=taken_for)
