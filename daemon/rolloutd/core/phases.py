"""THE table of phases: which event leads from which phase to which. Everything that moves a rollout lives in this file.

There are two kinds of transition. By event: ``TABLE[phase][event]``; an event that is not in a phase's row is illegal
there. By joint condition: ``JOINT``, tried after every event until nothing changes, for what follows from two facts at
once (the last stage's share is confirmed, so this is the watch now).

Three laws stand above the table and are checked whenever an event is about to be recorded:
abort is legal in every live phase; exposure grows only by an event that names the verdict or the person it rests on;
nothing is called confirmed that is not what was wanted.
"""

from __future__ import annotations

from enum import StrEnum

from rolloutd.core.events import Event, Outcome, RolloutEnded


class Phase(StrEnum):
    """Where a rollout is. The last four are ends."""

    PREFLIGHT = "preflight"
    RUNNING = "running"
    HELD = "held"
    ASKING = "asking"
    WATCHING = "watching"
    FINISHING = "finishing"
    RECEDING = "receding"
    DONE = "done"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


ENDS = frozenset({Phase.DONE, Phase.ABORTED, Phase.ROLLED_BACK, Phase.REFUSED})
LIVE = frozenset(Phase) - ENDS

# What can happen in any live phase without leaving it.
_FACTS = (
    "TrafficWanted",
    "TrafficConfirmed",
    "TrafficNotObeyed",
    "MirrorWanted",
    "MirrorConfirmed",
    "VerdictReached",
    "BlindnessBegan",
    "BlindnessEnded",
    "DriftSeen",
    "LeaseLapsed",
    "RouterRestarted",
    "WindowRestarted",
    "EvidenceSealed",
    "GateOverridden",
    "OverrideProposed",
    "RolloutClaimed",
    "CommandRefused",
    "BaseConfirmed",
    "SegmentIsolated",
    "SegmentPutBack",
    "IsolationConfirmed",
)
# What may still be written about a rollout that has ended.
_AFTERWARDS = ("RolloutClaimed", "CommandRefused", "RegistryTold")


def _row(phase: Phase, **moves: Phase) -> dict[str, Phase]:
    """One live phase: the facts that leave it where it is, and the moves that do not."""
    return {**dict.fromkeys(_FACTS, phase), **moves}


TABLE: dict[Phase, dict[str, Phase]] = {
    Phase.PREFLIGHT: _row(
        Phase.PREFLIGHT,
        PreflightPassed=Phase.RUNNING,
        PreflightFailed=Phase.PREFLIGHT,
        CheckFinished=Phase.PREFLIGHT,
        RolloutHeld=Phase.HELD,
        RecedeStarted=Phase.RECEDING,
        RolloutEnded_refused=Phase.REFUSED,
    ),
    Phase.RUNNING: _row(
        Phase.RUNNING,
        StageEntered=Phase.RUNNING,
        StageApproved=Phase.RUNNING,
        StageExtended=Phase.RUNNING,
        PlanAdopted=Phase.RUNNING,
        RolloutHeld=Phase.HELD,
        PersonAsked=Phase.ASKING,
        RecedeStarted=Phase.RECEDING,
    ),
    Phase.HELD: _row(
        Phase.HELD,
        PlanAdopted=Phase.HELD,
        RolloutHeld=Phase.HELD,
        RolloutResumed=Phase.RUNNING,
        StageEntered=Phase.HELD,
        RecedeStarted=Phase.RECEDING,
    ),
    Phase.ASKING: _row(
        Phase.ASKING,
        StageApproved=Phase.RUNNING,
        StageExtended=Phase.RUNNING,
        StageEntered=Phase.RUNNING,
        PlanAdopted=Phase.RUNNING,
        RolloutHeld=Phase.HELD,
        RecedeStarted=Phase.RECEDING,
    ),
    Phase.WATCHING: _row(
        Phase.WATCHING,
        StageApproved=Phase.WATCHING,
        StageExtended=Phase.WATCHING,
        FinishStarted=Phase.FINISHING,
        PlanAdopted=Phase.WATCHING,
        RolloutHeld=Phase.HELD,
        PersonAsked=Phase.ASKING,
        RecedeStarted=Phase.RECEDING,
    ),
    Phase.FINISHING: _row(
        Phase.FINISHING,
        RecedeStarted=Phase.RECEDING,
        RolloutEnded_done=Phase.DONE,
    ),
    Phase.RECEDING: _row(
        Phase.RECEDING,
        RecedeStarted=Phase.RECEDING,
        RolloutHeld=Phase.HELD,
        RolloutEnded_aborted=Phase.ABORTED,
        RolloutEnded_rolled_back=Phase.ROLLED_BACK,
    ),
    Phase.DONE: {**dict.fromkeys(_AFTERWARDS, Phase.DONE), "RecedeStarted": Phase.RECEDING},
    Phase.ABORTED: {**dict.fromkeys(_AFTERWARDS, Phase.ABORTED), "RolloutReopened": Phase.PREFLIGHT},
    Phase.ROLLED_BACK: dict.fromkeys(_AFTERWARDS, Phase.ROLLED_BACK),
    Phase.REFUSED: dict.fromkeys(_AFTERWARDS, Phase.REFUSED),
}

# (phase, condition) -> phase, tried until nothing changes. The conditions are computed in state.py from the fold.
JOINT: dict[tuple[Phase, str], Phase] = {
    (Phase.RUNNING, "preflight_missing"): Phase.PREFLIGHT,
    (Phase.RUNNING, "last_share_confirmed"): Phase.WATCHING,
}


class IllegalEvent(ValueError):
    """An event that this phase has no place for: a mistake in our own code, never a caller's."""

    def __init__(self, phase: Phase, event_name: str) -> None:
        super().__init__(f"{event_name} cannot happen while a rollout is {phase.value}.")
        self.phase = phase
        self.event_name = event_name


def key_of(event: Event) -> str:
    """The event's column in the table: its name, and for an end its outcome too."""
    name = type(event).__name__
    return f"{name}_{event.outcome.value}" if isinstance(event, RolloutEnded) else name


def step(phase: Phase, event: Event) -> Phase:
    """The phase after this event, before joint conditions. Raises IllegalEvent when the row has no place for it."""
    key = key_of(event)
    try:
        return TABLE[phase][key]
    except KeyError:
        raise IllegalEvent(phase, key) from None


def settle(phase: Phase, conditions: frozenset[str]) -> Phase:
    """Follow joint conditions from ``phase`` to a fixed point."""
    for _ in JOINT:
        moves = [JOINT[phase, name] for name in conditions if (phase, name) in JOINT]
        phase = moves[0] if moves else phase
    return phase


def columns() -> tuple[str, ...]:
    """Every column the table can have: each event, and RolloutEnded once for each outcome."""
    from rolloutd.core.events import EVENT_TYPES, FLEET_EVENTS

    elsewhere = {"RolloutEnded", "RolloutRequested", *FLEET_EVENTS}
    plain = tuple(name for name in EVENT_TYPES if name not in elsewhere)
    return plain + tuple(f"RolloutEnded_{outcome.value}" for outcome in Outcome)


def diagram() -> str:
    """The table as a Mermaid state diagram; the manual's picture is this text, so it cannot lie."""
    lines = ["stateDiagram-v2", "    [*] --> preflight: RolloutRequested"]
    for phase, row in TABLE.items():
        for event, target in row.items():
            if target is not phase:
                lines.append(f"    {phase.value} --> {target.value}: {event}")
    for (phase, condition), target in JOINT.items():
        lines.append(f"    {phase.value} --> {target.value}: [{condition}]")
    lines.extend(f"    {phase.value} --> [*]" for phase in Phase if phase in ENDS)
    return "\n".join(lines)
