"""THE table of verbs: socket, right, risk, key and help of everything a person or script can ask for.

The server's routes, the command line, the terminal's keys, the help and the permission tests are all made from it.
It depends on nothing, so that every client can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

API_VERSION = "1.0"
"""Clients and daemon of one major version understand each other's actions."""


class Socket(StrEnum):
    """Which socket carries a verb. The view socket has no mutating verb."""

    CONTROL = "control"
    VIEW = "view"
    LOCAL = "local"


class Risk(StrEnum):
    """What a verb can do to exposure."""

    LOWERS = "lowers"
    FREEZES = "freezes"
    RAISES = "raises"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class VerbRow:
    """One verb. ``revision`` says whether it must name the revision it was decided on. ``built`` is honest."""

    verb: str
    socket: Socket
    role: str
    risk: Risk
    revision: bool
    key: str
    help: str
    built: bool = True
    on_rollout: bool = True


def _act(verb: str, risk: Risk, key: str, text: str, role: str = "operator", built: bool = True) -> VerbRow:
    """A verb that acts on one rollout. Only what raises exposure must name a revision."""
    return VerbRow(verb, Socket.CONTROL, role, risk, risk is Risk.RAISES, key, text, built)


def _look(verb: str, text: str, key: str = "", built: bool = True, on_rollout: bool = True) -> VerbRow:
    """A verb that only reads."""
    return VerbRow(verb, Socket.VIEW, "viewer", Risk.NONE, False, key, text, built, on_rollout)


def _here(verb: str, text: str) -> VerbRow:
    """A verb that calculates in the command itself: it needs no daemon and nobody's leave."""
    return VerbRow(verb, Socket.LOCAL, "nobody", Risk.NONE, False, "", text, on_rollout=False)


VERBS: tuple[VerbRow, ...] = (
    VerbRow("start", Socket.CONTROL, "operator", Risk.RAISES, False, "n", "start a rollout", True, False),
    _act("abort", Risk.LOWERS, "a", "stop and give all traffic back to the champion"),
    _act("pause", Risk.FREEZES, "p", "freeze on the present share; triggers stay armed"),
    _act("resume", Risk.RAISES, "r", "let the schedule go on"),
    _act("promote", Risk.RAISES, "m", "go up to the next stage now"),
    _act("approve", Risk.RAISES, "", "approve going up from this stage"),
    _act("decline", Risk.LOWERS, "", "decline going up; the rollout goes back"),
    _act("extend", Risk.FREEZES, "", "give the stage its maximum time once more"),
    _act("isolate", Risk.LOWERS, "i", "take one segment off the challenger"),
    _act("putback", Risk.RAISES, "o", "let an isolated segment in again"),
    _act("claim", Risk.NONE, "c", "say that you are looking at this", role="viewer"),
    VerbRow(
        "hold",
        Socket.CONTROL,
        "operator",
        Risk.FREEZES,
        False,
        "H",
        "freeze the whole fleet: nothing goes up",
        True,
        False,
    ),
    VerbRow(
        "release",
        Socket.CONTROL,
        "operator",
        Risk.RAISES,
        False,
        "",
        "end a hold of the fleet; others' only for an admin",
        True,
        False,
    ),
    _act("rollback", Risk.LOWERS, "b", "make the previous version champion again"),
    _act("reopen", Risk.RAISES, "u", "reopen an aborted rollout at stage 1"),
    _act("reapply", Risk.RAISES, "f", "our share again after somebody lowered it by hand (DRIFT)"),
    _act("adopt-share", Risk.LOWERS, "", "keep the share that somebody set by hand"),
    _act("adopt-plan", Risk.RAISES, "", "change the stages to come of a running plan", role="admin"),
    VerbRow("reload", Socket.CONTROL, "admin", Risk.NONE, False, "", "read the configuration again", True, False),
    _look("list", "all rollouts, most urgent first", on_rollout=False),
    _look("status", "one rollout now"),
    _look("watch", "one line per change until the end"),
    _look("wait", "silent watch for pipelines"),
    _look("why", "the decision in words", "w"),
    _look("timeline", "who did what, when and why"),
    _look("report", "one page about a rollout", "e"),
    _look("stats", "success measures of all rollouts", on_rollout=False),
    _look("evidence", "what a rollout's record evidences of a framework"),
    _here("plan", "check a plan before it runs, or recommend a strategy"),
    _here("simulate", "what a plan would do on made-up traffic"),
    _look("replay", "what a plan would have done on recorded metrics"),
    _here("analyze", "judge counts given by hand"),
    _here("forecast", "samples and time to a verdict"),
    _look("doctor", "check daemon, routers, sources and rights", on_rollout=False),
    VerbRow("audit", Socket.VIEW, "viewer", Risk.NONE, False, "", "verify the journal's chain", True, False),
)

BY_NAME: dict[str, VerbRow] = {row.verb: row for row in VERBS}


def nearest(word: str, known: list[str]) -> str | None:
    """The known word most like ``word``, or None when nothing is alike."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return close[0] if close else None
