"""The forecast says what rehearsals measure, in wide margins (./dev bench forecast is finer); the rule keeps to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.forecast.harm import time_to_harm
from rolloutd.core.forecast.rule import Decision, rule
from rolloutd.core.forecast.setting import Setting
from rolloutd.core.forecast.stages import forecast_plan, stay_of
from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.values import FULL, BadValue, Share
from rolloutd.rehearsal.runs import rehearse
from rolloutd.rehearsal.traffic import ArmRates, Assumed
from tests.rehearsal.plans import MINUTE_MS, gate, spec

CAP = Share(500)


def at(rps: float, rate: float = 0.01, phi: float = 1.0) -> dict[str, MetricTraffic]:
    """Traffic of the one gate."""
    return {"errors": MetricTraffic(rps, rate, phi)}


@pytest.mark.parametrize("shares", [(500, 9_900), (5_000,)])
def test_it_agrees_with_rehearsals_of_the_real_core(shares: tuple[int, ...]) -> None:
    """Mean time to pass and to leave, 30 runs: within a third and four standard errors."""
    plan = spec(shares, max_minutes=1_000, warm_up_ms=60_000)
    told = forecast_plan(plan.plan, at(120)).stages[0]
    runs = [rehearse(plan, Assumed(120, {"errors": ArmRates(0.01, 0.01)}), str(k)) for k in range(30)]
    stays = [run.stages[0] for run in runs]
    passed = [stay.passed["errors"][0] for stay in stays if "errors" in stay.passed]
    left = [stay.left_ms for stay in stays if stay.left_ms is not None]
    assert told.gates[0].time_ms is not None
    assert told.stay_ms is not None
    assert told.gates[0].time_ms.mean == pytest.approx(sum(passed) / len(passed), rel=0.33)
    assert told.stay_ms.mean == pytest.approx(sum(left) / len(left), rel=0.33)


def test_the_time_to_harm_agrees_with_rehearsals_too() -> None:
    """Three times the champion's errors from the start on, 20 runs."""
    plan = spec(max_minutes=1_000, warm_up_ms=60_000)
    span = time_to_harm(Setting(plan.plan, 0, plan.plan.gates[0], at(120)["errors"]), 3.0)
    runs = [rehearse(plan, Assumed(120, {"errors": ArmRates(0.01, 0.03)}), str(k)) for k in range(20)]
    assert span is not None
    assert span.mean == pytest.approx(sum(run.time_ms for run in runs) / len(runs), rel=0.33)


def test_what_costs_time_costs_time() -> None:
    """Less traffic, bursts, a stricter margin, a smaller weight, a limit: each is slower; a warm-up adds itself."""
    plan = spec().plan
    first = plan.gates[0]

    def passes(gates: tuple, traffic: dict[str, MetricTraffic], **timing: int) -> float:  # type: ignore[type-arg]
        changed = replace(plan, gates=gates, timing=replace(plan.timing, **timing))
        found = forecast_plan(changed, traffic).stages[0].gates[0].time_ms
        assert found is not None
        return found.mean

    usual = passes((first,), at(100))
    assert passes((first,), at(50)) > 1.8 * usual
    assert passes((first,), at(100, phi=3.0)) > 2.2 * usual
    assert passes((gate(accept=1.5),), at(100)) > 2 * usual
    assert passes((first,), at(100), warm_up_ms=300_000) == pytest.approx(usual + 300_000 - 20_000, rel=0.02)

    def harm(gates: tuple) -> float:  # type: ignore[type-arg]
        found = time_to_harm(Setting(replace(plan, gates=gates), 0, gates[0], at(100)["errors"]), 2.0)
        assert found is not None
        return found.mean

    light = (gate(weight=0.1), gate("slow", weight=0.9))
    assert harm(light) > 1.2 * harm((first,))
    assert harm((gate(limit=0.5),)) > 1.05 * harm((first,))


def test_the_smallest_harm_is_seen_in_time_and_less_is_not() -> None:
    """By the forecast's own time to harm."""
    plan = spec().plan
    found = forecast_plan(plan, at(100)).stages[0].gates[0]
    setting = Setting(plan, 0, plan.gates[0], at(100)["errors"])
    assert found.smallest_harm is not None
    seen, missed = time_to_harm(setting, found.smallest_harm), time_to_harm(setting, 0.9 * found.smallest_harm)
    assert seen is not None
    assert seen.p90 <= plan.stages[0].max_time_ms
    assert missed is None or missed.p90 > plan.stages[0].max_time_ms


def test_a_champion_without_traffic_is_no_comparison() -> None:
    """No data is neither a pass nor a time: only the floor holds there."""
    plan = spec((500, FULL.basis_points), gates=(gate(limit=0.05),)).plan
    last = forecast_plan(plan, at(1_000)).stages[1]
    assert last.gates[0].not_compared
    assert last.gates[0].time_ms is None
    assert last.stay_ms is not None
    assert last.stay_ms.mean == 31 * 10_000  # 30 ticks with data after the one that is dropped


@pytest.mark.parametrize(
    ("rps", "decision"),
    [(1_000.0, Decision.GO), (20.0, Decision.REPLANNED), (1.0, Decision.REFUSED)],
)
def test_the_rule_for_low_traffic(rps: float, decision: Decision) -> None:
    """Enough traffic goes as it is; little gets the smallest larger share that decides; too little is refused."""
    plan = spec((100, 1_000, 9_900)).plan
    found = rule(plan, at(rps), CAP)
    assert found.decision is decision
    share = found.plan.stages[0].share
    stay = stay_of(found.plan, 0, at(rps))
    if decision is Decision.REFUSED:
        assert found.plan == plan
        for word in ("wider margins after a shadow", "requests a second", "1%", "5%"):
            assert word in found.sentence
        return
    assert stay is not None
    assert stay.p90 <= 60 * MINUTE_MS
    if decision is Decision.GO:
        assert found.plan == plan
    else:
        assert Share(100) < share <= CAP
        smaller = replace(found.plan.stages[0], share=Share(share.basis_points - 10))
        before = stay_of(replace(plan, stages=(smaller, *plan.stages[1:])), 0, at(rps))
        assert before is None or before.p90 > 60 * MINUTE_MS
        assert f"begins at {share}" in found.sentence


def test_a_larger_first_share_stays_below_the_next_stage() -> None:
    """Whatever the cap: the ladder still rises."""
    plan = spec((100, 200, 9_900)).plan
    found = rule(plan, at(25), Share(5_000))
    assert found.plan.stages[0].share < Share(200)


def test_without_any_traffic_known_it_says_so() -> None:
    """Not knowing is no refusal and no go-ahead either."""
    assert rule(spec().plan, {}, CAP).decision is Decision.UNKNOWN
    with pytest.raises(BadValue, match="above 0"):
        MetricTraffic(0.0, 0.01)
