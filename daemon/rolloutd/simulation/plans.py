"""Draws quick plans: few ticks a stage and margins wide enough that a good version passes soon. It runs nothing."""

from __future__ import annotations

from random import Random

from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.core.plan import Gate, OnFail, OnUndecided, Plan, Spec, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share

ROUTE = "ranker"
SOURCE = "proxy"
NAME = "ranker-v42"
CHAMPION, CHALLENGER = "v41", "v42"
LIMIT = 0.3
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
