"""A quick plan for rehearsals: one or two gates, short stages, no warm-up unless asked. It runs nothing."""

from __future__ import annotations

from rolloutd.core.metrics import GateKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share

MINUTE_MS = 60_000


def gate(metric: str = "errors", *, accept: float = 2.0, limit: float | None = None, weight: float = 1.0) -> Gate:
    """A gate on errors, as bad parts of all requests."""
    template = MetricTemplate(metric, GateKind.PROPORTION, "arm", Selector("all"), bad=Selector("bad"))
    margins = (Margin.ratio(1.0), Margin.ratio(accept))
    return Gate(metric, "source", template, 20_000, 10_000, *margins, limit=limit, weight=weight)


def spec(
    shares: tuple[int, ...] = (500, 9_900),
    *,
    gates: tuple[Gate, ...] | None = None,
    min_minutes: int = 5,
    max_minutes: int = 60,
    warm_up_ms: int = 0,
    on_undecided: OnUndecided = OnUndecided.ASK,
    approval: bool = False,
) -> Spec:
    """A rollout of such stages, in basis points."""
    times = (min_minutes * MINUTE_MS, max_minutes * MINUTE_MS)
    stages = tuple(
        Stage(f"s{k}", Share(bp), *times, on_undecided=on_undecided, approval=approval and k == 0)
        for k, bp in enumerate(shares)
    )
    plan = Plan("quick", stages, gates or (gate(),), Timing(warm_up_ms=warm_up_ms))
    return Spec("ranker-v42", "ranker", "v41", "v42", "ranker", plan)
