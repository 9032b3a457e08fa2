"""Is the record whole? Every share change of a rollout has one intent and one outcome, in its order (I4, S7). Pure.

It folds the rollout as the daemon does, so that every law is checked again, and keeps count of intents beside it. An
intent (TrafficWanted) ends in exactly one way: the router showed it, a later intent replaced it, or the share was taken
out of our hands (a lapse, a hand). Only the last one of a live rollout may still be under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, evolve
from rolloutd.core.phases import IllegalEvent, Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, ActorKind


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a whole record does not have, at this event."""

    seq: int
    stream: str
    sentence: str

    def __str__(self) -> str:
        return f"event {self.seq} ({self.stream}): {self.sentence}"


@dataclass(slots=True)
class Audit:
    """What was counted, and what was found. ``under_way`` intents of live rollouts have no outcome yet."""

    streams: int = 0
    events: int = 0
    intents: int = 0
    confirmed: int = 0
    replaced: int = 0
    taken: int = 0
    under_way: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def sentence(self) -> str:
        """The counts, for people."""
        return (
            f"{self.intents} share changes in {self.streams} streams: {self.confirmed} shown by the router, "
            f"{self.replaced} replaced by a later one, {self.taken} taken out of our hands, {self.under_way} under way"
        )


def audit(events: Iterable[ev.Recorded]) -> Audit:
    """All events of a journal, in the order of their numbers, as one audit."""
    report = Audit()
    streams: dict[str, _Stream] = {}
    for recorded in events:
        report.events += 1
        if recorded.stream != ev.FLEET_STREAM:
            streams.setdefault(recorded.stream, _Stream(report)).take(recorded)
    report.streams = len(streams)
    for stream in streams.values():
        stream.close()
    return report


class _Stream:
    """One rollout's record on its way through the audit."""

    def __init__(self, report: Audit) -> None:
        self._report = report
        self._rollout: Rollout | None = None
        self._pending: ev.Recorded | None = None
        self._forgotten = False
        self._base_asked = False
        self._epoch = 0
        self._broken = False

    def take(self, recorded: ev.Recorded) -> None:
        """One more event."""
        if self._broken:
            return
        before = self._rollout
        if recorded.epoch < self._epoch:
            self._find(recorded, f"epoch {recorded.epoch} acted after epoch {self._epoch}")
        self._epoch = recorded.epoch
        try:
            after = evolve(before, recorded)
        except (LawBroken, IllegalEvent) as error:
            self._find(recorded, str(error))
            self._broken = True  # what follows was folded onto something else
            return
        if before is not None:
            self._share(recorded, before)
            self._base(recorded, before)
        self._rollout = after

    def _share(self, recorded: ev.Recorded, before: Rollout) -> None:
        match recorded.event:
            case ev.TrafficWanted() as wanted:
                self._report.intents += 1
                self._report.replaced += self._pending is not None
                self._pending, self._forgotten = recorded, False
                self._grounds(recorded, wanted)
            case ev.TrafficConfirmed():
                told = self._forgotten or before.traffic.drift is not None or before.traffic.asked > ZERO
                if self._pending is None and not told:
                    self._find(recorded, "the router's word on a share that nobody had asked for")
                self._report.confirmed += self._pending is not None
                self._pending, self._forgotten = None, False
            case ev.RouterRestarted(observed=observed):
                self._forgotten = self._pending is None and observed != before.traffic.wanted
            case ev.LeaseLapsed() | ev.DriftSeen() as lost if not lost.observed >= lost.recorded:
                self._report.taken += self._pending is not None
                self._pending = None
                # A hand that gave one segment less and another more: the less is kept, the more is taken back.
                self._forgotten = not lost.observed <= before.traffic.wanted
            case ev.RolloutEnded() if self._pending is not None:
                self._find(recorded, f"it ended while {_words(self._pending)} had no outcome")
            case _:
                pass

    def _grounds(self, recorded: ev.Recorded, wanted: ev.TrafficWanted) -> None:
        """Who and why: a share that grows rests on the daemon's verdict or on a person, in whose own name it stands."""
        if wanted.share == wanted.previous:
            self._find(recorded, f"{wanted.share} was asked for while it was wanted already")
        if not wanted.basis.why:
            self._find(recorded, f"{wanted.share} was asked for without a reason")
        if wanted.share <= wanted.previous:
            return
        person = wanted.basis.kind is ev.BasisKind.PERSON
        if person is not (recorded.actor.kind is ActorKind.PERSON):
            ground = wanted.basis.kind.value
            self._find(recorded, f"{wanted.share} on the ground of {ground}, in the name of {recorded.actor.name}")

    def _base(self, recorded: ev.Recorded, before: Rollout) -> None:
        match recorded.event:
            case ev.FinishStarted() | ev.RecedeStarted():
                self._base_asked = True
            case ev.BaseConfirmed() if not self._base_asked:
                self._find(recorded, "the router's word on a base that nobody had asked for")
            case ev.BaseConfirmed():
                self._base_asked = before.phase is not Phase.FINISHING
                self._pending = None
            case _:
                pass

    def close(self) -> None:
        """The record is over."""
        if self._pending is not None and self._rollout is not None and self._rollout.live:
            self._report.under_way += 1

    def _find(self, recorded: ev.Recorded, sentence: str) -> None:
        self._report.findings.append(Finding(recorded.seq, recorded.stream, sentence))


def _words(recorded: ev.Recorded) -> str:
    event = recorded.event
    return f"the change to {event.share}" if isinstance(event, ev.TrafficWanted) else "a change"
