"""A rollout as recorded: the value that the journal's events fold into. It holds nothing that was only seen.

``evolve`` in fold.py makes it; nothing else may. Everything here can be rebuilt from the journal alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.events import Basis, HoldCause, Outcome, Question, RecedeCause
from rolloutd.core.phases import ENDS, Phase
from rolloutd.core.plan import Spec, Stage
from rolloutd.core.segments import Focus, focus
from rolloutd.core.values import ZERO, Actor, Instant, Share, Slot, format_duration


@dataclass(frozen=True, slots=True)
class Traffic:
    """The recorded facts about the share: what is wanted and why, and what was last confirmed by read-back.

    ``drift`` is a share above ours that somebody set by hand and that was not yet seen put back. ``asked`` is the
    highest share that was asked for and then given up before it was confirmed: the router may show it for a while, and
    it is nobody's hand.
    """

    wanted: Share = ZERO
    wanted_at: Instant | None = None
    basis: Basis | None = None
    confirmed: Share = ZERO
    confirmed_at: Instant | None = None
    engine_instance: str = ""
    not_obeyed: bool = False
    drift: Share | None = None
    asked: Share = ZERO

    @property
    def settled(self) -> bool:
        """Whether the router has shown the wanted share."""
        return self.wanted == self.confirmed

    @property
    def ceiling(self) -> Share:
        """The most that the router may show at any instant (invariant I1)."""
        return self.wanted.join(self.confirmed)


@dataclass(frozen=True, slots=True)
class Mirror:
    """The recorded facts about the mirrored part of the requests: what is wanted, and what was last confirmed."""

    wanted: Share = ZERO
    wanted_at: Instant | None = None
    confirmed: Share = ZERO
    confirmed_at: Instant | None = None

    @property
    def settled(self) -> bool:
        """Whether the router has shown the wanted mirror."""
        return self.wanted == self.confirmed


@dataclass(frozen=True, slots=True)
class StageVisit:
    """One stay on a stage. Its clock runs from ``confirmed_at``, when its share first stood on the router."""

    index: int
    entered_at: Instant
    confirmed_at: Instant | None = None
    left_at: Instant | None = None
    approved: bool = False
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Why, by whom and since when a rollout stands still."""

    cause: HoldCause
    reason: str
    by: Actor
    at: Instant


@dataclass(frozen=True, slots=True)
class Isolated:
    """A segment whose users stay on the champion: why, by whom and since when."""

    segment: str
    basis: Basis
    by: Actor
    at: Instant


@dataclass(frozen=True, slots=True)
class Recede:
    """Why, by whom and since when a rollout goes back."""

    cause: RecedeCause
    reason: str
    metric: str | None
    by: Actor
    at: Instant


@dataclass(frozen=True, slots=True)
class Overridden:
    """A person's decision against gates, or the request for one. Kept for ever."""

    gates: tuple[str, ...]
    reason: str
    by: Actor
    at: Instant
    proposed_only: bool = False
    asked_by: str = ""
    verb: str = "promote"


@dataclass(frozen=True, slots=True)
class LastAct:
    """The last thing that a person did to a rollout, in a word such as paused; ``version`` is its revision."""

    did: str
    by: Actor
    at: Instant
    version: int

    def told(self, now_ms: int) -> str:
        """Who did what how long ago (rollout clock), in words."""
        return f"{self.by.name} {self.did} it {format_duration(max(0, now_ms - self.at.clock_ms))} ago"


@dataclass(frozen=True, slots=True)
class CheckDone:
    """What a named check before traffic came to, and by whom where a person was asked."""

    check: str
    passed: bool
    detail: str
    by: Actor
    at: Instant


@dataclass(frozen=True, slots=True)
class End:
    """How and when it ended."""

    outcome: Outcome
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout. ``version`` is the number of its events: the revision that commands refer to.

    ``isolated`` are the segments that shall stay on the champion, ``isolation`` those that the router last showed so.
    """

    spec: Spec
    phase: Phase
    version: int
    requested_at: Instant
    requested_by: Actor
    changed_at: Instant
    champion_slot: Slot | None = None
    traffic: Traffic = Traffic()
    visits: tuple[StageVisit, ...] = ()
    stage_deadline_ms: int | None = None
    hold: Hold | None = None
    question: Question | None = None
    recede: Recede | None = None
    blind: tuple[tuple[str, str], ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    window_from_ms: int | None = None
    window_why: str = ""
    overrides: tuple[Overridden, ...] = ()
    claimed_by: str | None = None
    base_moved: bool = False
    refusals: tuple[str, ...] = ()
    sealed_tick: int = 0
    rule: str = ""
    checks: tuple[CheckDone, ...] = ()
    artefact: str = ""
    registry_told: bool = False
    end: End | None = None
    last_act: LastAct | None = None
    isolated: tuple[Isolated, ...] = ()
    isolation: tuple[str, ...] = ()
    isolation_asked_ms: int | None = None
    mirror: Mirror = Mirror()

    @property
    def name(self) -> str:
        """The rollout's name: its stream in the journal."""
        return self.spec.name

    @property
    def live(self) -> bool:
        """Whether anything can still happen to traffic because of it."""
        return self.phase not in ENDS

    @property
    def stage_index(self) -> int:
        """The index of the present stage; 0 before the first is entered."""
        return self.visits[-1].index if self.visits else 0

    @property
    def stage(self) -> Stage:
        """The present stage of the plan."""
        return self.spec.plan.stages[self.stage_index]

    @property
    def visit(self) -> StageVisit | None:
        """The present stay on a stage."""
        return self.visits[-1] if self.visits else None

    @property
    def on_last_stage(self) -> bool:
        """Whether this is the watch."""
        return bool(self.visits) and self.stage_index == self.spec.plan.last

    @property
    def challenger_slot(self) -> Slot | None:
        """The slot that the challenger is served from, known once the checks have passed."""
        return None if self.champion_slot is None else self.champion_slot.other

    @property
    def kept_off(self) -> tuple[str, ...]:
        """The segments that the router shall keep on the base, by name.

        On the way to an end nobody needs it any more once the share is zero: there is nothing to be kept off.
        """
        ending = self.recede is not None and self.recede.cause is not RecedeCause.BLINDNESS
        if self.phase is Phase.RECEDING and ending and self.traffic.wanted == self.traffic.confirmed == ZERO:
            return ()
        return tuple(sorted(known.segment for known in self.isolated))

    @property
    def ours_off(self) -> frozenset[str]:
        """The segments that the router may keep off because of this rollout."""
        return frozenset((*self.isolation, *(known.segment for known in self.isolated)))

    @property
    def focus(self) -> Focus:
        """Where champion and challenger are compared now."""
        plan = self.spec.plan
        audience = self.stage.segments if self.visits else ()
        return focus(plan.segments, audience, self.traffic.confirmed, [known.segment for known in self.isolated])

    @property
    def share_changed_at_ms(self) -> int | None:
        """When the exposure last changed on the router, on the rollout clock: the warm-up runs from here."""
        changed = (self.traffic.confirmed_at, self.mirror.confirmed_at)
        return max((at.clock_ms for at in changed if at is not None), default=None)

    @property
    def exposed(self) -> bool:
        """Whether the challenger was confirmed to get requests: a share of its own, or copies."""
        return self.traffic.confirmed > ZERO or self.mirror.confirmed > ZERO

    def conditions(self) -> frozenset[str]:
        """The joint conditions of phases.py that hold now."""
        names = set()
        if self.champion_slot is None:
            names.add("preflight_missing")
        if self.on_last_stage and self.traffic.settled and self.traffic.wanted == self.stage.share:
            names.add("last_share_confirmed")
        return frozenset(names)
