"""What each collecting gate of a running rollout still needs, as a picture and in words. It decides nothing."""

from __future__ import annotations

from rolloutd.core.blockers import Picture
from rolloutd.core.forecast.live import remaining
from rolloutd.core.lane import Lane
from rolloutd.core.phases import Phase
from rolloutd.core.values import ZERO, format_duration
from rolloutd.core.verdict import Verdict
from rolloutd.wire_plan import MeanP90, Needs

_COLLECTS = frozenset({Phase.RUNNING, Phase.WATCHING, Phase.HELD, Phase.ASKING})


def needs_of(lane: Lane, pic: Picture) -> dict[str, Needs]:
    """By metric; a gate of which nothing can be said yet, or that passes, is left out."""
    rollout = lane.rollout
    if rollout.phase not in _COLLECTS or not rollout.traffic.settled or rollout.stage.share == ZERO:
        return {}
    plan, changed_at = rollout.spec.plan, rollout.share_changed_at_ms
    left_ms = 0 if changed_at is None else max(0, changed_at + plan.timing.warm_up_ms - pic.now_ms)
    found = {}
    for verdict in pic.judgement.gates:
        gate = verdict.gate
        if verdict.verdict is not Verdict.COLLECTING or not gate.template.kind.of_rates:
            continue
        left = remaining(plan, rollout.stage_index, gate, lane.evidence[gate.metric], left_ms)
        if left is not None:
            found[gate.metric] = Needs(
                requests=MeanP90(mean=left.requests.mean, p90=left.requests.p90),
                time_s=MeanP90(mean=left.time_ms.mean / 1000, p90=left.time_ms.p90 / 1000),
            )
    return found


def needs_words(needs: Needs) -> str:
    """Challenger requests and time that are still needed, with what nine of ten stay under."""
    mean, p90 = (format_duration(round(seconds) * 1000) for seconds in (needs.time_s.mean, needs.time_s.p90))
    return (
        f"needs about {needs.requests.mean:,.0f} more challenger requests, about {mean} (nine of ten: {p90}), "
        "if it is as good as the champion"
    )
