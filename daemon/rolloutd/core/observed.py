"""What the world showed last: router readings and slot health. What is seen is not recorded; it dies with the process.

The counterpart of ``state`` (what is recorded). Wanted, observed and recorded are three things and stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rolloutd.core.checks import Checked
from rolloutd.core.metrics import Answer
from rolloutd.core.rules import FREE, Earlier, Rules
from rolloutd.core.values import FULL, ZERO, Share, Slot


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do, declared as data and consulted before a plan is accepted.

    ``simulated`` says that no request of anybody passes through it, ``sticky`` that a user stays on one side.
    """

    engine: str
    leases: bool
    finest_step_bp: int
    mirrors: bool = False
    segments: bool = False
    survives_restart: bool = False
    simulated: bool = False
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class RouteReading:
    """One route as the engine itself reports it now.

    ``base`` is the slot that serves by default. ``override`` gives ``override_slot`` that share of live traffic
    whatever the base is. ``lease_left_ms`` is None where the engine has no leases or there is no override.
    ``instance`` names the engine's process: it changes when the engine restarts or reloads and forgets.
    ``generation`` is what the engine says it runs (an Envoy version_info; empty elsewhere). ``isolated`` are the
    segments, in their order by name, that stay on the base whatever the override. ``mirror`` is the part of the
    requests that are copied to ``mirror_slot``; None for an engine that cannot mirror.
    """

    base: Slot
    override_slot: Slot | None
    override: Share
    lease_left_ms: int | None
    instance: str
    generation: str = ""
    isolated: tuple[str, ...] = ()
    mirror: Share | None = None
    mirror_slot: Slot | None = None

    def share_of(self, slot: Slot) -> Share:
        """The share of live traffic that reaches ``slot``."""
        if self.override_slot is None:
            return FULL if slot is self.base else ZERO
        if slot is self.override_slot:
            rest_is_ours = self.base is slot
            return FULL if rest_is_ours else self.override
        return FULL.less(self.override) if self.base is slot else ZERO


@dataclass(frozen=True, slots=True)
class SlotHealth:
    """What a probe of one slot found.

    ``version`` and ``artefact`` (its digest) are what the model server says it serves, None where it does not say.
    """

    up: bool
    version: str | None
    detail: str
    artefact: str | None = None


@dataclass(frozen=True, slots=True)
class SmokeFinding:
    """What a smoke probe found: the right answer, a wrong one, or none at all. ``detail`` is a sentence."""

    answered: bool
    right: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SmokeRun:
    """The findings of one smoke probe so far: how many right and how many wrong ones came last, one after the other.

    No answer breaks a run of right ones and is no wrong one.
    """

    right: int = 0
    wrong: int = 0
    detail: str = ""
    at_ms: int = 0

    def after(self, finding: SmokeFinding, now_ms: int) -> SmokeRun:
        """The run after one more finding."""
        if not finding.answered:
            return SmokeRun(0, self.wrong, finding.detail, now_ms)
        if finding.right:
            return SmokeRun(self.right + 1, 0, finding.detail, now_ms)
        return SmokeRun(0, self.wrong + 1, finding.detail, now_ms)


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """A probe's finding and when it was made, on the rollout clock."""

    health: SlotHealth
    at_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything observed about one rollout's route since this process started.

    ``route`` is the last good reading that no write of ours came after, taken at ``route_at_ms``: a reading from
    before a write proves nothing and is dropped. ``shown`` is the last reading at all, at ``shown_at_ms``, for display
    only. ``route_error`` is set while reading fails.
    ``differs_since_ms`` is since when the router has not shown the wanted share. ``away_ms`` is how long nobody
    renewed the lease before the first reading of this process; ``rebooted`` says that the host started anew
    and no lease was renewed since.
    ``looked_at_ms`` is when anything was last seen, ``overslept_ms`` a long time in which nothing was (a suspended
    host, a process that was stopped) and that is not yet recorded as a doubt.
    ``may_raise`` is false while the journal is unverified or broken; ``rules`` is the policy as it is now.
    ``earlier`` are the rollouts that this one comes after, as they are; ``waited_to_ms`` is when it last waited.
    ``checked`` are the findings of the named checks before traffic. ``early`` are the last answers, by metric, from
    before it was known which slot is whose.
    """

    watching_from_ms: int
    route: RouteReading | None = None
    route_at_ms: int | None = None
    route_error: str = ""
    shown: RouteReading | None = None
    shown_at_ms: int | None = None
    differs_since_ms: int | None = None
    slots: tuple[tuple[Slot, SlotSeen], ...] = ()
    leases: bool = False
    lease_ms: int | None = None
    sticky: bool = False
    renewed_at_ms: int | None = None
    rebooted: bool = False
    looked_at_ms: int | None = None
    overslept_ms: int = 0
    may_raise: bool = True
    why_not_raise: str = ""
    rules: Rules = FREE
    earlier: Earlier = field(default_factory=dict)
    waited_to_ms: int = 0
    checked: Checked = ()
    smokes: tuple[tuple[str, SmokeRun], ...] = ()
    early: tuple[tuple[str, Answer], ...] = ()

    def smoke(self, probe: str) -> SmokeRun:
        """The findings of this smoke probe on the present preview."""
        return next((run for name, run in self.smokes if name == probe), SmokeRun())

    def slot(self, slot: Slot) -> SlotSeen | None:
        """What the last probe of this slot found."""
        return next((seen for which, seen in self.slots if which is slot), None)
