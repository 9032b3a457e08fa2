"""What a recommendation reckons with: the forecast of a first stage, and of the harm that it would see. Pure.

It is the daemon's own forecast (``core.forecast``) of a plan that is not written yet: the shipped clocks, one gate on
errors with its part of the harm evidence, and the stages of the standard. It decides nothing.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from rolloutd.core.analysis.situation import Situation
from rolloutd.core.forecast.gate import time_to_safe
from rolloutd.core.forecast.harm import smallest_harm, time_to_harm
from rolloutd.core.forecast.rule import least
from rolloutd.core.forecast.setting import Setting
from rolloutd.core.forecast.values import MetricTraffic, Span
from rolloutd.core.metrics import GateKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, Plan, Stage
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, Share

FIRST_SHARE, LARGEST_FIRST_SHARE, STEP = 0.01, 0.05, 0.001
FIRST_STAGE_H, PLAN_H, SHADOW_H = 3.0, 8.0, 14 * 24.0
METRIC, OTHERS = "errors", "others"
HOUR_MS = 3_600_000
_LATER = (Share(1_000), Share(5_000), Share(9_900))
_SOURCE_MS = 10_000
_SHADOW = 0.5  # of twice the requests: both arms see each of them


def plan_of(asked: Situation, share: float, hours: float = FIRST_STAGE_H) -> Plan:
    """The standard with this first share and so much time for it; what the other gates weigh is one gate's."""
    first = Share(round(share * FULL.basis_points))
    shares = [first, *(later for later in _LATER if later > first)]
    stages = tuple(Stage(f"s{k}", one, 0, max(1, round(hours * HOUR_MS)), 1) for k, one in enumerate(shares))
    errors = _gate(METRIC, asked)
    gates = (errors,) if asked.weight == 1 else (errors, replace(_gate(OTHERS, asked), weight=1 - asked.weight))
    return Plan("recommended", stages, gates)


def setting_of(asked: Situation, share: float, hours: float = FIRST_STAGE_H) -> Setting:
    """The gate on errors on the first stage of it, at this situation's traffic."""
    plan = plan_of(asked, share, hours)
    return Setting(plan, 0, plan.gate(METRIC), MetricTraffic(asked.rps, asked.champion_errors, asked.phi))


def time_to_safety(asked: Situation, share: float) -> Span | None:
    """Hours until a challenger as good as the champion is shown safe at this share; None where it never is."""
    return _hours(time_to_safe(setting_of(asked, share)))


def time_to_see(asked: Situation, ratio: float, share: float) -> Span | None:
    """Hours until so many times the champion's errors, there from the first share on, take it back."""
    if asked.champion_errors * ratio >= 1:
        return None
    return _hours(time_to_harm(setting_of(asked, share), ratio))


def hours_to_decide(asked: Situation, share: float) -> float:
    """Hours in which nine of ten first stages at this share show a harmless challenger safe."""
    found = time_to_safety(asked, share)
    return inf if found is None else found.p90


def smallest_first_share(asked: Situation) -> float | None:
    """The smallest first share, in steps of 0.1%, that decides in time; None where 5% does not."""
    steps = [round(FIRST_SHARE + n * STEP, 4) for n in range(1, round((LARGEST_FIRST_SHARE - FIRST_SHARE) / STEP) + 1)]
    found = least(lambda k: hours_to_decide(asked, steps[k]) <= FIRST_STAGE_H, len(steps))
    return None if found is None else steps[found]


def shadow_hours(asked: Situation) -> float:
    """Hours of all traffic until copies of it show a harmless challenger safe."""
    return hours_to_decide(replace(asked, rps=2 * asked.rps), _SHADOW)


def unseen_ratio(asked: Situation, hours: float, share: float = FIRST_SHARE) -> float | None:
    """Up to how many times the champion's errors go unseen in so many hours at this share; None for anything."""
    return smallest_harm(setting_of(asked, share, hours))


def _gate(metric: str, asked: Situation) -> Gate:
    template = MetricTemplate(metric, GateKind.PROPORTION, "arm", Selector("all"), bad=Selector("bad"))
    margins = (Margin.ratio(1.0), Margin.ratio(asked.accept))
    return Gate(metric, "source", template, 2 * _SOURCE_MS, _SOURCE_MS, *margins, weight=asked.weight)


def _hours(span: Span | None) -> Span | None:
    return None if span is None else Span(span.mean / HOUR_MS, span.p90 / HOUR_MS)
