"""Why things happen to a rollout: the grounds, causes, questions and ends that events name. Words only, no facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BasisKind(StrEnum):
    """What a wanted share rests on. Exposure grows only by the first two."""

    VERDICT = "verdict"
    PERSON = "person"
    HARM = "harm"
    BLINDNESS = "blindness"
    ROUTER = "router"
    LIMIT = "undecided"


GROUNDS_FOR_MORE = frozenset({BasisKind.VERDICT, BasisKind.PERSON})
"""What a share, or a mirror, may grow on."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Why a share is wanted: the kind of ground, a sentence, and the digest of the evidence it was decided on."""

    kind: BasisKind
    why: str
    evidence_digest: str = ""


class HoldCause(StrEnum):
    """Why a rollout stands still until somebody or something lets it go on."""

    PERSON = "person"
    POLICY = "policy"
    GATE = "gate"
    BLINDNESS = "blindness"
    LAPSE = "lapse"
    DRIFT = "drift"
    CHAMPION = "champion"
    RATIO = "ratio"


class RecedeCause(StrEnum):
    """Why a rollout goes back; it decides where receding ends."""

    PERSON = "person"
    HARM = "harm"
    BLINDNESS = "blindness"
    UNDECIDED = "undecided"
    ROLLBACK = "rollback"


class Outcome(StrEnum):
    """How a rollout ended."""

    DONE = "done"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


class Question(StrEnum):
    """What a person is asked."""

    UNDECIDED = "undecided"
    APPROVAL = "approval"
