"""A decision as text beside its command's id, so that a repeated command gets the first answer. Nothing is decided."""

from __future__ import annotations

import json
from hashlib import blake2b

from rolloutd.core.commands import Act, RefusalCode, Refused
from rolloutd.core.decide import Accepted
from rolloutd.core.values import Actor
from rolloutd.journal import CommandKey


def to_text(decision: Accepted | Refused) -> str:
    """What is kept of a decision."""
    if isinstance(decision, Accepted):
        return json.dumps({"accepted": True, "message": decision.message}, sort_keys=True)
    return json.dumps(
        {
            "accepted": False,
            "code": decision.code.value,
            "message": decision.message,
            "next_step": decision.next_step,
        },
        sort_keys=True,
    )


def from_text(text: str) -> Accepted | Refused:
    """The decision again; its events were recorded the first time and are not repeated."""
    kept = json.loads(text)
    if kept["accepted"]:
        return Accepted((), kept["message"])
    return Refused(RefusalCode(kept["code"]), kept["message"], kept["next_step"])


def key_of(command_id: str, actor: Actor, *parts: object) -> CommandKey:
    """The key under which a command's outcome is kept: the same id with other content is another command."""
    content = json.dumps([str(part) for part in parts], sort_keys=True).encode()
    return CommandKey(command_id, actor.uid, blake2b(content, digest_size=16).hexdigest())


def key_of_act(command_id: str, name: str, act: Act) -> CommandKey:
    """The key of a verb on a rollout. Segment and plan count where there is one: older keys stay as they were."""
    content = (name, act.verb, act.revision, act.reason, act.override, act.confirm)
    more = (*((act.segment,) if act.segment else ()), *((act.spec,) if act.spec is not None else ()))
    return key_of(command_id, act.actor, *content, *more)


def other_content() -> Refused:
    """The answer when an id is used again for something else."""
    return Refused(
        RefusalCode.CONFLICT,
        "This Idempotency-Key was used before for another command.",
        "Use a new id for a new command.",
    )
