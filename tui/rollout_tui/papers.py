"""What was read beside the streams (plan, courses, past, record) and how a person looks at it. Frozen values; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

NO_SERIES: Mapping[str, Series] = MappingProxyType({})
TEDIOUS = frozenset({"EvidenceSealed"})
"""What is on record for auditors and tells a person nothing."""
_MOVES = frozenset(
    {
        "RolloutRequested", "StageEntered", "TrafficWanted", "TrafficNotObeyed", "VerdictReached", "BlindnessBegan",
        "RolloutHeld", "RolloutResumed", "PersonAsked", "GateOverridden", "RecedeStarted", "DriftSeen", "LeaseLapsed",
        "RouterRestarted", "FinishStarted", "RolloutEnded",
    }
)  # fmt: skip

if TYPE_CHECKING:
    from rolloutd.pictures import Past, Plan, Series
    from rolloutd.wire import Status, Timeline, TimelineEntry
"""Entries that moved something: a share, a stage, or what a person is asked."""


class Range(StrEnum):
    """How far back a chart goes."""

    STAGE = "this stage"
    WHOLE = "whole rollout"
    LAST = "last 15 min"


@dataclass(frozen=True, slots=True)
class Chart:
    """How the charts are looked at: how far back, both versions or their difference, and the first metric shown."""

    range: Range = Range.STAGE
    difference: bool = False
    first: int = 0

    def turned(self) -> Chart:
        """The next range."""
        kinds = list(Range)
        return replace(self, range=kinds[(kinds.index(self.range) + 1) % len(kinds)])


@dataclass(frozen=True, slots=True)
class Replay:
    """The entry of the record that the screen is drawn after, and whether it moves on by itself."""

    seq: int
    playing: bool = False


@dataclass(frozen=True, slots=True)
class Papers:
    """What is known beside the streams. ``past`` belongs to ``replay`` or is not there yet."""

    plan: Plan | None = None
    series: Mapping[str, Series] = field(default_factory=lambda: NO_SERIES)
    chart: Chart = field(default_factory=Chart)
    replay: Replay | None = None
    past: Past | None = None
    timeline: Timeline | None = None


def metrics(status: Status, papers: Papers) -> list[str]:
    """The rollout's metrics: of its gates, or after its end of its plan."""
    if status.gates:
        return [gate.metric for gate in status.gates]
    return [gate.metric for gate in papers.plan.gates] if papers.plan else []


def told(timeline: Timeline | None) -> list[TimelineEntry]:
    """The entries that tell a person something, oldest first."""
    return [] if timeline is None else [entry for entry in timeline.entries if entry.kind not in TEDIOUS]


def moved(entry: TimelineEntry) -> bool:
    """Whether an entry moved something, or is a person's deed."""
    return entry.kind in _MOVES or bool(entry.via)


def step(entries: Sequence[TimelineEntry], replay: Replay | None, way: int, *, only_moves: bool = False) -> Replay:
    """The replay one entry back (-1) or on (1). From the present the first step back leads before the newest entry."""
    last = len(entries) - 1
    at = next((k for k, entry in enumerate(entries) if replay and entry.seq >= replay.seq), last)
    at += way
    while only_moves and 0 < at < last and not moved(entries[at]):
        at += way
    return Replay(entries[max(0, min(last, at))].seq)
