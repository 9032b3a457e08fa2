"""One rollout's record as a report: every figure is the journal's or the evidence's. Pure; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rolloutd import story
from rolloutd.core import events as ev
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Gate
from rolloutd.core.state import Rollout, StageVisit
from rolloutd.core.stats.range import difference_range
from rolloutd.core.values import ZERO, Instant, format_duration
from rolloutd.core.verdict import rates
from rolloutd.pictures import Series
from rolloutd.wire_report import Report, ReportedCheck, ReportedGate, ReportedMoment, ReportedStage, WayBack
from rolloutd.wording import rfc3339

CONFIDENCE = 0.95
History = Sequence[ev.Recorded]


def report_of(
    rollout: Rollout, history: History, evidence: Mapping[str, GateEvidence], series: list[Series], now: Instant
) -> Report:
    """The whole page, as of now."""
    spec, end = rollout.spec, rollout.end
    until = end.at if end is not None else now
    said = _said(history)
    return Report(
        name=rollout.name,
        model=spec.model,
        route=spec.route,
        champion=spec.champion,
        challenger=spec.challenger,
        strategy=spec.plan.strategy,
        phase=rollout.phase.value,
        sentence=_sentence(rollout, history, until),
        reason=spec.reason,
        rule=rollout.rule,
        started_by=rollout.requested_by.name,
        started_at=rfc3339(rollout.requested_at.wall_ms),
        ended_at=rfc3339(end.at.wall_ms) if end is not None else None,
        lasted_s=_between_s(rollout.requested_at, until),
        as_of=rfc3339(now.wall_ms),
        confidence=CONFIDENCE,
        stages=[_stage(rollout, visit, until) for visit in rollout.visits],
        gates=[_gate(gate, evidence.get(gate.metric), said.get(gate.metric, "")) for gate in spec.plan.gates],
        checks=[
            ReportedCheck(check=done.check, passed=done.passed, detail=done.detail, by=done.by.name)
            for done in rollout.checks
        ],
        overrides=[_moment(row) for row in history if isinstance(row.event, ev.GateOverridden)],
        pauses=list(_spans(history, until, (ev.RolloutHeld,), (ev.RolloutResumed, ev.RecedeStarted, ev.RolloutEnded))),
        incidents=sorted(_incidents(history, until), key=lambda moment: moment.at),
        way_back=way_back(history, evidence),
        artefact=rollout.artefact,
        series=series,
        timeline=[story.entry(row) for row in history if not isinstance(row.event, ev.EvidenceSealed)],
    )


def _sentence(rollout: Rollout, history: History, until: Instant) -> str:
    """The outcome in one sentence."""
    spec, took = rollout.spec, format_duration(until.clock_ms - rollout.requested_at.clock_ms)
    if rollout.end is None:
        return f"{spec.challenger} has {rollout.traffic.confirmed} of {spec.route} after {took}; it goes on."
    words = {
        Phase.DONE: f"{spec.challenger} serves all traffic of {spec.route}, after {took}",
        Phase.REFUSED: f"{spec.challenger} never had traffic",
        Phase.ABORTED: f"a person gave all traffic back to {spec.champion}, after {took}",
        Phase.ROLLED_BACK: f"all traffic went back to {spec.champion}, after {took}",
    }
    highest = max((row.event.share for row in history if isinstance(row.event, ev.TrafficConfirmed)), default=ZERO)
    most = f" {spec.challenger} had {highest} at most." if rollout.phase is not Phase.DONE else ""
    return f"{words[rollout.phase]}: {rollout.end.reason}.{most}"


def _stage(rollout: Rollout, visit: StageVisit, until: Instant) -> ReportedStage:
    stage = rollout.spec.plan.stages[visit.index]
    return ReportedStage(
        index=visit.index,
        name=stage.name,
        share=stage.share.fraction,
        entered_at=rfc3339(visit.entered_at.wall_ms),
        confirmed_at=rfc3339(visit.confirmed_at.wall_ms) if visit.confirmed_at else None,
        left_at=rfc3339(visit.left_at.wall_ms) if visit.left_at else None,
        stayed_s=_between_s(visit.entered_at, visit.left_at or until),
    )


def _gate(gate: Gate, known: GateEvidence | None, said: str) -> ReportedGate:
    """What the gate counted over all stages; without evidence there are no figures, not zeros that look like some."""
    empty = ReportedGate(
        metric=gate.metric, kind=gate.template.kind.value, champion_bad=0, champion_n=0, challenger_bad=0,
        challenger_n=0, said=said, limit=gate.limit,
    )  # fmt: skip
    if known is None:
        return empty
    sums = known.total_sum
    champion, challenger = rates(sums.champion_n, sums.champion_bad), rates(sums.challenger_n, sums.challenger_bad)
    if known.drift is not None:
        champion = challenger = None
    both = champion is not None and challenger is not None and known.averages is None
    if known.averages is not None:
        champion, challenger = known.averages.total.champion, known.averages.total.challenger
    found = difference_range([sums], 1 - CONFIDENCE, known.harm.learnt.totals.phi) if both else None
    return empty.model_copy(
        update={
            "champion_bad": sums.champion_bad,
            "champion_n": sums.champion_n,
            "challenger_bad": sums.challenger_bad,
            "challenger_n": sums.challenger_n,
            "champion": champion,
            "challenger": challenger,
            "delta": challenger - champion if champion is not None and challenger is not None else None,
            "range": found,
            "words": "" if known.drift is None else known.drift.total_words(gate.template),
        }
    )


def _said(history: History) -> dict[str, str]:
    """Each gate's last verdict in the record."""
    verdicts = (row.event for row in history if isinstance(row.event, ev.VerdictReached))
    return {event.metric: event.verdict for event in verdicts}


def _moment(row: ev.Recorded, until: Instant | None = None) -> ReportedMoment:
    entry = story.entry(row)
    return ReportedMoment(
        at=entry.at,
        what=entry.what,
        why=entry.why,
        by=row.actor.name,
        until=rfc3339(until.wall_ms) if until is not None else None,
        lasted_s=_between_s(row.at, until) if until is not None else None,
    )


def _spans(
    history: History, until: Instant, begins: tuple[type, ...], ends: tuple[type, ...]
) -> Iterator[ReportedMoment]:
    """Each begin with the first end after it, or with now; a begin within one belongs to that."""
    open_row: ev.Recorded | None = None
    for row in history:
        if open_row is None and isinstance(row.event, begins):
            open_row = row
        elif open_row is not None and isinstance(row.event, ends):
            yield _moment(open_row, row.at)
            open_row = None
    if open_row is not None:
        yield _moment(open_row, until)


def _incidents(history: History, until: Instant) -> Iterator[ReportedMoment]:
    """Blindness with its length, and what somebody or something did to the router."""
    over = (ev.RecedeStarted, ev.RolloutEnded)
    for metric in sorted({row.event.metric for row in history if isinstance(row.event, ev.BlindnessBegan)}):
        about = [
            row for row in history if not isinstance(row.event, ev.BlindnessBegan | ev.BlindnessEnded)
            or row.event.metric == metric
        ]  # fmt: skip
        yield from _spans(about, until, (ev.BlindnessBegan,), (ev.BlindnessEnded, *over))
    yield from _spans(history, until, (ev.TrafficNotObeyed,), (ev.TrafficConfirmed, ev.RolloutEnded))
    single = (ev.DriftSeen, ev.LeaseLapsed, ev.RouterRestarted)
    yield from (_moment(row) for row in history if isinstance(row.event, single))


def way_back(history: History, evidence: Mapping[str, GateEvidence]) -> WayBack | None:
    """The last time that it went back: decided, asked for, seen at zero. None when it never did."""
    at = next((n for n in range(len(history) - 1, -1, -1) if isinstance(history[n].event, ev.RecedeStarted)), None)
    if at is None:
        return None
    begun, after = history[at], history[at:]
    event = begun.event
    assert isinstance(event, ev.RecedeStarted)
    asked = next((row for row in after if isinstance(row.event, ev.TrafficWanted) and row.event.share == ZERO), None)
    zero = next((row for row in after if isinstance(row.event, ev.TrafficConfirmed) and row.event.share == ZERO), None)
    known = evidence.get(event.metric or "")
    return WayBack(
        decided_at=rfc3339(begun.at.wall_ms),
        asked_at=rfc3339(asked.at.wall_ms) if asked else None,
        zero_at=rfc3339(zero.at.wall_ms) if zero else None,
        took_s=_between_s(begun.at, zero.at) if zero else None,
        cause=event.cause.value,
        requests=known.total_sum.challenger_n if known is not None else None,
    )


def _between_s(begin: Instant, end: Instant) -> float:
    """Seconds on the rollout clock."""
    return max(0, end.clock_ms - begin.clock_ms) / 1000
