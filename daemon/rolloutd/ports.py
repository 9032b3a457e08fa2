"""The daemon's borders: what a router, a source, a prober, a notifier and a clock must do, and how they fail.

A port is small on purpose. It reports what it saw; it never decides, retries or remembers.
Every call runs under a total deadline that the caller owns (cancellation must close the connection).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rolloutd.core.checks import Case, CheckFinding
from rolloutd.core.incidents import Message, Turn
from rolloutd.core.metrics import Answer, Question
from rolloutd.core.observed import Abilities, RouteReading, SlotHealth, SmokeFinding
from rolloutd.core.offline import ModelVersion, OfflineMetric
from rolloutd.core.plan import Smoke
from rolloutd.core.segments import OTHER, Segments
from rolloutd.core.signature import Field, Signature
from rolloutd.core.values import Instant, Share, Slot

__all__ = [
    "OTHER",
    "Abilities",
    "Case",
    "CheckFinding",
    "Clock",
    "Examiner",
    "Field",
    "Manner",
    "Message",
    "MetricSource",
    "Mirrors",
    "ModelVersion",
    "Notifier",
    "NotifierError",
    "NotifierRefused",
    "NotifierUnreachable",
    "OfflineMetric",
    "Prober",
    "Registry",
    "RegistryError",
    "RegistryRefused",
    "RegistryUnreachable",
    "RolloutdError",
    "RouteConfig",
    "RouteReading",
    "RouteSlot",
    "Router",
    "RouterBadAnswer",
    "RouterDenied",
    "RouterError",
    "RouterRefused",
    "RouterUnreachable",
    "Segments",
    "Signature",
    "SlotHealth",
    "Smoke",
    "SmokeFinding",
    "Turn",
]

# RolloutdError
#  ├─ RouterError          something is wrong between us and the router
#  │   ├─ RouterUnreachable    no connection, or it broke before an answer
#  │   ├─ RouterRefused        it answered, and said no
#  │   ├─ RouterDenied         our rights do not suffice
#  │   └─ RouterBadAnswer      it answered something we do not understand
#  ├─ RegistryError        the model registry could not be read or written
#  │   ├─ RegistryUnreachable  not now, or it broke before an answer
#  │   └─ RegistryRefused      it answered, and said no
#  ├─ NotifierError        people could not be told
#  │   ├─ NotifierUnreachable  not now; tried again until it is a day old
#  │   └─ NotifierRefused      this message will never be taken
#  └─ (settings, journal and access keep their own leaves beside their code)


class RolloutdError(Exception):
    """Base of every error this project raises on purpose. The message is a sentence; ``next_step`` says what to do."""

    next_step = "Run: rollout doctor"

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        if next_step is not None:
            self.next_step = next_step


class RouterError(RolloutdError):
    """The router could not be read or written."""


class RouterUnreachable(RouterError):
    """No connection to the router, or it broke before an answer came. A write may or may not have happened."""


class RouterRefused(RouterError):
    """The router answered and refused."""


class RouterDenied(RouterError):
    """The router says that our rights do not suffice."""


class RouterBadAnswer(RouterError):
    """The router answered something that does not fit its own protocol."""


class NotifierError(RolloutdError):
    """People could not be told. Traffic, gates and aborts are not touched by that."""

    next_step = "rollout doctor; traffic does not depend on it"


class NotifierUnreachable(NotifierError):
    """It could not be told now; a later try may succeed. Whether the message arrived is not known."""


class NotifierRefused(NotifierError):
    """It answered that it will not take this message, now or later."""


class RegistryError(RolloutdError):
    """The model registry could not be read or written. A running rollout does not depend on it."""

    next_step = "rollout doctor; running rollouts do not depend on it"


class RegistryUnreachable(RegistryError):
    """No answer from the registry, or none that can be understood. A later try may succeed."""


class RegistryRefused(RegistryError):
    """The registry answered and said no: there is no such model or version, or it does not let us."""


@runtime_checkable
class Router(Protocol):
    """One engine that splits routes. Raises RouterError leaves; a call that raised has an unknown outcome."""

    @property
    def abilities(self) -> Abilities:
        """What this engine can do."""
        ...

    async def read(self, route: str) -> RouteReading:
        """Read the route from the engine itself, never from our own records."""
        ...

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Give ``slot`` this share by an override, leased where the engine can. A share of zero removes the override.

        Opens its own connection, so an abort never queues behind another call.
        """
        ...

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """Lengthen the lease of an override that still holds exactly ``share``; never create one.

        Returns the route as read afterwards, or None, having changed nothing, when the entry is missing or holds
        something else. Engines without leases only look.
        """
        ...

    async def set_base(self, route: str, slot: Slot) -> None:
        """Make ``slot`` the one that serves by default, durably (it survives a restart). Leaves the override alone."""
        ...

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Keep exactly these segments of the route on its base, durably, whatever the override says.

        No lapse, no lost renewal and no restart lets one of them in again. Taking one off opens its own connection.
        """
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


@runtime_checkable
class Mirrors(Protocol):
    """What a router can besides where its engine can copy requests. It fails as routers do."""

    async def set_mirror(self, route: str, slot: Slot, share: Share) -> None:
        """Have this part of the route's requests copied to ``slot``, whose answers reach nobody. Zero ends it."""
        ...


@runtime_checkable
class Prober(Protocol):
    """Asks a slot's own model server whether it is up and which version it serves. Never raises for a dead server."""

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """Probe one slot directly, not through the router."""
        ...

    async def smoke(self, route: str, slot: Slot, probe: Smoke) -> SmokeFinding:
        """Send a smoke probe to one slot directly, within the probe's own deadline; no answer is a finding too."""
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


@runtime_checkable
class Examiner(Protocol):
    """Carries out one named check before traffic. No answer is a finding too; it never raises for one."""

    async def examine(self, case: Case) -> CheckFinding:
        """Once, to the end; the caller owns the deadline, and cancelling ends whatever was begun."""
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


@runtime_checkable
class Registry(Protocol):
    """Where model versions are kept. Raises RegistryError leaves; a call that raised has an unknown outcome."""

    async def version(self, model: str, version: str) -> ModelVersion:
        """One version with its aliases, tags and offline metrics: all of it, or an error."""
        ...

    async def newest(self, model: str, most: int) -> tuple[ModelVersion, ...]:
        """The newest versions, the newest first, without aliases and metrics."""
        ...

    async def signature(self, model: str, version: str) -> Signature | None:
        """What this version takes and gives, None where that is not kept."""
        ...

    async def alias(self, model: str, alias: str) -> str | None:
        """The version that the alias points to, None where there is no such alias."""
        ...

    async def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Point the alias to this version; None takes it away, and one that is not there is no error."""
        ...

    async def set_tags(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Write these tags on a version, over those of the same names."""
        ...

    async def check(self) -> None:
        """Whether it answers."""
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


@runtime_checkable
class SignsNotes(Protocol):
    """A registry that sends signed notes of what is new. They wake the look at it; what they say is not believed."""

    @property
    def has_secret(self) -> bool:
        """Whether it knows what notes are signed with."""
        ...

    def genuine(self, headers: Mapping[str, str], body: bytes, wall_ms: int) -> str | None:
        """The note's id where its signature is right and its time is now; None for any other."""
        ...


@runtime_checkable
class MetricSource(Protocol):
    """One place that counters are read from. Not knowing is an answer (Unreadable), not an exception."""

    @property
    def name(self) -> str:
        """The name of the source in the configuration."""
        ...

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Read both arms at one instant, within ``deadline_s`` in total; answer for every asked arm value."""
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How a notifier wants to be told: at most ``most`` messages at once.

    ``paced`` spares people who read every message: what comes too thick arrives as one digest. ``repeat_s`` is how
    often an incident that is still open must be told again, None for a system that remembers.
    """

    most: int
    paced: bool
    repeat_s: float | None = None


@runtime_checkable
class Notifier(Protocol):
    """One system that tells people. A message may come twice; its ``id`` is then the same."""

    @property
    def manner(self) -> Manner:
        """How it wants to be told."""
        ...

    async def tell(self, messages: Sequence[Message]) -> None:
        """Hand these over, in their order; returns once all were taken. Raises NotifierError leaves."""
        ...

    async def check(self) -> None:
        """Whether it could be told now, as far as that shows without telling anything. Raises NotifierError leaves."""
        ...

    async def close(self) -> None:
        """Let go of whatever is kept open."""
        ...


class Clock(Protocol):
    """Time as the daemon sees it."""

    def now(self) -> Instant:
        """This moment on the rollout clock and on the wall."""
        ...


@dataclass(frozen=True, slots=True)
class RouteSlot:
    """One slot of a route as the configuration names it.

    ``arm_value`` is what the metric templates' arm label says for it (cluster, backend, or a target's label).
    ``probe_url`` answers 200 when the slot's model server is ready.
    """

    arm_value: str
    probe_url: str


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """One route: its router, what its two slots are called there, whose it is, and by what header users are told.

    ``registry`` and ``model`` say where its versions are kept, empty for nowhere.
    ``mirror_is_safe``: its requests have no side effects, and its servers bear them twice.
    """

    name: str
    router: str
    slots: Mapping[Slot, RouteSlot]
    team: str = ""
    segments: Segments | None = None
    mirror_is_safe: bool = False
    registry: str = ""
    model: str = ""
