"""Facts about what lies beside the router: checks before any traffic, and what the registry was told. Never traffic.

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
