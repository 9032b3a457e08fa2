"""The checkers' own reading of the record: a second, smaller fold, so that two pieces of code must err alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from rolloutd.core import events as ev
from rolloutd.core.values import FULL, ZERO, Share
from rolloutd.story import tell

RAISING = (ev.BasisKind.VERDICT, ev.BasisKind.PERSON)


@dataclass
class Ledger:
    """What is durable, as far as traffic is concerned. Shares are the challenger's, ``off`` who is isolated."""

    version: int = 0
    epoch: int = 0
    wanted: Share = ZERO
    confirmed: Share = ZERO
    off: set[str] = field(default_factory=set)
    ever_off: bool = False
    stage: int = -1
    stage_confirmed_ms: int | None = None
    left_stage: int = -1
    left_confirmed_ms: int | None = None
    checked: bool = False
    finishing: bool = False
    receding: bool = False
    zero_read_back: bool = False
    held: bool = False
    asking: ev.Question | None = None
    base_moved: bool = False
    ended: str = ""
    doubts_ms: list[int] = field(default_factory=list)
    not_obeyed: bool = False

    @property
    def live(self) -> bool:
        """Whether the rollout was requested and has not ended."""
        return self.version > 0 and not self.ended

    @property
    def settled(self) -> bool:
        """Whether what was wanted was also confirmed."""
        return self.wanted == self.confirmed

    @property
    def ceiling(self) -> Share:
        """The most that the router may show now (invariant I1)."""
        if self.ended:
            return FULL if self.ended == "done" else ZERO
        return FULL if self.finishing else self.wanted.join(self.confirmed)

    @property
    def may_show(self) -> frozenset[Share]:
        """The shares at which the router equals the record."""
        if self.ended:
            return frozenset({self.ceiling})
        if self.finishing:
            return frozenset({FULL} if self.base_moved else {FULL, self.wanted})
        return frozenset({self.wanted})

    def take(self, row: ev.Recorded, now_ms: int) -> None:
        """One more durable event, at the true time ``now_ms``."""
        self.version, self.epoch = row.version, row.epoch
        match row.event:
            case ev.PreflightPassed():
                self.checked = True
            case ev.StageEntered(index=index):
                self.left_stage, self.left_confirmed_ms = self.stage, self.stage_confirmed_ms
                self.stage, self.stage_confirmed_ms, self.asking = index, None, None
            case ev.TrafficWanted(share=share):
                self.wanted, self.not_obeyed = share, False
            case ev.TrafficConfirmed(share=share):
                self.confirmed, self.not_obeyed = share, False
                self.zero_read_back = self.receding and self.confirmed == ZERO
                self.stage_confirmed_ms = now_ms if self.stage_confirmed_ms is None else self.stage_confirmed_ms
            case ev.TrafficNotObeyed():
                self.not_obeyed = True
            case ev.RouterRestarted(observed=observed):
                self.confirmed = observed
                self.doubts_ms.append(now_ms)
            case ev.LeaseLapsed() | ev.DriftSeen():
                self._differs(row.event, now_ms)
            case ev.BlindnessEnded():
                self.doubts_ms.append(now_ms)
            case ev.BaseConfirmed():
                self._base(row.event)
            case ev.SegmentIsolated(segment=segment):
                self.off.add(segment)
                self.ever_off = True
            case ev.SegmentPutBack(segment=segment):
                self.off.discard(segment)
            case _:
                self._phase(row.event)

    def _differs(self, event: ev.LeaseLapsed | ev.DriftSeen, now_ms: int) -> None:
        self.doubts_ms.append(now_ms)
        if not event.observed >= event.recorded:  # for somebody; what a hand gave others besides is not wanted
            self.wanted, self.confirmed = event.observed.meet(self.wanted), event.observed

    def _base(self, event: ev.BaseConfirmed) -> None:
        self.base_moved = self.finishing
        if self.base_moved:
            self.wanted = self.confirmed = FULL

    def _phase(self, event: ev.Event) -> None:
        match event:
            case ev.FinishStarted():
                self.finishing = True
            case ev.RecedeStarted():
                self.receding, self.finishing, self.held, self.asking = True, False, False, None
                self.zero_read_back = False
            case ev.RolloutHeld():
                self.held, self.receding, self.asking = True, False, None
            case ev.RolloutResumed():
                self.held = False
            case ev.PersonAsked(question=question):
                self.asking = question
            case ev.StageApproved() | ev.StageExtended():
                self.asking = None
            case ev.RolloutEnded(outcome=outcome):
                self.ended = outcome.value
            case _:
                pass


def words(event: ev.Event) -> str:
    """An event in the trace: its name, and what the timeline would say of it."""
    what, why = tell(event)
    return f"{type(event).__name__}: {what}" + (f" ({why})" if why else "")
