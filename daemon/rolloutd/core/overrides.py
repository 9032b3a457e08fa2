"""Going up against the evidence: its form, when a second person is needed, which request is open. Pure.

An override never disarms a trigger and stays visible for ever. From the share that the plan names on (half of the
traffic, unless the policy is stricter with this kind of change) one admin only asks for it; another one approves within
ten minutes, on the same stage, or it is void.
"""

from __future__ import annotations

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.state import Overridden, Rollout
from rolloutd.core.values import FULL, Role, Share

REQUEST_LASTS_MS = 600_000
REASON_LENGTH_MIN = 10
_SEGMENT = "segment:"


def form(rollout: Rollout, command: Act, against: str) -> Refused | None:
    """Why this override is not in order, or None: its own flag, role admin, the name typed out, a reason."""
    whom = f" {command.segment}" if command.segment else ""
    how = f'rollout {command.verb.value} {rollout.name}{whom} --override --confirm {rollout.name} --reason "..."'
    if not command.actor.role.covers(Role.ADMIN):
        message = (
            f"{rollout.name} is refused by: {against}. Overriding needs role admin; you are {command.actor.role.value}."
        )
        return Refused(RefusalCode.NOT_PERMITTED if command.override else RefusalCode.GATE, message, how, Role.ADMIN)
    if not command.override:
        return Refused(RefusalCode.GATE, f"{rollout.name} is refused by: {against}.", how, Role.ADMIN)
    if command.confirm != rollout.name or len(command.reason) < REASON_LENGTH_MIN:
        message = "An override needs the rollout's name typed out and a reason of 10 or more letters."
        return Refused(RefusalCode.GATE, message, how, Role.ADMIN)
    return None


def target_of(rollout: Rollout, verb: Verb) -> Share:
    """The share that this verb leads to: the next stage's, all of it from the last one, or the stage's own."""
    if verb in (Verb.RESUME, Verb.REAPPLY, Verb.PUTBACK):
        return rollout.stage.share
    stages = rollout.spec.plan.stages
    return FULL if rollout.on_last_stage else stages[rollout.stage_index + 1].share


def of_segment(segment: str) -> str:
    """What an override for this segment's return is noted as being against."""
    return f"{_SEGMENT}{segment}"


def open_request(rollout: Rollout, now_ms: int) -> Overridden | None:
    """The newest request for an override that another person may approve now."""
    visit = rollout.visit
    for note in reversed(rollout.overrides):
        if not note.proposed_only:
            return None  # the last word was an override; what was asked before it is settled
        if visit is None or note.at.clock_ms < visit.entered_at.clock_ms:
            return None
        return note if now_ms - note.at.clock_ms <= REQUEST_LASTS_MS else None
    return None


def carried(rollout: Rollout, command: Act, gates: tuple[str, ...], now_ms: int) -> tuple[ev.Event, ...]:
    """The event of an override in good form: the override itself, or the request for it while one person is not enough.

    Who carries out somebody else's request is its second person, for what stood against it then and for nothing more.
    """
    plan = rollout.spec.plan
    if not plan.second_person or target_of(rollout, command.verb) < plan.second_person_from:
        return (ev.GateOverridden(gates, command.reason),)
    asked = open_request(rollout, now_ms)
    theirs = asked is not None and asked.by.uid != command.actor.uid and asked.verb == command.verb.value
    if asked is None or not theirs or outgrown(asked, gates):
        return (ev.OverrideProposed(gates, command.reason, command.verb.value),)
    return (ev.GateOverridden(gates, asked.reason, asked.by.name),)


def approval(rollout: Rollout, command: Act, asked: Overridden) -> Act | Refused:
    """The act that approving this open request means, or why it may not be approved."""
    if not command.actor.role.covers(Role.ADMIN):
        message = f"{asked.by.name} asks for an override; only another admin approves it, you are {command.actor.role}."
        return Refused(RefusalCode.NOT_PERMITTED, message, f"rollout why {rollout.name}", Role.ADMIN)
    if asked.by.uid == command.actor.uid:
        least = rollout.spec.plan.second_person_from
        message = f"This is your own request; an override to {least} or more needs a second person, who approves it."
        return Refused(RefusalCode.NOT_PERMITTED, message, "Ask another admin.", Role.ADMIN)
    about = next((gate.removeprefix(_SEGMENT) for gate in asked.gates if gate.startswith(_SEGMENT)), "")
    return Act(
        Verb(asked.verb),
        command.actor,
        command.revision,
        asked.reason,
        override=True,
        confirm=rollout.name,
        segment=about,
    )


def outgrown(asked: Overridden, gates: tuple[str, ...]) -> str:
    """What speaks against going up now and did not when the request was made; empty when nothing does."""
    return ", ".join(gate for gate in gates if gate not in asked.gates)
