"""State to the picture that people and scripts see. Pure: a lane and a moment in, a wire model out; it decides nothing.

The phase on the wire is the machine's; the state is the screen's word (wording.py), which every phase has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolloutd import wire
from rolloutd.core.blockers import blockers
from rolloutd.core.events import HoldCause
from rolloutd.core.lane import Lane
from rolloutd.core.metrics import GateKind
from rolloutd.core.mirroring import observed_mirror
from rolloutd.core.observed import Seen
from rolloutd.core.overrides import REQUEST_LASTS_MS, open_request
from rolloutd.core.phases import Phase
from rolloutd.core.reconcile import observed_share
from rolloutd.core.state import Rollout
from rolloutd.core.stats.range import difference_range
from rolloutd.core.suspicion import SplitVerdict
from rolloutd.core.values import Instant, Share
from rolloutd.core.verdict import GateVerdict, Verdict, rates
from rolloutd.foresight import foresee
from rolloutd.ladder import ladder, stage_now
from rolloutd.needs import needs_of
from rolloutd.promptness import Breach
from rolloutd.segment_view import segments_of, share_told
from rolloutd.wire_plan import Needs
from rolloutd.wire_segments import SegmentNow
from rolloutd.wording import NEEDS_YOU, margin_words, rfc3339, state_word

CONFIDENCE = 0.95
_CLIMBING = frozenset({Phase.RUNNING, Phase.WATCHING, Phase.HELD, Phase.ASKING})


@dataclass(frozen=True, slots=True)
class Frame:
    """What a picture needs beside the lane. ``ranges`` costs milliseconds a gate, so the fleet goes without."""

    last: list[wire.TimelineEntry]
    engine: str = ""
    by_hand: str = ""
    ranges: bool = True
    breach: Breach | None = None


@dataclass(frozen=True, slots=True)
class _Live:
    """The parts of a picture that only a live rollout has."""

    state: str
    next: wire.Next
    age: wire.Age = field(default_factory=wire.Age)
    observed: float | None = None
    mirrored: float | None = None
    gates: list[wire.GateNow] = field(default_factory=list)
    ratio: wire.RatioNow | None = None
    blocked_by: list[str] = field(default_factory=list)
    samples: tuple[int, int] = (0, 0)
    fleet_hold: str = ""
    segments: list[SegmentNow] = field(default_factory=list)


def status(lane: Lane, now: Instant, frame: Frame) -> wire.Status:
    """One live rollout as people and scripts see it."""
    rollout, seen = lane.rollout, lane.seen
    pic = lane.picture(now.clock_ms)
    against = blockers(rollout, pic, now.clock_ms)
    shown, mirrored = _shown_share(rollout, seen), observed_mirror(rollout, seen)
    needs = needs_of(lane, pic) if frame.ranges else {}
    live = _Live(
        state=state_word(rollout, pic.judgement),
        next=foresee(lane, pic, against, now, needs),
        age=_ages(lane, now),
        observed=None if shown is None else share_told(shown, rollout.stage.segments).fraction,
        mirrored=None if mirrored is None else mirrored.fraction,
        gates=[_gate(lane, verdict, now, needs, ranges=frame.ranges) for verdict in pic.judgement.gates],
        ratio=_ratio(pic.judgement.split),
        blocked_by=[blocker.what for blocker in against] if rollout.phase in _CLIMBING else [],
        samples=_samples(lane),
        fleet_hold=seen.rules.fleet_hold,
        segments=segments_of(lane) if frame.ranges else [],
    )
    return _status(rollout, now, live, frame)


def _ages(lane: Lane, now: Instant) -> wire.Age:
    """How old the router's and the metrics' last word is; the metrics are as old as the oldest gate's."""
    at = [known.fresh_at_ms for known in lane.evidence.values()]
    shown_at = lane.seen.shown_at_ms
    return wire.Age(
        router=None if shown_at is None else (now.clock_ms - shown_at) / 1000,
        metrics=None if None in at or not at else max((now.clock_ms - ms) / 1000 for ms in at if ms is not None),
    )


def ended_status(rollout: Rollout, now: Instant, frame: Frame) -> wire.Status:
    """One rollout that has ended; nothing about it is live any more."""
    sentence = f"ended: {rollout.end.reason}" if rollout.end else "ended"
    live = _Live(state_word(rollout, None), wire.Next(action="none", by="nobody", sentence=sentence))
    return _status(rollout, now, live, frame)


def past_status(rollout: Rollout, at: Instant, then: str) -> wire.Status:
    """One rollout as its record alone had it at ``at``: no gate, no reading of the router, no forecast."""
    following = wire.Next(action="none", by="record", sentence=then or "this is the newest entry of the record")
    return _status(rollout, at, _Live(state_word(rollout, None), following), Frame([]))


def _status(rollout: Rollout, now: Instant, live: _Live, frame: Frame) -> wire.Status:
    spec, plan, traffic = rollout.spec, rollout.spec.plan, rollout.traffic
    hold, end = rollout.hold, rollout.end
    return wire.Status(
        name=rollout.name,
        model=spec.model,
        route=spec.route,
        revision=rollout.version,
        state=live.state,
        phase=rollout.phase.value,
        outcome=end.outcome.value if end else None,
        ended=not rollout.live,
        needs_you=live.state in NEEDS_YOU,
        as_of=rfc3339(now.wall_ms),
        started_at=rfc3339(rollout.requested_at.wall_ms),
        ended_at=rfc3339(end.at.wall_ms) if end else None,
        started_by=rollout.requested_by.name,
        age_s=live.age,
        champion=spec.champion,
        challenger=spec.challenger,
        strategy=plan.strategy,
        reason=spec.reason,
        stage=stage_now(rollout, now),
        stages=ladder(rollout, now, live.samples),
        on_new=wire.OnNew(
            asked=share_told(traffic.wanted, rollout.stage.segments).fraction,
            observed=live.observed,
            confirmed=share_told(traffic.confirmed, rollout.stage.segments).fraction,
            confirmed_is_asked=traffic.settled,
            mirror_asked=rollout.mirror.wanted.fraction,
            mirror_observed=live.mirrored,
        ),
        gates=live.gates,
        ratio=live.ratio,
        next=live.next,
        blocked_by=live.blocked_by,
        held_because=hold.reason if hold else None,
        fleet_hold=live.fleet_hold,
        claimed_by=rollout.claimed_by,
        paused_by=hold.by.name if hold and hold.cause is HoldCause.PERSON else None,
        overrides=_overrides(rollout),
        override_asked=_asked(rollout, now),
        alpha=plan.alpha,
        beta=plan.beta,
        tick_s=plan.timing.tick_ms / 1000,
        router_engine=frame.engine,
        by_hand=frame.by_hand,
        breach_to_zero_s=frame.breach.total_s if frame.breach else None,
        breach_parts=frame.breach.parts if frame.breach else "",
        segments=live.segments,
        last=frame.last,
    )


def _overrides(rollout: Rollout) -> list[wire.Override]:
    """Every override that was carried out, for ever."""
    return [
        wire.Override(
            by=note.by.name,
            at=rfc3339(note.at.wall_ms),
            gates=list(note.gates),
            reason=note.reason,
            asked_by=note.asked_by or None,
        )
        for note in rollout.overrides
        if not note.proposed_only
    ]


def _asked(rollout: Rollout, now: Instant) -> wire.OverrideAsked | None:
    """The override that one person asked for and another may approve now."""
    asked = open_request(rollout, now.clock_ms) if rollout.live else None
    if asked is None:
        return None
    left_ms = asked.at.clock_ms + REQUEST_LASTS_MS - now.clock_ms
    return wire.OverrideAsked(
        by=asked.by.name,
        at=rfc3339(asked.at.wall_ms),
        verb=asked.verb,
        gates=list(asked.gates),
        reason=asked.reason,
        left_s=left_ms / 1000,
    )


def _shown_share(rollout: Rollout, seen: Seen) -> Share | None:
    """The last share the router showed at all; its age is told beside it."""
    if seen.shown is None or rollout.challenger_slot is None:
        return observed_share(rollout, seen)
    return seen.shown.share_of(rollout.challenger_slot)


def _samples(lane: Lane) -> tuple[int, int]:
    """Requests counted on this stage, by the gate that counted most."""
    sums = [ev.stage_sum for ev in lane.evidence.values()]
    return max((s.champion_n for s in sums), default=0), max((s.challenger_n for s in sums), default=0)


def _gate(lane: Lane, verdict: GateVerdict, now: Instant, needs: Mapping[str, Needs], *, ranges: bool) -> wire.GateNow:
    """One gate's row. A blind gate shows no numbers: the last ones must not look live."""
    gate, known = verdict.gate, lane.evidence[verdict.gate.metric]
    sums = known.stage_sum
    blind, paired = verdict.verdict is Verdict.BLIND, gate.template.kind.of_pairs
    ranges = ranges and not blind and not paired  # the range is of two separate samples
    champion = None if blind else rates(sums.champion_n, sums.champion_bad)
    challenger = None if blind else rates(sums.challenger_n, sums.challenger_bad)
    if known.drift is not None:
        champion = challenger = None
        ranges = False
    if known.averages is not None and not blind:
        means = known.averages.stage
        champion, challenger, ranges = means.champion, means.challenger, False
    delta = challenger - champion if champion is not None and challenger is not None else None
    if known.drift is not None and not blind and known.drift.total.n:
        delta = known.drift.size
    age_s = None if known.fresh_at_ms is None else (now.clock_ms - known.fresh_at_ms) / 1000
    return wire.GateNow(
        metric=gate.metric,
        kind=gate.template.kind.value,
        state=verdict.verdict.value,
        champion=champion,
        challenger=challenger,
        delta=delta,
        delta_kind="psi" if known.drift is not None else "difference" if known.averages is None else "mean",
        range=difference_range([sums], 1 - CONFIDENCE, known.harm.learnt.totals.phi) if ranges else None,
        confidence=CONFIDENCE,
        limit=gate.limit,
        harm_margin=margin_words(gate.harm),
        accept_margin=margin_words(gate.accept),
        harm_evidence=verdict.harm_progress,
        safe_evidence=verdict.safe_progress,
        samples=wire.Samples(champion=sums.champion_n, challenger=sums.challenger_n),
        data_age_s=age_s,
        blind_reason=f"{verdict.blind.reason.value}: {verdict.blind.detail}" if verdict.blind else None,
        on_fail=gate.on_fail.value,
        slo_ms=gate.template.slo_ms,
        needs=needs.get(gate.metric),
        words="" if known.drift is None or blind else known.drift.words(gate.template),
    )


def _ratio(split: SplitVerdict | None) -> wire.RatioNow | None:
    """The check of the share; none without one, and none at full share without a holdback."""
    if split is None:
        return None
    return wire.RatioNow(
        metric=split.metric,
        asked=split.asked.fraction,
        seen=split.part,
        lo=split.lo,
        hi=split.hi,
        samples=wire.Samples(champion=split.seen.champion_n, challenger=split.seen.challenger_n),
        evidence=split.progress,
        ok=not split.strays,
    )


def row(picture: wire.Status) -> wire.FleetRow:
    """The fleet's line of a rollout, from its full picture."""
    worst = max(picture.gates, key=lambda g: (g.state == "blind", g.harm_evidence), default=None)
    return wire.FleetRow(
        name=picture.name,
        model=picture.model,
        champion=picture.champion,
        challenger=picture.challenger,
        state=picture.state,
        phase=picture.phase,
        revision=picture.revision,
        needs_you=picture.needs_you,
        ended=picture.ended,
        stage=picture.stage.index,
        stages=picture.stage.count,
        asked=picture.on_new.asked,
        observed=picture.on_new.observed,
        worst=_worst(worst),
        next=picture.next.short or picture.next.sentence,
        who=picture.claimed_by or picture.started_by,
        as_of=picture.as_of,
        claimed_by=picture.claimed_by,
        ended_at=picture.ended_at,
    )


def _worst(gate: wire.GateNow | None) -> str:
    if gate is None:
        return "none"
    if gate.state == "blind":
        return f"{gate.metric}: no data"
    if gate.harm_evidence < 0.05:
        return "none"
    delta = "" if gate.delta is None else f" {gate.delta * 100:+.2f}pp"
    if gate.kind == GateKind.DRIFT and gate.delta is not None:
        delta = f" PSI {gate.delta:.2f}"
    if gate.kind == GateKind.MEAN and gate.delta is not None:
        delta = f" {gate.delta:+.3g}"
    return f"{gate.metric}{delta} harm {gate.harm_evidence:.0%}"
