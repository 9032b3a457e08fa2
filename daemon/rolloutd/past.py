"""What was: the plan, the record up to one event, the course of a metric, as pictures. Pure; it decides nothing.

A past picture is folded from the record alone, the same way as at a start. What was only seen (the router's reading,
the evidence) is not in the record and not in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil
from types import MappingProxyType

from rolloutd import pictures, story
from rolloutd.bands import Band
from rolloutd.core import events as ev
from rolloutd.core.fold import fold
from rolloutd.core.plan import OnFail
from rolloutd.core.state import Rollout
from rolloutd.core.verdict import rates
from rolloutd.evidence_store import RawTick
from rolloutd.view import past_status
from rolloutd.wording import margin_words, rfc3339

NO_BANDS: Mapping[int, Band] = MappingProxyType({})


def course(
    name: str, metric: str, ticks: Sequence[RawTick], points: int, bands: Mapping[int, Band] = NO_BANDS
) -> pictures.Series:
    """The ticks as at most ``points`` points. Several ticks together are summed: a rate of counts, not a mean of rates.

    A point of blind ticks alone has no rate. Its band is the newest of those of its ticks.
    """
    size = max(1, ceil(len(ticks) / max(1, points)))
    groups = [ticks[at : at + size] for at in range(0, len(ticks), size)]
    gaps = sorted(after.at.clock_ms - before.at.clock_ms for before, after in pairwise(ticks))
    every_s = gaps[len(gaps) // 2] / 1000 * size if gaps else 0.0
    return pictures.Series(name=name, metric=metric, points=[_point(group, bands) for group in groups], every_s=every_s)


def _point(group: Sequence[RawTick], bands: Mapping[int, Band]) -> pictures.SeriesPoint:
    counts = [
        sum(parts)
        for parts in zip(
            *((t.champion_n, t.champion_bad, t.challenger_n, t.challenger_bad) for t in group), strict=True
        )
    ]
    champion_n, champion_bad, challenger_n, challenger_bad = counts
    band = next((bands[tick.tick] for tick in reversed(group) if tick.tick in bands), None)
    return pictures.SeriesPoint(
        at=rfc3339(group[-1].at.wall_ms),
        champion=rates(champion_n, champion_bad),
        challenger=rates(challenger_n, challenger_bad),
        champion_n=champion_n,
        champion_bad=champion_bad,
        challenger_n=challenger_n,
        challenger_bad=challenger_bad,
        ticks=len(group),
        delta=band and band.delta,
        low=band and band.low,
        high=band and band.high,
    )


def plan_of(rollout: Rollout, lease_ms: int | None) -> pictures.Plan:
    """The plan as it stands in the record."""
    spec, plan = rollout.spec, rollout.spec.plan
    timing = plan.timing
    tick_s = timing.tick_ms / 1000
    return pictures.Plan(
        name=rollout.name,
        strategy=plan.strategy,
        change=spec.change,
        reason=spec.reason,
        alpha=plan.alpha,
        beta=plan.beta,
        tick_s=tick_s,
        warm_up_s=timing.warm_up_ms / 1000,
        window_s=timing.window_ticks * tick_s,
        blind_hold_s=timing.blind_hold_ticks * tick_s,
        blind_recede_s=timing.blind_recede_ticks * tick_s,
        lease_s=None if lease_ms is None else lease_ms / 1000,
        stages=[
            pictures.PlanStage(
                index=index,
                name=stage.name,
                share=stage.own_share.fraction,
                min_s=stage.min_time_ms / 1000,
                max_s=stage.max_time_ms / 1000,
                min_ticks=stage.min_ticks,
                on_undecided=stage.on_undecided.value,
                approval=stage.approval,
                full_day=stage.full_day,
            )
            for index, stage in enumerate(plan.stages)
        ],
        gates=[
            pictures.PlanGate(
                metric=gate.metric,
                kind=gate.template.kind.value,
                source=gate.source,
                every_s=gate.every_ms / 1000,
                max_age_s=gate.max_age_ms / 1000,
                harm_margin=margin_words(gate.harm),
                accept_margin=margin_words(gate.accept),
                limit=gate.limit,
                slo_ms=gate.template.slo_ms,
                on_fail=gate.on_fail.value,
                weight=None if gate.on_fail is OnFail.OBSERVE else plan.weight_of(gate),
            )
            for gate in plan.gates
        ],
    )


def past(history: Sequence[ev.Recorded], seq: int) -> pictures.Past | None:
    """The rollout after the event ``seq``; None where its record has no event up to there."""
    until = [row for row in history if row.seq <= seq]
    rollout = fold(until)
    if rollout is None:
        return None
    newest = until[-1]
    following = next((row for row in history if row.seq > seq and not isinstance(row.event, ev.EvidenceSealed)), None)
    then = ""
    if following is not None:
        after_s = (following.at.clock_ms - newest.at.clock_ms) // 1000
        then = f"{after_s}s later: {story.tell(following.event)[0]}"
    return pictures.Past(
        name=rollout.name,
        seq=newest.seq,
        at=rfc3339(newest.at.wall_ms),
        status=past_status(rollout, newest.at, then),
        said=_said(until),
        then=then,
    )


def _said(history: Sequence[ev.Recorded]) -> dict[str, str]:
    """What each gate had last said, by metric."""
    said: dict[str, str] = {}
    for row in history:
        if isinstance(row.event, ev.VerdictReached):
            said[row.event.metric] = row.event.verdict
        elif isinstance(row.event, ev.BlindnessBegan):
            said[row.event.metric] = "blind"
        elif isinstance(row.event, ev.BlindnessEnded):
            said[row.event.metric] = "sees again"
    return said
