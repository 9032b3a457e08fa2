"""Words of the pictures: the screen's word for a state, margins, times, and the decision in sentences. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from math import exp

from rolloutd.core.blockers import blockers
from rolloutd.core.checks import awaiting_approval, open_checks
from rolloutd.core.events import HoldCause
from rolloutd.core.lane import Lane
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnFail
from rolloutd.core.state import Rollout
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import ZERO, Instant
from rolloutd.core.verdict import GateVerdict, Judgement, Verdict
from rolloutd.needs import needs_of, needs_words

HARM_SHOWN_FROM = 0.5
NEEDS_YOU = frozenset({"not_obeyed", "going_back", "harm", "blind", "drift", "asks_you"})

_WORD_OF_PHASE: dict[Phase, str] = {
    Phase.PREFLIGHT: "checking",
    Phase.RUNNING: "collecting",
    Phase.WATCHING: "collecting",
    Phase.HELD: "asks_you",
    Phase.ASKING: "asks_you",
    Phase.FINISHING: "finishing",
    Phase.RECEDING: "going_back",
    Phase.DONE: "done",
    Phase.ABORTED: "aborted",
    Phase.ROLLED_BACK: "rolled_back",
    Phase.REFUSED: "refused",
}
_WORD_OF_HOLD: dict[HoldCause, str] = {
    HoldCause.BLINDNESS: "blind",
    HoldCause.DRIFT: "drift",
    HoldCause.PERSON: "paused",
    HoldCause.POLICY: "paused",
}


def rfc3339(wall_ms: int) -> str:
    """A wall time as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def state_word(rollout: Rollout, judgement: Judgement | None) -> str:
    """The screen's word for a phase and what the gates say. Every phase has an answer."""
    if rollout.live and rollout.traffic.not_obeyed:
        return "not_obeyed"
    if rollout.phase is Phase.HELD and rollout.hold is not None:
        if rollout.hold.cause is HoldCause.BLINDNESS and judgement is not None and not judgement.blind:
            return "asks_you"  # the gates see again; a person must say that it may go on
        return _WORD_OF_HOLD.get(rollout.hold.cause, "asks_you")
    if rollout.phase in (Phase.RUNNING, Phase.WATCHING):
        return _running_word(rollout, judgement)
    if rollout.phase is Phase.PREFLIGHT and rollout.spec.checks and awaiting_approval(rollout) is not None:
        return "asks_you"
    return _WORD_OF_PHASE[rollout.phase]


def _running_word(rollout: Rollout, judgement: Judgement | None) -> str:
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


def margin_words(margin: Margin) -> str:
    """A margin in words: x1.5, +0.2pp, or both."""
    parts = [] if margin.factor == 1.0 and margin.shift else [f"x{margin.factor:g}"]
    if margin.shift:
        parts.append(f"+{margin.shift * 100:g}pp")
    return " ".join(parts)


def why_lines(lane: Lane, now: Instant) -> list[str]:
    """The decision in words: what each gate says and on what, then what else stands in the way."""
    pic = lane.picture(now.clock_ms)
    plan = lane.rollout.spec.plan
    rule = [f"Plan: {lane.rollout.rule}"] if lane.rollout.rule else []
    lines = [_why_gate(lane, verdict, plan.alpha, plan.beta) for verdict in pic.judgement.gates]
    total = exp(min(pic.judgement.log_e_harm, 50.0))
    lines.append(
        f"All gates together: evidence of harm {total:.3g}, goes back at {1 / plan.alpha:g} "
        f"(at most {plan.alpha:g} of harmless rollouts ever get there)."
    )
    lines.extend(f"{metric} {needs_words(needs)}." for metric, needs in needs_of(lane, pic).items())
    lines.extend(_why_split(pic.judgement))
    others = [b for b in blockers(lane.rollout, pic, now.clock_ms) if not b.what.startswith("gate:")]
    lines.extend(f"Going up waits for: {blocker.sentence}." for blocker in others)
    return [*_why_checks(lane.rollout), *lines, *rule]


def _why_checks(rollout: Rollout) -> list[str]:
    """Each named check before traffic: passed or not and on what, or still to come."""
    done = [
        f"Check {c.check}: {'passed' if c.passed else 'did not pass'}, {c.detail} ({c.by.name})."
        for c in rollout.checks
    ]
    return done + [f"Check {c.name}: NOT CHECKED yet{f' ({c.said})' if c.said else ''}." for c in open_checks(rollout)]


def _why_split(judgement: Judgement) -> list[str]:
    """Whether the proxy gives the share it says, and whether the champion is as it was."""
    lines, split, outside = [], judgement.split, judgement.outside
    if split is not None and split.strays:
        lines.append(f"The split is not as asked: {split.sentence}. It holds; no version is blamed for it.")
    elif split is not None and split.part is not None:
        seen = f"{split.seen.challenger_n} of the last {split.seen.challenger_n + split.seen.champion_n} requests"
        lines.append(f"The split: asked {split.asked}, seen {split.part:.2%} ({seen}); as asked.")
    if outside is not None:
        lines.append(f"The champion is not as it was: {outside.sentence}.")
    return lines


def _why_harm(verdict: GateVerdict, alpha: float) -> str:
    return f"harm {verdict.harm_progress:.0%} of the way to {1 / alpha:g}"


def _why_gate(lane: Lane, verdict: GateVerdict, alpha: float, beta: float) -> str:
    known = lane.evidence[verdict.gate.metric]
    sums = known.stage_sum
    if verdict.verdict is Verdict.BLIND and verdict.blind is not None:
        return f"{verdict.gate.metric}: BLIND, {verdict.blind.detail}. No data is never a pass."
    if known.drift is not None:
        told = known.drift.why_words(verdict.gate.template)
        return f"{verdict.gate.metric}: {verdict.verdict.value.upper()}, {told}; {_why_harm(verdict, alpha)}."
    counts = (
        f"champion {sums.champion_bad} of {sums.champion_n}, challenger {sums.challenger_bad} of {sums.challenger_n}"
        " on this stage"
    )
    counts = counts if known.averages is None else known.averages.words  # of a mean no request is a bad one
    return (
        f"{verdict.gate.metric}: {verdict.verdict.value.upper()}, {counts}; "
        f"{_why_harm(verdict, alpha)}, "
        f"safe {verdict.safe_progress:.0%} of the way to {1 / beta:g} "
        f"(margins {margin_words(verdict.gate.harm)} and {margin_words(verdict.gate.accept)})."
    )
