"""What a command waits for: that the router shows what it asked, or that it is known that it will not. Pure."""

from __future__ import annotations

from rolloutd.core.commands import Verb
from rolloutd.core.overrides import open_request
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Actor

_BACK = (Phase.RECEDING, Phase.ABORTED, Phase.ROLLED_BACK, Phase.REFUSED)
_LOWERS = (Verb.ABORT, Verb.DECLINE, Verb.ROLLBACK)
_SEGMENTS = (Verb.ISOLATE, Verb.PUTBACK)
_OVERRIDES = (Verb.PROMOTE, Verb.RESUME, Verb.REAPPLY)
_GOES_ON = (Verb.PROMOTE, Verb.RESUME, Verb.REAPPLY, Verb.APPROVE, Verb.EXTEND)


def confirmed(rollout: Rollout, verb: Verb | None) -> bool:
    """Whether the router has shown what the verb (None: start) asked for."""
    if verb in _LOWERS:
        return not rollout.live or (rollout.phase is Phase.HELD and rollout.traffic.confirmed == ZERO)
    begins = verb is None or verb is Verb.REOPEN
    if (begins or verb in _GOES_ON) and rollout.phase in _BACK:
        return False  # zero is settled too, but it is not what was asked for
    if verb in _SEGMENTS:
        return rollout.isolation_asked_ms is None or not rollout.live
    started = rollout.traffic.wanted > ZERO or not rollout.live or not begins
    return started and rollout.traffic.settled and rollout.phase is not Phase.FINISHING


def known(rollout: Rollout, verb: Verb | None) -> bool:
    """Whether there is nothing left to wait for: it is confirmed, or the rollout goes back instead."""
    return confirmed(rollout, verb) or (verb not in (*_LOWERS, Verb.ISOLATE) and rollout.phase in _BACK)


def waits_for_person(rollout: Rollout, verb: Verb | None, actor: Actor, now_ms: int) -> bool:
    """Whether the command was only a request that somebody else must approve."""
    asked = open_request(rollout, now_ms) if verb in _OVERRIDES else None
    return asked is not None and asked.by.uid == actor.uid
