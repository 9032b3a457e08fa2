"""What the core may ask of the world, and what the world may say back. Nobody else talks to the world.

Effects begin with a verb; observations end in what was seen. An effect is computed from state each time and never
remembered, so after a crash it is simply computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.checks import CheckRan, RunCheck
from rolloutd.core.metrics import Answer
from rolloutd.core.observed import RouteReading, SlotHealth, SmokeFinding
from rolloutd.core.plan import Smoke
from rolloutd.core.values import ZERO, Share, Slot


@dataclass(frozen=True, slots=True)
class SetTraffic:
    """Give this slot this share and read it back. ``urgent`` (it lowers) jumps every queue.

    ``confirmed`` is what the router showed last. Where it shows less right before this raises it, somebody lowered it
    meanwhile: then nothing is written, and what it shows is the answer. So it is where somebody let in a segment that
    is ``kept_off``: it is taken off again before the others get more.
    """

    route: str
    slot: Slot
    share: Share
    urgent: bool
    confirmed: Share = ZERO
    kept_off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetMirror:
    """Have this part of the requests copied to this slot, whose answers reach nobody, and read it back."""

    route: str
    slot: Slot
    share: Share


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Lengthen the lease of a share that stands; never create it."""

    route: str
    slot: Slot
    share: Share


@dataclass(frozen=True, slots=True)
class SetBase:
    """Make this slot the one that serves by default, and read it back."""

    route: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class DropOverride:
    """Remove the override of this slot once the base serves the same traffic."""

    route: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class SetIsolated:
    """Keep exactly these segments on the base, for good, and read it back. ``urgent``: it takes one off.

    ``shown`` are those that the router kept off when this was asked for. Where it keeps off more right before the
    write, somebody took them off meanwhile: then nothing is written, and what it shows is the answer.
    """

    route: str
    segments: tuple[str, ...]
    urgent: bool
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRoute:
    """Read the route from the engine."""

    route: str


@dataclass(frozen=True, slots=True)
class ProbeSlot:
    """Ask a slot's own server whether it is up and what it serves."""

    route: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class SmokeSlot:
    """Send one smoke probe of a preview to a slot's own server."""

    route: str
    slot: Slot
    probe: Smoke


Effect = (
    SetTraffic
    | SetMirror
    | RenewLease
    | SetBase
    | DropOverride
    | SetIsolated
    | ReadRoute
    | ProbeSlot
    | SmokeSlot
    | RunCheck
)


@dataclass(frozen=True, slots=True)
class RouteSeen:
    """The engine showed this.

    ``renewed_at_ms`` is the moment before the write of ours that began its lease anew (rollout clock); None when no
    write did. The lease can have begun later, never earlier, so no lapse is taken for somebody's hand.
    """

    reading: RouteReading
    renewed_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RouteNotSeen:
    """The engine could not be read or written; nothing is known about the outcome of a write."""

    error: str


@dataclass(frozen=True, slots=True)
class SlotProbed:
    """A slot's server answered the probe, or did not."""

    slot: Slot
    health: SlotHealth


@dataclass(frozen=True, slots=True)
class SlotSmoked:
    """A smoke probe was answered, or not."""

    probe: str
    finding: SmokeFinding


@dataclass(frozen=True, slots=True)
class MetricsAnswered:
    """A source answered for one gate's metric."""

    metric: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class TickPassed:
    """Time has passed and nothing else."""


Observation = RouteSeen | RouteNotSeen | SlotProbed | SlotSmoked | CheckRan | MetricsAnswered | TickPassed
