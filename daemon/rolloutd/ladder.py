"""The ladder of a rollout as a picture: where it is, and every stage with what became of it. Pure."""

from __future__ import annotations

from rolloutd import wire
from rolloutd.core.state import Rollout
from rolloutd.core.values import Instant
from rolloutd.wording import rfc3339


def stage_now(rollout: Rollout, now: Instant) -> wire.StageNow:
    """Where the rollout is; the time runs from when the stage's share stood on the router."""
    visit, stage = rollout.visit, rollout.stage
    since = visit.confirmed_at if visit else None
    until = visit.left_at if visit and visit.left_at else now
    return wire.StageNow(
        index=rollout.stage_index,
        count=len(rollout.spec.plan.stages),
        name=stage.name,
        segments=list(stage.segments),
        elapsed_s=0.0 if since is None else max(0, until.clock_ms - since.clock_ms) / 1000,
        min_s=stage.min_time_ms / 1000,
        max_s=stage.max_time_ms / 1000,
    )


def ladder(rollout: Rollout, now: Instant, samples: tuple[int, int]) -> list[wire.StageRow]:
    """Every stage of the plan; ``samples`` are the present stage's requests, champion's first."""
    visits = {visit.index: visit for visit in rollout.visits}
    rows = []
    for index, stage in enumerate(rollout.spec.plan.stages):
        visit = visits.get(index)
        here = rollout.live and visit is not None and visit.left_at is None
        since = visit.confirmed_at if visit else None
        until = (visit.left_at if visit else None) or now
        result = "waiting" if visit is None else "running" if here else "overridden" if visit.overridden else "passed"
        if visit is not None and not here and visit is rollout.visits[-1]:
            result = rollout.end.outcome.value if rollout.end else "left"
        rows.append(
            wire.StageRow(
                index=index,
                name=stage.name,
                share=stage.own_share.fraction,
                segments=list(stage.segments),
                mirror=stage.mirror.fraction,
                min_s=stage.min_time_ms / 1000,
                max_s=stage.max_time_ms / 1000,
                result=result,
                entered_at=rfc3339(visit.entered_at.wall_ms) if visit else None,
                left_at=rfc3339(visit.left_at.wall_ms) if visit and visit.left_at else None,
                elapsed_s=None if since is None else max(0, until.clock_ms - since.clock_ms) / 1000,
                champion_n=samples[0] if here else 0,
                challenger_n=samples[1] if here else 0,
            )
        )
    return rows
