"""Draws quick plans: few ticks a stage and margins wide enough that a good version passes soon. It runs nothing."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, OnFail, OnSegment, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.segments import Segments
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share

ROUTE = "ranker"
SOURCE = "proxy"
NAME = "ranker-v42"
CHAMPION, CHALLENGER = "v41", "v42"
LIMIT = 0.3
LABEL = "region"
REGIONS = Segments("x-region", LABEL, ("eu", "us", "apac"))
LADDERS = ((5_000,), (500, 9_000), (1_000, 10_000), (500, 5_000, 9_900), (100, 1_000, 5_000, 10_000))


def template(name: str) -> MetricTemplate:
    """The fraction of failed requests under one name."""
    failed = LabelMatch("code", MatchKind.REGEX, "5..")
    total = f"{name}_total"
    return MetricTemplate(name, GateKind.PROPORTION, "slot", Selector(total), bad=Selector(total, (failed,)))


def draw_spec(rng: Random) -> Spec:
    """A rollout of one to four stages with one or two gates."""
    tick_ms = rng.choice((2_000, 5_000, 10_000))
    ladder = rng.choice(LADDERS)
    timing = Timing(
        tick_ms=tick_ms,
        blind_hold_ticks=1,
        blind_recede_ticks=rng.randint(4, 8),
        warm_up_ms=rng.choice((0, 0, tick_ms, 2 * tick_ms)),
        window_ticks=rng.randint(3, 6),
    )
    stages = tuple(_stage(rng, number, share, tick_ms) for number, share in enumerate(ladder))
    names = ("errors",) if rng.random() < 0.7 else ("errors", "slow")
    gates = tuple(_gate(rng, name, tick_ms) for name in names)
    plan = Plan("drawn", stages, gates, timing)
    return Spec(NAME, "ranker", CHAMPION, CHALLENGER, ROUTE, plan, reason="simulated")


def _stage(rng: Random, number: int, share_bp: int, tick_ms: int) -> Stage:
    min_ticks = rng.randint(2, 5)
    return Stage(
        name=f"s{number}",
        share=Share(share_bp),
        min_time_ms=min_ticks * tick_ms,
        max_time_ms=rng.choice((30, 60)) * tick_ms,
        min_ticks=min_ticks,
        on_undecided=rng.choice(tuple(OnUndecided)),
        approval=rng.random() < 0.08,
    )


def _gate(rng: Random, name: str, tick_ms: int) -> Gate:
    return Gate(
        metric=name,
        source=SOURCE,
        template=template(name),
        max_age_ms=2 * tick_ms,
        every_ms=tick_ms,
        harm=Margin.ratio(rng.choice((1.0, 1.2))),
        accept=Margin.ratio(rng.choice((3.0, 4.0))),
        limit=LIMIT,
        on_fail=OnFail.HOLD if rng.random() < 0.1 else OnFail.ROLLBACK,
    )


def with_regions(rng: Random, spec: Spec) -> Spec:
    """The same rollout on a route with segments: gates that are judged in each of them, and often rings before all."""
    plan = spec.plan
    rings = _rings(rng, plan.stages[0]) if rng.random() < 0.5 else ()
    least = rings[-1].share if rings else Share(0)
    stages = (*rings, *(replace(stage, share=stage.share.join(least)) for stage in plan.stages))
    gates = tuple(
        _by_region(rng, gate) if rings or place == 0 or rng.random() < 0.8 else gate
        for place, gate in enumerate(plan.gates)
    )
    return replace(spec, plan=replace(plan, stages=stages, gates=gates, segments=REGIONS))


def _by_region(rng: Random, gate: Gate) -> Gate:
    return replace(gate, by=LABEL, on_segment=OnSegment.ISOLATE if rng.random() < 0.7 else OnSegment.AS_ON_FAIL)


def _rings(rng: Random, like: Stage) -> tuple[Stage, ...]:
    """One or two stages for a segment or two, with the clock of the first stage."""
    names = rng.sample(REGIONS.names, rng.choice((1, 2)))
    own = [(name, rng.choice((2_000, 5_000))) for name in names]
    shares = [Share(0, tuple(own[: place + 1])) for place in range(len(own))]
    return tuple(
        replace(like, name=f"ring{place}", share=share, segments=(name,), approval=False)
        for place, (name, share) in enumerate(zip(names, shares, strict=True))
    )
