"""Random values of every event, valid as the core demands it; they say nothing about which event may follow which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from rolloutd.core.events import EVENT_TYPES
from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, OnFail, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
SHARES = st.builds(Share, st.integers(0, 10_000))
MARGINS = st.builds(Margin, st.floats(0.1, 10), st.floats(0, 0.5))
MATCHES = st.builds(LabelMatch, st.text(max_size=9), st.sampled_from(MatchKind), st.text(max_size=9))
SELECTORS = st.builds(Selector, st.text(max_size=9), st.lists(MATCHES, max_size=2).map(tuple))
TEMPLATES = st.builds(
    MetricTemplate,
    NAMES,
    st.sampled_from([kind for kind in GateKind if kind.of_rates]),  # others have rules of their own
    st.text(max_size=9),
    SELECTORS,
    bad=SELECTORS,
    good=st.none(),
    slo_ms=st.none() | FINITE,
)


@st.composite
def gates(draw: st.DrawFn, metric: str) -> Gate:
    """A gate on this metric, with a limit, so that any plan may have it."""
    return Gate(
        metric,
        draw(NAMES),
        draw(TEMPLATES),
        max_age_ms=draw(st.integers(1, 100_000)),
        every_ms=draw(st.integers(1, 100_000)),
        harm=draw(MARGINS),
        accept=draw(MARGINS),
        limit=draw(st.floats(0.001, 0.999)),
        on_fail=draw(st.sampled_from(OnFail)),
        weight=draw(st.floats(0.01, 9)),
    )


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A whole request for a rollout."""
    points = sorted(draw(st.sets(st.integers(1, 9_000), min_size=1, max_size=3)))
    points[-1] += 1_000 if points[-1] >= 5_000 else 5_000
    stages = [
        Stage(f"s{i}", Share(at), 0, draw(st.integers(0, 10**9)), on_undecided=draw(st.sampled_from(OnUndecided)))
        for i, at in enumerate(points)
    ]
    metrics = sorted(draw(st.sets(NAMES, min_size=1, max_size=2)))
    timing = Timing(warm_up_ms=draw(st.integers(0, 10**6)))
    chosen = tuple(draw(gates(metric)) for metric in metrics)
    if all(gate.on_fail is OnFail.OBSERVE for gate in chosen):  # a plan that could never go back is refused
        chosen = (replace(chosen[0], on_fail=OnFail.ROLLBACK), *chosen[1:])
    plan = Plan(draw(st.text(max_size=9)), tuple(stages), chosen, timing, alpha=draw(st.floats(1e-9, 0.2)))
    return Spec(draw(NAMES), "m", "v1", "v2", draw(st.text(max_size=9)), plan, reason=draw(st.text(max_size=30)))


def events_of(cls: type) -> st.SearchStrategy[Any]:
    """Random events of one type."""
    return st.from_type(cls)


st.register_type_strategy(float, FINITE)
st.register_type_strategy(Share, SHARES)
st.register_type_strategy(Spec, specs())

EVENTS: st.SearchStrategy[Any] = st.sampled_from(sorted(EVENT_TYPES)).flatmap(lambda name: events_of(EVENT_TYPES[name]))
