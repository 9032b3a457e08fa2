"""What a person or a script may ask. The counterpart of events (what happened).

A command is a request, not a fact: ``decide`` turns it into events or refuses it with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rolloutd.core.plan import Spec
from rolloutd.core.values import Actor, Role


class Verb(StrEnum):
    """The verbs of one rollout that go through ``decide``."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    APPROVE = "approve"
    DECLINE = "decline"
    EXTEND = "extend"
    CLAIM = "claim"
    REAPPLY = "reapply"
    ADOPT_SHARE = "adopt-share"
    REOPEN = "reopen"
    ROLLBACK = "rollback"
    ISOLATE = "isolate"
    PUTBACK = "putback"
    ADOPT_PLAN = "adopt-plan"


@dataclass(frozen=True, slots=True)
class Start:
    """Start a rollout by this spec. ``rule`` is the forecast's word on its first share, for the record."""

    spec: Spec
    actor: Actor
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """One verb on a live rollout.

    ``revision`` is the version the person was looking at; verbs that raise exposure need it, lowering ones ignore it.
    ``segment`` is whom isolate and putback are about, ``spec`` what adopt-plan shall go on by.
    """

    verb: Verb
    actor: Actor
    revision: int | None = None
    reason: str = ""
    override: bool = False
    confirm: str = ""
    segment: str = ""
    spec: Spec | None = None


class RefusalCode(StrEnum):
    """Why a command was refused; each has its exit code."""

    GATE = "gate"
    NOT_PERMITTED = "not-permitted"
    CONFLICT = "conflict"
    NOT_NOW = "not-now"
    NOT_FOUND = "not-found"
    BAD_INPUT = "bad-input"
    NOT_BUILT = "not-built"


EXIT_OF: dict[RefusalCode, int] = {
    RefusalCode.GATE: 6,
    RefusalCode.NOT_PERMITTED: 7,
    RefusalCode.CONFLICT: 8,
    RefusalCode.NOT_NOW: 6,
    RefusalCode.NOT_FOUND: 9,
    RefusalCode.BAD_INPUT: 2,
    RefusalCode.NOT_BUILT: 1,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that was not carried out: what happened, and what to do next. Traffic is told by whoever answers."""

    code: RefusalCode
    message: str
    next_step: str
    needs: Role | None = None
