"""Forecasts as pictures: turns the core's values into what goes over the socket. Pure; it calculates nothing anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolloutd.core.forecast.rule import Decision, Ruling, rule
from rolloutd.core.forecast.stages import forecast_plan
from rolloutd.core.forecast.values import GateForecast, PlanForecast, Span, StageForecast, Traffic
from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Spec
from rolloutd.core.values import Share
from rolloutd.wire_plan import GateOutlook, MeanP90, MetricSeen, PlanOutlook, StageOutlook
from rolloutd.wording import margin_words

NOTHING_KNOWN = PlanForecast((), None, 0.0)


def foretell(
    spec: Spec, traffic: Traffic, cap: Share, basis: Mapping[str, str], warnings: Sequence[str] = ()
) -> tuple[Ruling, PlanOutlook]:
    """The rule's word on the plan, and the forecast of the plan that may be started."""
    ruling = rule(spec.plan, traffic, cap)
    found = forecast_plan(ruling.plan, traffic) if traffic else NOTHING_KNOWN
    seen = [
        MetricSeen(metric=name, rps=one.rps, champion_rate=one.rate, phi=one.phi, basis=basis.get(name, "given"))
        for name, one in traffic.items()
    ]
    rated = [gate.metric for gate in spec.plan.gates if gate.template.kind.of_rates]
    unknown = [metric for metric in rated if metric not in traffic]
    missing = [f"The traffic of {', '.join(unknown)} is not known; the forecast leaves it out."] if unknown else []
    means = [gate.metric for gate in spec.plan.gates if gate.template.kind is GateKind.MEAN]
    missing += (
        [f"How long {', '.join(means)} takes cannot be said: that depends on how a mean varies."] if means else []
    )
    drifts = [gate.metric for gate in spec.plan.gates if gate.template.kind is GateKind.DRIFT]
    missing += [f"{', '.join(drifts)} shows drift and never safety: it is left out of the times."] if drifts else []
    late = [_undecided(stage) for stage in found.stages[1:] if not stage.decides]
    plan = ruling.plan
    outlook = PlanOutlook(
        name=spec.name,
        route=spec.route,
        strategy=plan.strategy,
        decision=ruling.decision.value,
        rule=ruling.sentence,
        alpha=plan.alpha,
        beta=plan.beta,
        tick_s=plan.timing.tick_ms / 1000,
        traffic=seen,
        stages=[_stage(index, stage, traffic) for index, stage in enumerate(found.stages)],
        total_s=_seconds(found.total_ms),
        odds_in_time=found.odds_in_time,
        blind_hold_s=plan.timing.blind_hold_ticks * plan.timing.tick_ms / 1000,
        blind_recede_s=plan.timing.blind_recede_ticks * plan.timing.tick_ms / 1000,
        warnings=[*(missing if traffic else []), *(late if ruling.decision is not Decision.REFUSED else []), *warnings],
    )
    return ruling, outlook


def _undecided(found: StageForecast) -> str:
    stage = found.stage
    odds = 1.0 - found.odds_in_time
    return (
        f"Stage {stage.name} ({stage.share}) is still undecided at its maximum time with odds of {odds:.0%}, and then "
        f"does what on_undecided says: {stage.on_undecided.value}."
    )


def _stage(index: int, found: StageForecast, traffic: Traffic) -> StageOutlook:
    stage = found.stage
    rps = max(one.rps for one in traffic.values()) * stage.share.fraction
    stay = _seconds(found.stay_ms)
    return StageOutlook(
        index=index,
        name=stage.name,
        share=stage.share.fraction,
        rps=rps,
        min_s=stage.min_time_ms / 1000,
        max_s=stage.max_time_ms / 1000,
        on_undecided=stage.on_undecided.value,
        stay_s=stay,
        requests=None if stay is None else MeanP90(mean=stay.mean * rps, p90=stay.p90 * rps),
        slowest=found.slowest,
        odds_in_time=found.odds_in_time,
        decides=found.decides,
        gates=[_gate(gate) for gate in found.gates],
    )


def _gate(found: GateForecast) -> GateOutlook:
    gate, rate = found.gate, found.traffic.rate
    return GateOutlook(
        metric=gate.metric,
        on_fail=gate.on_fail.value,
        harm_margin=margin_words(gate.harm),
        accept_margin=margin_words(gate.accept),
        limit=gate.limit,
        compared=not found.not_compared,
        requests=_plain(found.samples),
        time_s=_seconds(found.time_ms),
        odds_in_time=found.odds_in_time,
        smallest_harm=found.smallest_harm,
        smallest_harm_rate=None if found.smallest_harm is None else found.smallest_harm * rate,
        twice_s=_seconds(found.twice_ms),
    )


def _plain(span: Span | None) -> MeanP90 | None:
    return None if span is None else MeanP90(mean=span.mean, p90=span.p90)


def _seconds(span: Span | None) -> MeanP90 | None:
    return None if span is None else MeanP90(mean=span.mean / 1000, p90=span.p90 / 1000)
