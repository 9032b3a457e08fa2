"""State to the picture that people and scripts see. Pure: a lane and a moment in, a wire model out; it decides nothing.

The phase on the wire is the machine's; the state is the screen's word, from one function with an answer for every phase.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import exp, log

from rolloutd import wire
from rolloutd.core.blockers import Blocker, BlockerKind, blockers
from rolloutd.core.events import HoldCause
from rolloutd.core.lane import Lane
from rolloutd.core.observed import Seen
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnFail
from rolloutd.core.reconcile import observed_share
from rolloutd.core.state import Rollout
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import ZERO, Instant, Share
from rolloutd.core.verdict import GateVerdict, Judgement, Verdict, rates
from rolloutd.foresight import foresee

NEEDS_YOU = frozenset({"not_obeyed", "going_back", "harm", "blind", "drift", "asks_you"})
HARM_SHOWN_FROM = 0.5


def rfc3339(wall_ms: int) -> str:
    """A wall time as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def state_word(rollout: Rollout, seen: Seen, judgement: Judgement | None) -> str:
    """The screen's word for a phase and what was seen. Every phase has an answer."""
    if rollout.live and rollout.traffic.not_obeyed:
        return "not_obeyed"
    hold = rollout.hold.cause if rollout.hold else None
    match rollout.phase:
        case Phase.RECEDING:
            return "going_back"
        case Phase.HELD if hold is HoldCause.BLINDNESS:
            return "blind"
        case Phase.HELD if hold is HoldCause.DRIFT:
            return "drift"
        case Phase.HELD if hold in (HoldCause.GATE, HoldCause.CHAMPION, HoldCause.LAPSE):
            return "asks_you"
        case Phase.HELD:
            return "paused"
        case Phase.ASKING:
            return "asks_you"
        case Phase.DONE:
            return "done"
        case Phase.ABORTED:
            return "aborted"
        case Phase.ROLLED_BACK:
            return "rolled_back"
        case Phase.REFUSED:
            return "refused"
        case Phase.PREFLIGHT:
            return "checking"
        case Phase.FINISHING:
            return "finishing"
        case Phase.RUNNING | Phase.WATCHING:
            return _running_word(rollout, seen, judgement)


def _running_word(rollout: Rollout, seen: Seen, judgement: Judgement | None) -> str:
    if rollout.traffic.drift is not None:
        return "drift"
    if judgement is None:
        return "collecting"
    if any(g.harm_progress > HARM_SHOWN_FROM for g in judgement.gates if g.gate.on_fail is not OnFail.OBSERVE):
        return "harm"
    hold_ms = rollout.spec.plan.timing.blind_hold_ticks * rollout.spec.plan.timing.tick_ms
    if rollout.traffic.confirmed > ZERO and any(g.blind_for_ms > hold_ms for g in judgement.blind):
        return "blind"
    return "clear" if judgement.all_pass else "collecting"


def status(lane: Lane, now: Instant, last: list[wire.TimelineEntry], by_hand: str, engine: str) -> wire.Status:
    """One live rollout as people and scripts see it."""
    rollout, seen = lane.rollout, lane.seen
    pic = lane.picture(now.clock_ms)
    against = blockers(rollout, pic, now.clock_ms)
    word = state_word(rollout, seen, pic.judgement)
    shown = _shown_share(rollout, seen)
    fresh = [ev.fresh_at_ms for ev in lane.evidence.values()]
    metrics_age_s = (
        None if any(at is None for at in fresh) else max((now.clock_ms - at) / 1000 for at in fresh if at is not None)
    )
    router_age_s = None if seen.shown_at_ms is None else (now.clock_ms - seen.shown_at_ms) / 1000
    return _status(
        rollout,
        now,
        state=word,
        age=wire.Age(router=router_age_s, metrics=metrics_age_s),
        observed=None if shown is None else shown.fraction,
        gates=[_gate(lane, verdict, now) for verdict in pic.judgement.gates],
        next=foresee(lane, pic, against, now),
        blocked_by=[blocker.what for blocker in against] if rollout.phase in _CLIMBING else [],
        last=last,
        by_hand=by_hand,
        engine=engine,
        samples=_samples(lane),
    )


_CLIMBING = frozenset({Phase.RUNNING, Phase.WATCHING, Phase.HELD, Phase.ASKING})


def ended_status(rollout: Rollout, now: Instant, last: list[wire.TimelineEntry]) -> wire.Status:
    """One rollout that has ended; nothing about it is live any more."""
    end = rollout.end
    sentence = f"ended: {end.reason}" if end else "ended"
    return _status(
        rollout,
        now,
        state=state_word(rollout, Seen(0), None),
        age=wire.Age(),
        observed=None,
        gates=[],
        next=wire.Next(action="none", by="nobody", sentence=sentence),
        blocked_by=[],
        last=last,
        by_hand="",
        engine="",
        samples=(0, 0),
    )


def _status(
    rollout: Rollout,
    now: Instant,
    *,
    state: str,
    age: wire.Age,
    observed: float | None,
    gates: list[wire.GateNow],
    next: wire.Next,  # noqa: A002 - the word of the wire
    blocked_by: list[str],
    last: list[wire.TimelineEntry],
    by_hand: str,
    engine: str,
    samples: tuple[int, int],
) -> wire.Status:
    spec, plan, traffic = rollout.spec, rollout.spec.plan, rollout.traffic
    return wire.Status(
        name=rollout.name,
        model=spec.model,
        route=spec.route,
        revision=rollout.version,
        state=state,
        phase=rollout.phase.value,
        outcome=rollout.end.outcome.value if rollout.end else None,
        ended=not rollout.live,
        needs_you=state in NEEDS_YOU,
        as_of=rfc3339(now.wall_ms),
        started_at=rfc3339(rollout.requested_at.wall_ms),
        ended_at=rfc3339(rollout.end.at.wall_ms) if rollout.end else None,
        started_by=rollout.requested_by.name,
        age_s=age,
        champion=spec.champion,
        challenger=spec.challenger,
        strategy=plan.strategy,
        reason=spec.reason,
        stage=_stage_now(rollout, now),
        stages=_ladder(rollout, now, samples),
        on_new=wire.OnNew(
            asked=traffic.wanted.fraction,
            observed=observed,
            confirmed=traffic.confirmed.fraction,
            confirmed_is_asked=traffic.settled,
        ),
        gates=gates,
        next=next,
        blocked_by=blocked_by,
        held_because=rollout.hold.reason if rollout.hold else None,
        claimed_by=rollout.claimed_by,
        paused_by=rollout.hold.by.name if rollout.hold and rollout.hold.cause is HoldCause.PERSON else None,
        overrides=[
            wire.Override(by=o.by.name, at=rfc3339(o.at.wall_ms), gates=list(o.gates), reason=o.reason)
            for o in rollout.overrides
            if not o.proposed_only
        ],
        alpha=plan.alpha,
        beta=plan.beta,
        tick_s=plan.timing.tick_ms / 1000,
        router_engine=engine,
        by_hand=by_hand,
        last=last,
    )


def _shown_share(rollout: Rollout, seen: Seen) -> Share | None:
    """The last share the router showed at all; its age is told beside it."""
    if seen.shown is None or rollout.challenger_slot is None:
        return observed_share(rollout, seen)
    return seen.shown.share_of(rollout.challenger_slot)


def _stage_now(rollout: Rollout, now: Instant) -> wire.StageNow:
    visit, stage = rollout.visit, rollout.stage
    since = visit.confirmed_at if visit else None
    until = visit.left_at if visit and visit.left_at else now
    return wire.StageNow(
        index=rollout.stage_index,
        count=len(rollout.spec.plan.stages),
        name=stage.name,
        elapsed_s=0.0 if since is None else max(0, until.clock_ms - since.clock_ms) / 1000,
        min_s=stage.min_time_ms / 1000,
        max_s=stage.max_time_ms / 1000,
    )


def _ladder(rollout: Rollout, now: Instant, samples: tuple[int, int]) -> list[wire.StageRow]:
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
                share=stage.share.fraction,
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


def _samples(lane: Lane) -> tuple[int, int]:
    """Requests counted on this stage, by the gate that counted most."""
    sums = [ev.stage_sum for ev in lane.evidence.values()]
    return max((s.champion_n for s in sums), default=0), max((s.challenger_n for s in sums), default=0)


def _gate(lane: Lane, verdict: GateVerdict, now: Instant) -> wire.GateNow:
    """One gate's row. A blind gate shows no numbers: the last ones must not look live."""
    gate, known = verdict.gate, lane.evidence[verdict.gate.metric]
    sums = known.stage_sum
    blind = verdict.verdict is Verdict.BLIND
    champion = None if blind else rates(sums.champion_n, sums.champion_bad)
    challenger = None if blind else rates(sums.challenger_n, sums.challenger_bad)
    delta = challenger - champion if champion is not None and challenger is not None else None
    age_s = None if known.fresh_at_ms is None else (now.clock_ms - known.fresh_at_ms) / 1000
    return wire.GateNow(
        metric=gate.metric,
        kind=gate.template.kind.value,
        state=verdict.verdict.value,
        champion=champion,
        challenger=challenger,
        delta=delta,
        delta_kind="difference",
        range=None,
        confidence=1 - lane.rollout.spec.plan.alpha,
        limit=gate.limit,
        harm_margin=_margin(gate.harm),
        accept_margin=_margin(gate.accept),
        harm_evidence=verdict.harm_progress,
        safe_evidence=verdict.safe_progress,
        samples=wire.Samples(champion=sums.champion_n, challenger=sums.challenger_n),
        data_age_s=age_s,
        blind_reason=f"{verdict.blind.reason.value}: {verdict.blind.detail}" if verdict.blind else None,
        on_fail=gate.on_fail.value,
        slo_ms=gate.template.slo_ms,
    )


def _margin(margin: Margin) -> str:
    """A margin in words: x1.5, +0.2pp, or both."""
    parts = [] if margin.factor == 1.0 and margin.shift else [f"x{margin.factor:g}"]
    if margin.shift:
        parts.append(f"+{margin.shift * 100:g}pp")
    return " ".join(parts)


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
        stage=picture.stage.index + 1,
        stages=picture.stage.count,
        asked=picture.on_new.asked,
        observed=picture.on_new.observed,
        worst=_worst(worst),
        next=picture.next.sentence,
        who=picture.claimed_by or picture.started_by,
        as_of=picture.as_of,
    )


def _worst(gate: wire.GateNow | None) -> str:
    if gate is None:
        return "none"
    if gate.state == "blind":
        return f"{gate.metric}: no data"
    if gate.harm_evidence < 0.05:
        return "none"
    delta = "" if gate.delta is None else f" {gate.delta * 100:+.2f}pp"
    return f"{gate.metric}{delta} harm {gate.harm_evidence:.0%}"


def why_lines(lane: Lane, now: Instant) -> list[str]:
    """The decision in words: what each gate says and on what, then what else stands in the way."""
    pic = lane.picture(now.clock_ms)
    plan = lane.rollout.spec.plan
    lines = [_why_gate(lane, verdict, plan.alpha, plan.beta) for verdict in pic.judgement.gates]
    total = exp(min(pic.judgement.log_e_harm, 50.0))
    lines.append(
        f"All gates together: evidence of harm {total:.3g}, goes back at {1 / plan.alpha:g} "
        f"(at most {plan.alpha:g} of harmless rollouts ever get there)."
    )
    others = [b for b in blockers(lane.rollout, pic, now.clock_ms) if not b.what.startswith("gate:")]
    lines.extend(f"Going up waits for: {blocker.sentence}." for blocker in others)
    return lines


def _why_gate(lane: Lane, verdict: GateVerdict, alpha: float, beta: float) -> str:
    sums = lane.evidence[verdict.gate.metric].stage_sum
    if verdict.verdict is Verdict.BLIND and verdict.blind is not None:
        return f"{verdict.gate.metric}: BLIND, {verdict.blind.detail}. No data is never a pass."
    counts = (
        f"champion {sums.champion_bad} of {sums.champion_n}, challenger {sums.challenger_bad} of {sums.challenger_n}"
    )
    return (
        f"{verdict.gate.metric}: {verdict.verdict.value.upper()}, {counts} on this stage; "
        f"harm {verdict.harm_progress:.0%} of the way to {1 / alpha:g}, "
        f"safe {verdict.safe_progress:.0%} of the way to {1 / beta:g} "
        f"(margins {_margin(verdict.gate.harm)} and {_margin(verdict.gate.accept)})."
    )


def breach_words(blocker: Blocker) -> str:
    """A blocker's short word for lists."""
    return blocker.what if blocker.kind is not BlockerKind.HELD else "held"


def log_line(alpha: float) -> float:
    """The line on the log scale."""
    return log(1 / alpha)
