"""The NEXT line: what happens if nobody acts, by whom, when, and what blocks going up. A forecast, never a decision.

It says how long something takes only where the present rate of evidence lets it be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from rolloutd.core.blockers import Blocker, BlockerKind, Picture
from rolloutd.core.checks import awaiting_approval
from rolloutd.core.grounds import Question
from rolloutd.core.lane import Lane
from rolloutd.core.phases import Phase
from rolloutd.core.rules import awaited
from rolloutd.core.values import Instant, format_duration
from rolloutd.core.verdict import Verdict
from rolloutd.wire import Next
from rolloutd.wire_plan import Needs

HARM_NAMED_FROM = 0.5
NOTHING_KNOWN: Mapping[str, Needs] = {}


def foresee(
    lane: Lane, pic: Picture, against: tuple[Blocker, ...], now: Instant, needs: Mapping[str, Needs] = NOTHING_KNOWN
) -> Next:
    """What comes next for this rollout if nobody does anything; ``needs`` is what its gates still need, if known."""
    rollout = lane.rollout
    match rollout.phase:
        case Phase.PREFLIGHT:
            return _before_traffic(lane)
        case Phase.RECEDING:
            back = (
                f"the share goes to 0% as soon as the router obeys ({rollout.recede.reason if rollout.recede else ''})"
            )
            return Next(action="rollback", by="daemon", sentence=back, short="to 0% now")
        case Phase.FINISHING:
            return Next(
                action="finish",
                by="daemon",
                sentence="the new version becomes the base of the route",
                short="finishing",
            )
        case Phase.HELD:
            reason = rollout.hold.reason if rollout.hold else ""
            stays = f"stays at {rollout.traffic.wanted} until somebody resumes it ({reason})"
            short = f"held: {rollout.hold.cause.value}" if rollout.hold else "held"
            return Next(action="hold", by="person", sentence=stays, short=short)
        case Phase.ASKING:
            return _asked(lane)
        case _:
            return _running(lane, pic, against, now, needs)


def _asked(lane: Lane) -> Next:
    """What a person can answer: an approval is given by its own verb."""
    rollout = lane.rollout
    question = rollout.question.value if rollout.question else "a question"
    approval = rollout.question is Question.APPROVAL
    verbs = f"rollout approve {rollout.name}, or extend or abort" if approval else "promote, extend or abort"
    asked = f"stays at {rollout.traffic.wanted}; a person is asked ({question}): {verbs}"
    return Next(action="ask", by="person", sentence=asked, short="approve or a" if approval else "m, extend or a")


def _before_traffic(lane: Lane) -> Next:
    waiting, _ = awaited(lane.rollout.spec, lane.seen.earlier)
    if waiting:
        return Next(
            action="wait", by="daemon", sentence=f"no traffic yet: {'; '.join(waiting)}", short="waits its turn"
        )
    owed = awaiting_approval(lane.rollout)
    if owed is not None:
        asked = f"no traffic before somebody says yes to check {owed.name}: rollout approve {lane.rollout.name}"
        return Next(action="ask", by="person", sentence=asked, short="approve or a")
    return Next(action="start", by="daemon", sentence="checks before traffic are running", short="checks run")


def _running(lane: Lane, pic: Picture, against: tuple[Blocker, ...], now: Instant, needs: Mapping[str, Needs]) -> Next:
    harmful = max(pic.judgement.gates, key=lambda g: g.harm_progress, default=None)
    if harmful is not None and harmful.harm_progress > HARM_NAMED_FROM:
        eta_s = _harm_eta_s(lane, harmful.log_e_harm, now)
        soon = "" if eta_s is None else f", about {format_duration(int(eta_s * 1000))} at this rate"
        text = (
            f"automatic rollback when {harmful.gate.metric} harm reaches 100% ({harmful.harm_progress:.0%} now{soon})"
        )
        about = "" if eta_s is None else f" ~{format_duration(int(eta_s * 1000))}"
        return Next(
            action="rollback",
            by=f"gate:{harmful.gate.metric}",
            sentence=text,
            eta_s=eta_s,
            short=f"back by itself{about}",
        )
    blind = pic.judgement.blind
    if blind:
        timing = lane.rollout.spec.plan.timing
        left_ms = max(0, timing.blind_recede_ticks * timing.tick_ms - max(g.blind_for_ms for g in blind))
        left, metric = format_duration(left_ms), blind[0].gate.metric
        text = f"held until {metric} has data; without any in {left} the share goes to 0%"
        short = f"held; 0% in {left}"
        by = f"gate:{blind[0].gate.metric}"
        return Next(action="recede", by=by, sentence=text, eta_s=left_ms / 1000, short=short)
    return _up(lane, pic, against, now, needs)


def _up(lane: Lane, pic: Picture, against: tuple[Blocker, ...], now: Instant, needs: Mapping[str, Needs]) -> Next:
    rollout = lane.rollout
    stages = rollout.spec.plan.stages
    goal = (
        "done" if rollout.on_last_stage else f"{stages[rollout.stage_index + 1].share}" if rollout.visits else "start"
    )
    if not against:
        return Next(action="promote", by="daemon", sentence=f"{goal} at the next tick", eta_s=0.0, short=f"{goal} now")
    known = [b.left_ms for b in against if b.left_ms is not None]
    collecting = [g for g in pic.judgement.gates if g.verdict is Verdict.COLLECTING]
    safe = [
        needs[g.gate.metric].time_s.mean if g.gate.metric in needs else _safe_eta_s(lane, g.log_e_safe, now)
        for g in collecting
    ]
    others = [b for b in against if b.left_ms is None and b.kind is not BlockerKind.GATE_COLLECTING]
    waits = f"in the way now: {against[0].sentence}"
    if others or any(eta is None for eta in safe):
        short = f"{goal} waits: {against[0].what.removeprefix('gate:').replace('_', ' ')}"
        when = f"in {format_duration(max(known))} at the earliest" if known else "later"
        return Next(action="promote", by="daemon", sentence=f"{goal} {when}; {waits}", short=short)
    eta_s = max([left / 1000 for left in known] + [eta for eta in safe if eta is not None], default=0.0)
    return Next(
        action="promote",
        by="daemon",
        sentence=f"{goal} in about {format_duration(int(eta_s * 1000))}; {waits}",
        eta_s=eta_s,
        short=f"{goal} in ~{format_duration(int(eta_s * 1000))}",
    )


def _safe_eta_s(lane: Lane, log_e_safe: float, now: Instant) -> float | None:
    """Time until safe at the present pace of evidence; None while the pace says nothing yet."""
    return _eta_s(lane, log_e_safe, log(1 / lane.rollout.spec.plan.beta), now)


def _harm_eta_s(lane: Lane, log_e_harm: float, now: Instant) -> float | None:
    return _eta_s(lane, log_e_harm, log(1 / lane.rollout.spec.plan.alpha), now)


def _eta_s(lane: Lane, log_e: float, line: float, now: Instant) -> float | None:
    """Straight-line forecast on the log scale since the stage's share was confirmed."""
    visit = lane.rollout.visit
    if visit is None or visit.confirmed_at is None or log_e <= 0.2:
        return None
    elapsed_s = (now.clock_ms - visit.confirmed_at.clock_ms) / 1000
    return max(0.0, elapsed_s * (line - log_e) / log_e)
