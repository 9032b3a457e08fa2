"""Facts about what lies beside the router: checks before traffic, the registry, the configuration. Never traffic.

They belong to the events of events.py and only ever gain fields with a default.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A named check before traffic came to an end: passed, or not, and what it found."""

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class RegistryTold:
    """The model registry says what it should of this rollout's end; ``left`` is what somebody else's hand had moved."""

    wrote: tuple[str, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigurationRead:
    """The configuration was read again while running; it stands in the fleet's own stream.

    ``taken`` are the keys that count from here on, ``waiting`` those that need a restart, ``more`` is how many of both
    are left out here. ``sha256`` names the file's text.
    """

    file: str
    sha256: str
    taken: tuple[str, ...]
    waiting: tuple[str, ...]
    reason: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class VersionProposed:
    """A version asks in its registry to be rolled out if a person agrees; it stands in the fleet's own stream.

    ``strategy`` is the recommended one, ``rule`` why (with the runner-up), ``forecast`` what its first stage would take
    at the traffic of that moment.
    """

    name: str
    registry: str
    model: str
    route: str
    champion: str
    challenger: str
    strategy: str
    rule: str
    forecast: str


@dataclass(frozen=True, slots=True)
class ProposalClosed:
    """A proposal is over: ``accepted`` and ``declined`` are a person's word, ``outdated`` the daemon's."""

    name: str
    outcome: str
    reason: str
