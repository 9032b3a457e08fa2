"""The rule for low traffic: whether a first stage can decide, and with which share; it starts and refuses nothing.

Nine of ten stays must end within the stage's maximum time. Where they would not, the smallest larger first share that
does is taken, up to the policy's cap. Beyond it the plan is refused with the numbers. What a shadow before it has shown
is not reckoned: pairs say nothing of what live traffic does. A deadline never makes a test weaker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from rolloutd.core.forecast.stages import stay_of
from rolloutd.core.forecast.values import MetricTraffic, Span, Traffic
from rolloutd.core.plan import Plan
from rolloutd.core.values import ZERO, Share, format_duration

LARGEST_FIRST_SHARE = Share(500)
_STEP_BP = 10
_HALVINGS = 20
_ENOUGH = 1e6


class Decision(StrEnum):
    """What the rule says of a plan. UNKNOWN is a traffic that nobody could measure."""

    GO = "go"
    REPLANNED = "replanned"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision, the plan that may be started (as it was, or with a larger first share), and the rule in words."""

    decision: Decision
    plan: Plan
    sentence: str


def rule(plan: Plan, traffic: Traffic, cap: Share) -> Ruling:
    """Judge the first stage at this traffic."""
    at_first = _first_live(plan)
    first = plan.stages[at_first]
    if not traffic:
        return Ruling(Decision.UNKNOWN, plan, "The traffic is not known, so no forecast was made of this plan.")
    at, limit = f"At {_rps(traffic)} requests a second", _time(first.max_time_ms)
    rings = [stage.name for stage in plan.stages[:at_first] if stage.segments]
    if rings:
        at = f"Of {', '.join(rings)} nobody knows how much traffic they have. After them, {at[0].lower()}{at[1:]}"
    stay = stay_of(plan, at_first, traffic)
    if stay is not None and stay.p90 <= first.max_time_ms:
        return Ruling(
            Decision.GO, plan, f"{at}, the first stage ({first.own_share}) takes {_told(stay)}; it has {limit}."
        )
    too_slow = f"{at}, the first stage needs {_told(stay)} at {first.own_share}, and has {limit}"
    most = min(cap.basis_points, plan.stages[at_first + 1].share.basis_points - 1) if at_first < plan.last else 0
    share = _smallest_share(plan, traffic, most)
    if share is not None:
        changed = _with_first_share(plan, share)
        then = stay_of(changed, at_first, traffic)
        said = f"{too_slow}. So it begins at {share}: {_told(then)}; a first share may be {cap} at most."
        return Ruling(Decision.REPLANNED, changed, said)
    largest = Share(max(most, first.own_share.basis_points))
    then = stay_of(_with_first_share(plan, largest), at_first, traffic)
    more = "" if largest == first.own_share else f". At {largest}, the most it may have here, it needs {_told(then)}"
    said = (
        f"{too_slow}{more}. For so little traffic a stage needs more time, or wider margins after a shadow. "
        f"{_needed(plan, traffic)}"
    )
    return Ruling(Decision.REFUSED, plan, said)


def _with_first_share(plan: Plan, share: Share) -> Plan:
    at = _first_live(plan)
    return replace(
        plan,
        stages=(
            *plan.stages[:at],
            replace(plan.stages[at], share=Share(share.basis_points, plan.stages[at].share.segments)),
            *plan.stages[at + 1 :],
        ),
    )


def _first_live(plan: Plan) -> int:
    """The index of the first stage for everybody: of a preview, a shadow and rings there is no traffic to forecast."""
    return next(index for index, stage in enumerate(plan.stages) if stage.share > ZERO and not stage.segments)


def _decides(plan: Plan, traffic: Traffic) -> bool:
    at = _first_live(plan)
    stay = stay_of(plan, at, traffic)
    return stay is not None and stay.p90 <= plan.stages[at].max_time_ms


def _smallest_share(plan: Plan, traffic: Traffic, most_bp: int) -> Share | None:
    """The smallest first share, in steps of 0.1%, with which the first stage decides; None where there is none."""
    first_bp = plan.stages[_first_live(plan)].share.basis_points
    steps = range(first_bp - first_bp % _STEP_BP + _STEP_BP, most_bp + 1, _STEP_BP)
    if not steps:
        return None
    found = least(lambda k: _decides(_with_first_share(plan, Share(steps[k])), traffic), len(steps))
    return None if found is None else Share(steps[found])


def least(holds: Callable[[int], bool], count: int) -> int | None:
    """The least k below count for which it holds, when it then holds for all above; None where it never does."""
    low, high = 0, count - 1
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high


def _needed(plan: Plan, traffic: Traffic) -> str:
    """How much traffic would do, as a sentence."""

    def times(factor: float) -> Traffic:
        return {name: MetricTraffic(one.rps * factor, one.rate, one.phi) for name, one in traffic.items()}

    low, high = 1.0, 2.0
    while high < _ENOUGH and not _decides(plan, times(high)):
        low, high = high, 2.0 * high
    if high >= _ENOUGH:
        return "No traffic would let it decide: look at its margins."
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if _decides(plan, times(middle)) else (middle, high)
    return (
        f"This plan needs about {_rps(times(high))} requests a second; or give the stage more time, or wider margins."
    )


def _rps(traffic: Traffic) -> str:
    return f"{min(one.rps for one in traffic.values()):.3g}"


def _told(stay: Span | None) -> str:
    if stay is None or stay.mean == inf:
        return "for ever"
    return f"{_time(stay.mean)} on average ({_time(stay.p90)} for nine of ten)"


def _time(duration_ms: float) -> str:
    return format_duration(round(duration_ms / 1000) * 1000)
