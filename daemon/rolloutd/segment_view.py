"""A rollout's segments as a picture: exposure, isolation, what each gate found in each. Pure; it decides nothing."""

from __future__ import annotations

from math import inf, log

from rolloutd.core.evidence import GateEvidence
from rolloutd.core.lane import Lane
from rolloutd.core.plan import OnFail, Plan
from rolloutd.core.values import Share
from rolloutd.core.verdict import rates
from rolloutd.wire_segments import SegmentGate, SegmentNow
from rolloutd.wording import rfc3339


def segments_of(lane: Lane) -> list[SegmentNow]:
    """Every segment of the rollout's route, the worst first; none where users are not told apart."""
    rollout, plan = lane.rollout, lane.rollout.spec.plan
    if plan.segments is None:
        return []
    off = {known.segment: known for known in rollout.isolated}
    rows = []
    for name in plan.segments.everybody:
        known = off.get(name)
        rows.append(
            SegmentNow(
                name=name,
                title=f"{plan.segments.label}={name}",
                share=0.0 if known else rollout.traffic.wanted.of(name).fraction,
                isolated=known is not None,
                confirmed=(name in rollout.isolation) is (known is not None),
                by=known.by.name if known else "",
                at=rfc3339(known.at.wall_ms) if known else "",
                why=known.basis.why if known else "",
                gates=[found for ev in lane.evidence.values() if (found := _gate(plan, ev, name)) is not None],
            )
        )
    return sorted(rows, key=lambda row: (row.isolated, -max((gate.harm_evidence for gate in row.gates), default=0.0)))


def share_told(share: Share, audience: tuple[str, ...]) -> Share:
    """The one figure for a share: what a ring's audience has of it, or else everybody."""
    return share.of(audience[0]) if audience else Share(share.basis_points)


def _gate(plan: Plan, ev: GateEvidence, name: str) -> SegmentGate | None:
    if ev.by is None:
        return None
    counted, gate = ev.by.counted(name), plan.gate(ev.metric)
    own = dict(ev.by.harm.segments)[name].log_e
    weight = plan.weight_of(gate) if gate.on_fail is not OnFail.OBSERVE else 1.0
    line = log(1.0 / plan.alpha) - log(weight * 0.5 / len(ev.by.harm.segments))
    return SegmentGate(
        metric=ev.metric,
        champion=rates(counted.champion_n, counted.champion_bad),
        challenger=rates(counted.challenger_n, counted.challenger_bad),
        champion_n=counted.champion_n,
        challenger_n=counted.challenger_n,
        harm_evidence=max(0.0, min(1.0, own / line)) if own > -inf else 0.0,
        alone=own > 0 and ev.by.harm.alone == name,
    )
