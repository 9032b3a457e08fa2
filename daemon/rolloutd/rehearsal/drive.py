"""Drives one rollout's lane on a virtual clock: a route that obeys at once, two servers that are up, counts as given.

What is done with the core is what the loop does with it: observe, then follow what comes of it, then ask the world for
what is missing. It decides nothing and knows no chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, Verb
from rolloutd.core.decide import Accepted, decide
from rolloutd.core.effects import (
    DropOverride,
    Effect,
    MetricsAnswered,
    ProbeSlot,
    ReadRoute,
    RouteSeen,
    SetBase,
    SetMirror,
    SetTraffic,
    SlotProbed,
    SlotSmoked,
    SmokeSlot,
    TickPassed,
)
from rolloutd.core.fold import evolve
from rolloutd.core.lane import Lane, before_write, follow, next_effects, next_events, observe, open_lane
from rolloutd.core.metrics import Answer
from rolloutd.core.observed import RouteReading, Seen, SlotHealth, SmokeFinding
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Spec
from rolloutd.core.reconcile import reads
from rolloutd.core.smoke import smoking
from rolloutd.core.values import THE_DAEMON, ZERO, Actor, ActorKind, Instant, Role, Share, Slot

CHAMPION_ARM, CHALLENGER_ARM = "champion", "challenger"
_ARMS: Mapping[Slot, str] = {Slot.A: CHAMPION_ARM, Slot.B: CHALLENGER_ARM}
_APPROVER = Actor(ActorKind.PERSON, "rehearsal", 0, Role.ADMIN, "rehearsal")
_ENGINE = "virtual"
_MOST_STEPS = 50
_LOOK_EVERY_TICKS = 2  # a look is good for three ticks


class Unsettled(RuntimeError):
    """The core did not come to rest; it always should."""


@dataclass(slots=True)
class _Route:
    base: Slot = Slot.A
    share: Share = ZERO
    mirror: Share = ZERO

    def reading(self) -> RouteReading:
        slot = Slot.B if self.share > ZERO else None
        copied = Slot.B if self.mirror > ZERO else None
        return RouteReading(self.base, slot, self.share, None, _ENGINE, mirror=self.mirror, mirror_slot=copied)


class Drive:
    """One rollout from its start; ``recorded`` grows with what the core makes of it.

    ``own_split``: the counts come from this plan's own shares, so that their split can be held against them.
    """

    def __init__(self, spec: Spec, at: Instant, *, own_split: bool = True) -> None:
        first = ev.Recorded(1, spec.name, 1, at, THE_DAEMON, 1, ev.RolloutRequested(spec))
        self.recorded: list[ev.Recorded] = [first]
        seen = Seen(watching_from_ms=at.clock_ms)
        self.lane: Lane = open_lane(evolve(None, first), {}, seen, _ARMS)
        if not own_split:
            unwatched = {metric: replace(known, ratio=None) for metric, known in self.lane.evidence.items()}
            self.lane = replace(self.lane, evidence=unwatched)
        self._route = _Route()
        self._tick_ms = spec.plan.timing.tick_ms
        self._looked_at_ms: int | None = None

    @property
    def share(self) -> Share:
        """The challenger's share as the route has it."""
        return self._route.reading().share_of(Slot.B)

    @property
    def waits(self) -> bool:
        """Whether a person would have to act, so that nothing more happens by itself."""
        return self.lane.rollout.phase in (Phase.HELD, Phase.ASKING)

    def answer(self, metric: str, answer: Answer, at: Instant) -> None:
        """A source answered; what follows is worked out at the next tick or ``settle``."""
        if self._looked_at_ms is None:  # the router is read before any source is asked
            self._look(at)
        self.lane = observe(self.lane, MetricsAnswered(metric, answer), at.clock_ms)

    def tick(self, at: Instant) -> None:
        """A check interval passed: look at everything, then let follow what follows."""
        due_ms = _LOOK_EVERY_TICKS * self._tick_ms
        if self._looked_at_ms is None or at.clock_ms - self._looked_at_ms >= due_ms:
            self._look(at)
        else:  # what is seen here never differs from the last time, and it is not old yet
            self.lane = observe(self.lane, TickPassed(), at.clock_ms)
        for probe in smoking(self.lane.rollout):
            self._perform(probe, at)
        self.settle(at)

    def _look(self, at: Instant) -> None:
        self._looked_at_ms = at.clock_ms
        for look in reads(self.lane.rollout):
            self._perform(look, at)

    def settle(self, at: Instant) -> None:
        """Events to the end, then effects, until neither is left. Raises Unsettled when that has no end."""
        for _ in range(_MOST_STEPS):
            events = next_events(self.lane, at.clock_ms)
            if events:
                self._record(events, at, THE_DAEMON)
                continue
            if not self.lane.rollout.live:
                return
            effects = next_effects(self.lane, tick=False)
            if not effects:
                return
            for effect in effects:
                self._perform(effect, at)
        raise Unsettled(f"{self.lane.rollout.name} does not come to rest at {at.clock_ms} ms")

    def approve(self, at: Instant) -> bool:
        """Somebody approves, if approval is all that is asked for; whether it was."""
        rollout = self.lane.rollout
        if rollout.phase is not Phase.ASKING or rollout.question is not ev.Question.APPROVAL:
            return False
        act = Act(Verb.APPROVE, _APPROVER, rollout.version, "approved at once, as the rehearsal assumes")
        decision = decide(rollout, act, self.lane.picture(at.clock_ms), at.clock_ms)
        if not isinstance(decision, Accepted):
            return False
        self._record(decision.events, at, _APPROVER)
        self.settle(at)
        return True

    def _record(self, events: tuple[ev.Event, ...], at: Instant, actor: Actor) -> None:
        for event in events:
            version = self.lane.rollout.version + 1
            row = ev.Recorded(version, self.lane.rollout.name, version, at, actor, 1, event)
            self.lane = follow(self.lane, row)
            self.recorded.append(row)

    def _perform(self, effect: Effect, at: Instant) -> None:
        match effect:
            case ReadRoute():
                self._show(at)
            case ProbeSlot(slot=slot):
                spec = self.lane.rollout.spec
                version = spec.champion if slot is Slot.A else spec.challenger
                self.lane = observe(self.lane, SlotProbed(slot, SlotHealth(True, version, "")), at.clock_ms)
            case SmokeSlot(probe=probe):  # a rehearsal is about traffic: every probe is right
                finding = SmokeFinding(answered=True, right=True, detail="")
                self.lane = observe(self.lane, SlotSmoked(probe.name, finding), at.clock_ms)
            case SetTraffic(share=share):
                self._route.share = share
                self._written(at)
            case SetMirror(share=share):
                self._route.mirror = share
                self._written(at)
            case SetBase(slot=slot):
                self._route.base = slot
                self._written(at)
            case DropOverride():
                self._route.share = ZERO
                self._written(at)
            case _:  # no lease: nothing to renew
                pass

    def _written(self, at: Instant) -> None:
        self.lane = before_write(self.lane)
        self._show(at)

    def _show(self, at: Instant) -> None:
        self.lane = observe(self.lane, RouteSeen(self._route.reading()), at.clock_ms)
