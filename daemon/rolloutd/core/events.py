"""Every fact that can enter the journal. The counterpart of commands (what may be asked) and effects (what is done).

Events are frozen, in the past tense, and only ever gain fields with a default. What is not an event did not happen:
state is a fold over them. Time, actor and epoch are the envelope's (``Recorded``), not each event's.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.grounds import Basis, BasisKind, HoldCause, Outcome, Question, RecedeCause
from rolloutd.core.outside_events import CheckFinished, ConfigurationRead, ProposalClosed, RegistryTold, VersionProposed
from rolloutd.core.plan import Spec
from rolloutd.core.values import Actor, Instant, Share, Slot

__all__ = ["Basis", "BasisKind", "HoldCause", "Outcome", "Question", "RecedeCause"]  # with all that stands here


@dataclass(frozen=True, slots=True)
class RolloutRequested:
    """Somebody asked for this rollout; its checks come first, no traffic moves yet.

    ``rule`` says by which forecast its first share was found large enough, or made so; empty where none was made.
    """

    spec: Spec
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PreflightPassed:
    """All checks before traffic held. The route's base slot serves the champion.

    ``artefact`` is the digest of what the challenger's server serves, empty where it does not say.
    """

    champion_slot: Slot
    engine_instance: str
    artefact: str = ""


@dataclass(frozen=True, slots=True)
class PreflightFailed:
    """A check before traffic did not hold; the rollout never got traffic."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageEntered:
    """The rollout is on this stage now; the share that belongs to it is wanted by an event of its own."""

    index: int


@dataclass(frozen=True, slots=True)
class TrafficWanted:
    """The intent to give the challenger this share. It is durable before the router hears of it."""

    share: Share
    previous: Share
    basis: Basis


@dataclass(frozen=True, slots=True)
class TrafficConfirmed:
    """The router itself showed the wanted share when read back."""

    share: Share
    engine_instance: str
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class TrafficNotObeyed:
    """The router shows another share than the wanted one after more than two ticks of asking."""

    wanted: Share
    observed: Share | None
    detail: str


@dataclass(frozen=True, slots=True)
class MirrorWanted:
    """The intent to copy this part of the requests to the challenger. It is durable before the router hears of it."""

    share: Share
    previous: Share
    basis: Basis


@dataclass(frozen=True, slots=True)
class MirrorConfirmed:
    """The router itself showed the wanted mirror when read back."""

    share: Share
    engine_instance: str
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class VerdictReached:
    """A gate came to speak: it reached a line, or lost its sight, or got it back."""

    metric: str
    verdict: str
    log_e_harm: float
    log_e_safe: float
    detail: str
    evidence_digest: str = ""


@dataclass(frozen=True, slots=True)
class BlindnessBegan:
    """A gate had no usable data for longer than blind_hold; nothing advances while this lasts."""

    metric: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class BlindnessEnded:
    """The gate has usable data again."""

    metric: str


@dataclass(frozen=True, slots=True)
class RolloutHeld:
    """The rollout stands still on its share until a person resumes it."""

    cause: HoldCause
    reason: str


@dataclass(frozen=True, slots=True)
class RolloutResumed:
    """A person let the rollout go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """The rollout waits for a person's answer."""

    question: Question
    detail: str


@dataclass(frozen=True, slots=True)
class StageExtended:
    """The stage got its maximum time once more."""

    until_clock_ms: int


@dataclass(frozen=True, slots=True)
class StageApproved:
    """A person approved going up from this stage."""

    reason: str


@dataclass(frozen=True, slots=True)
class GateOverridden:
    """A person went up although this gate said no, had no data, or had not had its time. It stays visible for ever.

    ``asked_by`` is who asked for it first, where two people were needed.
    """

    gates: tuple[str, ...]
    reason: str
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class OverrideProposed:
    """A first person wants to go up past gates; a second one must approve it within ten minutes."""

    gates: tuple[str, ...]
    reason: str
    verb: str = "promote"


@dataclass(frozen=True, slots=True)
class RecedeStarted:
    """The rollout goes back: the champion gets all traffic."""

    cause: RecedeCause
    reason: str
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class DriftSeen:
    """Somebody changed the share outside of this system. Upward is put back; downward is kept and asked about."""

    recorded: Share
    observed: Share


@dataclass(frozen=True, slots=True)
class LeaseLapsed:
    """The lease ran out while nobody renewed it; the router gave the traffic back to the champion by itself."""

    recorded: Share
    observed: Share


@dataclass(frozen=True, slots=True)
class RouterRestarted:
    """The engine is a new instance and forgot the share; it is asked for again."""

    observed: Share
    engine_instance: str


@dataclass(frozen=True, slots=True)
class WindowRestarted:
    """Something gave reason to doubt; nothing goes up by itself until a full window was observed from here."""

    reason: str


@dataclass(frozen=True, slots=True)
class FinishStarted:
    """The watch is over: the challenger's slot becomes the base, then the override goes."""

    basis: Basis


@dataclass(frozen=True, slots=True)
class BaseConfirmed:
    """The router showed this slot as its base, and the slot's own server said which version it serves."""

    slot: Slot
    version: str | None


@dataclass(frozen=True, slots=True)
class EvidenceSealed:
    """The digest of all evidence up to this tick, so that the unchained evidence file cannot change unseen."""

    tick: int
    digest: str


@dataclass(frozen=True, slots=True)
class SegmentIsolated:
    """The intent to keep one segment's users on the champion, whatever the share. No lapse and no restart ends it."""

    segment: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class SegmentPutBack:
    """The intent to let an isolated segment have the rollout's share again. It is a person's."""

    segment: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class IsolationConfirmed:
    """The router itself showed that it keeps exactly these segments off the challenger."""

    segments: tuple[str, ...]
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class RolloutClaimed:
    """Somebody is looking at this (or, with ``released``, no longer)."""

    released: bool = False


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """Somebody asked for something and was refused. It changes nothing and is kept for the audit."""

    verb: str
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class RolloutEnded:
    """The end. Nothing follows but claims, refusals, and what a person takes up again (revival.py)."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class RolloutReopened:
    """A person took up again what a person had aborted: checks, then the first stage, safe evidence fresh."""

    reason: str


@dataclass(frozen=True, slots=True)
class PlanAdopted:
    """A person changed what is still to come of the running plan; ``spec`` is the whole of it from here on."""

    spec: Spec
    reason: str


@dataclass(frozen=True, slots=True)
class FleetHeld:
    """A person froze the whole fleet: no rollout goes up while this lasts. It stands in the fleet's own stream."""

    reason: str


@dataclass(frozen=True, slots=True)
class FleetReleased:
    """The hold of this person ended; others' holds go on."""

    holder: str
    holder_uid: int | None
    reason: str


Event = (
    RolloutRequested
    | PreflightPassed
    | PreflightFailed
    | CheckFinished
    | RegistryTold
    | StageEntered
    | TrafficWanted
    | TrafficConfirmed
    | TrafficNotObeyed
    | MirrorWanted
    | MirrorConfirmed
    | VerdictReached
    | BlindnessBegan
    | BlindnessEnded
    | RolloutHeld
    | RolloutResumed
    | PersonAsked
    | StageExtended
    | StageApproved
    | GateOverridden
    | OverrideProposed
    | RecedeStarted
    | DriftSeen
    | LeaseLapsed
    | RouterRestarted
    | WindowRestarted
    | FinishStarted
    | BaseConfirmed
    | EvidenceSealed
    | SegmentIsolated
    | SegmentPutBack
    | IsolationConfirmed
    | RolloutClaimed
    | CommandRefused
    | RolloutEnded
    | RolloutReopened
    | PlanAdopted
    | FleetHeld
    | FleetReleased
    | ConfigurationRead
    | VersionProposed
    | ProposalClosed
)

EVENT_TYPES: dict[str, type] = {cls.__name__: cls for cls in Event.__args__}
"""Every event by the name it has in the journal."""
ON_EVIDENCE = (VerdictReached, StageEntered, RecedeStarted, FinishStarted, SegmentIsolated, SegmentPutBack)
"""What rests on evidence: its digest is recorded first."""
FLEET_STREAM = "@fleet"
"""The stream of what concerns no single rollout; no rollout can have this name."""
FLEET_EVENTS = frozenset({"FleetHeld", "FleetReleased", "ConfigurationRead", "VersionProposed", "ProposalClosed"})
"""The events that stand only there."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its envelope, as the journal gives it back. ``version`` counts within the rollout, from 1."""

    seq: int
    stream: str
    version: int
    at: Instant
    actor: Actor
    epoch: int
    event: Event
