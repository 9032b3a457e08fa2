"""What a person or script may have: a command on a state gives events, or a refusal with a reason. Pure.

Less exposure is easy: abort, pause and decline need no revision and are not refused because somebody else was first.
More exposure is hard: it needs the revision that the person looked at, and the evidence or an override with a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rolloutd.core import adopting, isolating, mirroring, overrides
from rolloutd.core import events as ev
from rolloutd.core.advance import to_zero, up
from rolloutd.core.blockers import OVERRIDABLE, Blocker, BlockerKind, Picture, blockers
from rolloutd.core.checks import Check, awaiting_approval
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.outside_events import CheckFinished
from rolloutd.core.phases import ENDS, Phase
from rolloutd.core.rules import FREE, Rules, comes_after_nothing, standing_still, too_many
from rolloutd.core.state import Rollout
from rolloutd.core.values import format_duration


@dataclass(frozen=True, slots=True)
class Accepted:
    """The events that carry a command out; empty when it asks for what already is."""

    events: tuple[ev.Event, ...]
    message: str = ""


Decision = Accepted | Refused


def decide_start(
    command: Start, live: Iterable[Rollout], ended: Iterable[Rollout] = (), rules: Rules = FREE
) -> Decision:
    """Start a rollout unless the policy, its name, its route, its model or what it comes after stands against it."""
    spec, live, ended = command.spec, tuple(live), tuple(ended)
    still = standing_still(rules)
    if still is not None:
        return still
    if spec.name in {other.name for other in (*live, *ended)}:
        return Refused(
            RefusalCode.CONFLICT, f"There is already a rollout called {spec.name}.", "Give this one another name."
        )
    for other in live:
        for what, same in (("route", other.spec.route == spec.route), ("model", other.spec.model == spec.model)):
            if same:
                value = spec.route if what == "route" else spec.model
                return Refused(
                    RefusalCode.CONFLICT,
                    f"{other.name} is a live rollout on {what} {value}; one {what} carries one rollout at a time.",
                    f"Wait for it, or: rollout abort {other.name}",
                )
    against = comes_after_nothing(spec, (*live, *ended)) or too_many(live, rules.limits, spec)
    return against or Accepted((ev.RolloutRequested(spec, command.rule),), f"{spec.name} requested")


def decide(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """One verb on one rollout. The caller has checked the role that the verb itself needs."""
    if command.verb is Verb.CLAIM:
        released = rollout.claimed_by == command.actor.name
        return Accepted((ev.RolloutClaimed(released),), "released" if released else "claimed")
    if rollout.phase in ENDS:
        return _after_the_end(rollout, command, now_ms)
    if command.verb in _NEEDS_REVISION and command.revision != rollout.version:
        return _changed_since(rollout, command, now_ms)
    return _VERBS[command.verb](rollout, command, pic, now_ms)


def _after_the_end(rollout: Rollout, command: Act, now_ms: int) -> Decision:
    done = rollout.end.outcome.value.replace("_", " ") if rollout.end else rollout.phase.value
    if command.verb in (Verb.ABORT, Verb.DECLINE, Verb.ISOLATE) and rollout.phase is not Phase.DONE:
        return Accepted((), f"{rollout.name} has already ended: {done}. The champion has all traffic.")
    hint = "rollout list" if rollout.phase is not Phase.DONE else f"rollout rollback {rollout.name}"
    who = f" ({rollout.last_act.told(now_ms)})" if rollout.last_act else ""
    return Refused(RefusalCode.NOT_NOW, f"{rollout.name} has ended: {done}{who}. Nothing can be changed on it.", hint)


def _changed_since(rollout: Rollout, command: Act, now_ms: int) -> Refused:
    """The loser of a race hears who was first, with what and when."""
    if command.revision is None:
        message = f"{command.verb.value} raises exposure and must name the revision it was decided on."
        return Refused(RefusalCode.BAD_INPUT, message, f"rollout status {rollout.name}, then --if-revision N")
    act = rollout.last_act
    who = act.told(now_ms) if act is not None and act.version > command.revision else "the daemon has gone on by itself"
    message = f"{rollout.name} changed since revision {command.revision}: {who}. It is at {rollout.version} now."
    return Refused(RefusalCode.CONFLICT, message, f"Look again: rollout status {rollout.name}")


def _abort(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """Always accepted while live; a person's abort takes over from the daemon's own way back."""
    by = command.actor.name
    why = command.reason or f"{by} aborted"
    recede = rollout.recede
    by_a_person = (ev.RecedeCause.PERSON, ev.RecedeCause.ROLLBACK)
    if rollout.phase is Phase.RECEDING and recede is not None and recede.cause in by_a_person:
        return Accepted((), f"{rollout.name} is already going back.")
    start = ev.RecedeStarted(ev.RecedeCause.PERSON, why)
    exposure = to_zero(rollout, ev.Basis(ev.BasisKind.PERSON, why))
    # Before its slots are known nothing was written for it; without a visit and an isolation it never had traffic.
    untouched = rollout.champion_slot is None or not (rollout.visits or rollout.isolated or rollout.isolation)
    if untouched:
        told = f"{rollout.name} ended before it had any traffic; its route is as it was found."
        return Accepted((start, *exposure, ev.RolloutEnded(ev.Outcome.ABORTED, why)), told)
    return Accepted((start, *exposure), f"{rollout.name}: all traffic goes back to {rollout.spec.champion}")


def _pause(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    if rollout.phase in (Phase.RECEDING, Phase.FINISHING):
        verb = "going back" if rollout.phase is Phase.RECEDING else "being finished"
        return Refused(
            RefusalCode.NOT_NOW,
            f"{rollout.name} is {verb}; that is not paused half-way.",
            f"rollout abort {rollout.name}",
        )
    if rollout.phase is Phase.HELD and rollout.hold is not None and rollout.hold.cause is ev.HoldCause.PERSON:
        return Accepted((), f"{rollout.name} is already paused by {rollout.hold.by.name}.")
    why = command.reason or f"{command.actor.name} paused"
    return Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, why),), f"{rollout.name} stays at {rollout.traffic.wanted}")


def _resume(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """Let the schedule go on; with harm, blindness or a share that must rise again it is as grave as an override."""
    if rollout.phase is not Phase.HELD or rollout.hold is None:
        return Refused(RefusalCode.NOT_NOW, f"{rollout.name} is not paused.", f"rollout status {rollout.name}")
    grave = [b for b in blockers(rollout, pic, now_ms) if b.kind in _AGAINST_RESUMING]
    noted = _overriding(rollout, command, grave, now_ms) if grave else ()
    if isinstance(noted, Refused) or _only_asked(noted):
        return _asked_for(rollout, command, noted)
    again = command.verb is Verb.REAPPLY
    why = command.reason or f"{command.actor.name} {'re-applied our share' if again else 'resumed'}"
    events: tuple[ev.Event, ...] = (*noted, ev.RolloutResumed(why), ev.WindowRestarted("resumed by a person"))
    lacks_share = bool(rollout.visits) and rollout.traffic.wanted < rollout.stage.share
    if lacks_share or (rollout.visits and rollout.mirror.wanted < rollout.stage.mirror):
        hard = _beyond_override(rollout, pic, now_ms)
        if hard:
            return _cannot_go_up(rollout, hard[0])
        basis = ev.Basis(ev.BasisKind.PERSON, why)
        events = (*events, *mirroring.wanting(rollout, rollout.stage.mirror, basis))
        if lacks_share:
            events = (*events, ev.TrafficWanted(rollout.stage.share, rollout.traffic.wanted, basis))
    return Accepted(events, f"{rollout.name} goes on at {rollout.stage.share}")


def _promote(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """Up to the next stage: all clear needs nothing more, undecided needs a reason, the rest is an override."""
    if rollout.phase in (Phase.PREFLIGHT, Phase.RECEDING, Phase.FINISHING) or not rollout.visits:
        message = f"{rollout.name} is {rollout.phase.value}; there is no stage to go up from."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout status {rollout.name}")
    if rollout.on_last_stage and rollout.traffic.wanted != rollout.stage.share:
        message = (
            f"{rollout.name} is at {rollout.traffic.wanted}, less than the {rollout.stage.share} of its last stage."
        )
        return Refused(RefusalCode.NOT_NOW, message, f"First: rollout resume {rollout.name}")
    hard = _beyond_override(rollout, pic, now_ms)
    if hard:
        return _cannot_go_up(rollout, hard[0])
    against = [b for b in blockers(rollout, pic, now_ms) if b.kind in OVERRIDABLE]
    grave = [b for b in against if b.kind is not BlockerKind.GATE_COLLECTING]
    why = command.reason or f"{command.actor.name} promoted"
    noted: tuple[ev.Event, ...] | Refused = ()
    if grave:
        noted = _overriding(rollout, command, against, now_ms)
    elif against:
        if len(command.reason) < overrides.REASON_LENGTH_MIN:
            return _undecided_needs_reason(rollout, against)
        noted = (ev.GateOverridden(tuple(b.what for b in against), command.reason),)
    if isinstance(noted, Refused) or _only_asked(noted):
        return _asked_for(rollout, command, noted)
    return Accepted((*noted, *_let_go(rollout, why), *_step_up(rollout, why)), f"{rollout.name} goes up")


def _overriding(rollout: Rollout, command: Act, against: list[Blocker], now_ms: int) -> tuple[ev.Event, ...] | Refused:
    """What is recorded of going up past these, or why it is not in order."""
    refusal = overrides.form(rollout, command, "; ".join(b.sentence for b in against))
    return refusal or overrides.carried(rollout, command, tuple(b.what for b in against), now_ms)


def _only_asked(noted: tuple[ev.Event, ...]) -> bool:
    """Whether this is a request that waits for a second person."""
    return any(isinstance(event, ev.OverrideProposed) for event in noted)


def _asked_for(rollout: Rollout, command: Act, noted: tuple[ev.Event, ...] | Refused) -> Decision:
    """The refusal, or the request with who must approve it."""
    if isinstance(noted, Refused):
        return noted
    target = overrides.target_of(rollout, command.verb)
    message = (
        f"asked for, not done: an override to {target} needs a second admin within "
        f"{format_duration(overrides.REQUEST_LASTS_MS)}: rollout approve {rollout.name}"
    )
    return Accepted(noted, message)


def _beyond_override(rollout: Rollout, pic: Picture, now_ms: int) -> list[Blocker]:
    """What nobody may pass by: the champion's health, the router's agreement, policy."""
    peoples = (BlockerKind.APPROVAL, BlockerKind.HELD, BlockerKind.STAFFED)  # who acts is there
    found = blockers(rollout, pic, now_ms)
    return [b for b in found if b.kind not in OVERRIDABLE and b.kind not in peoples]


def _cannot_go_up(rollout: Rollout, blocker: Blocker) -> Refused:
    message = f"{rollout.name} cannot go up: {blocker.sentence}."
    how = _WAYS_ON.get(blocker.what, "Mend it first: rollout doctor")
    return Refused(RefusalCode.GATE, message, f"This cannot be overridden. {how}")


def _let_go(rollout: Rollout, why: str) -> tuple[ev.Event, ...]:
    """A held rollout is resumed by its promotion, an asking one answered."""
    if rollout.phase is Phase.HELD:
        return (ev.RolloutResumed(why),)
    if rollout.phase is Phase.ASKING:
        return (ev.StageApproved(why),)
    return ()


def _step_up(rollout: Rollout, why: str) -> tuple[ev.Event, ...]:
    return up(rollout, ev.Basis(ev.BasisKind.PERSON, why))


def _undecided_needs_reason(rollout: Rollout, against: list[Blocker]) -> Refused:
    message = (
        f"{rollout.name} is undecided: {against[0].sentence}. Going up early needs a reason of 10 or more letters."
    )
    return Refused(RefusalCode.GATE, message, f'rollout promote {rollout.name} --reason "..."')


def _approve(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """A second person's yes to an override that is asked for, or a yes to a stage that wants one; no gate is passed."""
    asked = overrides.open_request(rollout, now_ms)
    if asked is not None:
        request = overrides.approval(rollout, command, asked)
        if isinstance(request, Refused):
            return request
        counted = _COUNTED.get(request.verb, OVERRIDABLE)
        now_against = tuple(b.what for b in blockers(rollout, pic, now_ms) if b.kind in counted)
        more = overrides.outgrown(asked, now_against)
        if more:
            message = f"Since {asked.by.name} asked for the override, {more} speaks against it too."
            return Refused(RefusalCode.CONFLICT, message, f"Look again: rollout why {rollout.name}; then ask anew")
        return _VERBS[request.verb](rollout, request, pic, now_ms)
    owed = awaiting_approval(rollout) if rollout.phase is Phase.PREFLIGHT else None
    if owed is not None:
        return _approve_check(rollout, command, owed)
    if rollout.phase not in (Phase.RUNNING, Phase.ASKING, Phase.WATCHING) or not rollout.stage.approval:
        message = f"Stage {rollout.stage.name} asks for no approval, and no override is asked for."
        return Refused(RefusalCode.NOT_NOW, message, f"rollout why {rollout.name}")
    why = command.reason or f"{command.actor.name} approved"
    return Accepted((ev.StageApproved(why),), f"{rollout.stage.name} approved")


def _approve_check(rollout: Rollout, command: Act, owed: Check) -> Decision:
    """A person's yes before any traffic; who asked for the rollout is not the one who says it."""
    if owed.other_person and command.actor.uid == rollout.requested_by.uid:
        message = f"{rollout.requested_by.name} started {rollout.name}; check {owed.name} wants another person's yes."
        return Refused(RefusalCode.GATE, message, f"Ask somebody else for: rollout approve {rollout.name}")
    why = command.reason or f"{command.actor.name} approved"
    return Accepted((CheckFinished(owed.name, True, why),), f"check {owed.name} of {rollout.name} is passed")


def _extend(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    if rollout.phase not in (Phase.RUNNING, Phase.ASKING, Phase.WATCHING) or not rollout.visits:
        return Refused(RefusalCode.NOT_NOW, f"{rollout.name} has no running stage.", f"rollout status {rollout.name}")
    return Accepted((ev.StageExtended(now_ms + rollout.stage.max_time_ms),), f"{rollout.stage.name} has its time again")


def _by_hand(rollout: Rollout, what: str) -> Refused | None:
    """Why there is nothing to adopt or to re-apply: nobody's hand has lowered the share. None where one has."""
    if rollout.phase is Phase.HELD and rollout.hold is not None and rollout.hold.cause is ev.HoldCause.DRIFT:
        return None
    message = f"Nobody's hand has lowered the share of {rollout.name}; there is nothing to {what}."
    return Refused(RefusalCode.NOT_NOW, message, f"rollout why {rollout.name}")


def _reapply(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """Our share again in place of the lower one that somebody set by hand, and on from there: a resume of DRIFT."""
    return _by_hand(rollout, "re-apply") or _resume(rollout, command, pic, now_ms)


def _adopt_share(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    """Keep the lower share that somebody set by hand: the question is answered, the rollout stays paused there."""
    nothing = _by_hand(rollout, "adopt")
    if nothing is not None:
        return nothing
    why = command.reason or f"{command.actor.name} keeps the share that was set by hand"
    said = f"{rollout.name} stays at {rollout.traffic.wanted}, paused; resume would go to {rollout.stage.share}"
    return Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, why),), said)


def _isolate(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    found = isolating.isolate(rollout, command)
    return found if isinstance(found, Refused) else Accepted(*found)


def _put_back(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    hard = [b for b in _beyond_override(rollout, pic, now_ms) if b.kind is not BlockerKind.ISOLATED]
    found = isolating.put_back(rollout, command, now_ms, hard[0].sentence if hard else "")
    return found if isinstance(found, Refused) else Accepted(*found)


def _adopt_plan(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    found = adopting.adopt(rollout, command)
    return found if isinstance(found, Refused) else Accepted(*found)


def _not_ended(rollout: Rollout, command: Act, pic: Picture, now_ms: int) -> Decision:
    message = f"{rollout.name} has not ended; {command.verb.value} is for what has."
    return Refused(RefusalCode.NOT_NOW, message, f"To give all traffic back: rollout abort {rollout.name}")


_WAYS_ON = {
    "hold": "Ask whoever holds it: rollout hold --release",
    "freeze": "Wait for its end; the windows are [policy.freeze] of the configuration",
}
_AGAINST_RESUMING = frozenset({BlockerKind.GATE_FAIL, BlockerKind.GATE_BLIND})
_COUNTED = {
    Verb.RESUME: _AGAINST_RESUMING,
    Verb.REAPPLY: _AGAINST_RESUMING,
    Verb.PUTBACK: frozenset[BlockerKind](),
}
_NEEDS_REVISION = frozenset({Verb.RESUME, Verb.REAPPLY, Verb.PROMOTE, Verb.APPROVE, Verb.PUTBACK, Verb.ADOPT_PLAN})

_VERBS: dict[Verb, Callable[[Rollout, Act, Picture, int], Decision]] = {
    Verb.ABORT: _abort,
    Verb.DECLINE: _abort,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.REAPPLY: _reapply,
    Verb.PROMOTE: _promote,
    Verb.APPROVE: _approve,
    Verb.EXTEND: _extend,
    Verb.ADOPT_SHARE: _adopt_share,
    Verb.REOPEN: _not_ended,
    Verb.ROLLBACK: _not_ended,
    Verb.ISOLATE: _isolate,
    Verb.PUTBACK: _put_back,
    Verb.ADOPT_PLAN: _adopt_plan,
}
