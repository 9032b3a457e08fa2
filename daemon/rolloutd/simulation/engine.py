"""The traffic router as it truly is: base, override, lease, instance. It obeys; what goes wrong is drawn elsewhere.

It knows nothing of the daemon. Whoever changes the share says why, and the checkers are told of every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rolloutd.core.observed import RouteReading
from rolloutd.core.values import FULL_BP, ZERO, Share, Slot

CHAMPION_SLOT, CHALLENGER_SLOT = Slot.A, Slot.B
EVERYBODY = ("",)
"""The users of a route that has no segments."""
Given = Mapping[str, int]
"""What the challenger is given of each segment's requests, in basis points: the override, but for who is isolated."""


class Cause(StrEnum):
    """Who or what changed the share."""

    DAEMON = "the daemon"
    HAND = "a hand"
    LAPSE = "the lease"
    RESTART = "a restart of the router"


@dataclass(frozen=True, slots=True)
class Change:
    """What the challenger is given became something else. ``allowed`` was the ceiling when the daemon's call began.

    ``before`` and ``after`` are the override's, whoever is isolated; ``had`` and ``has`` are what each segment gets.
    """

    cause: Cause
    before: Share
    after: Share
    had: Given
    has: Given
    allowed: Share = ZERO


class Engine:
    """One route of one engine. ``told`` hears of every change of what the challenger gets of any segment."""

    def __init__(
        self,
        lease_ms: int | None,
        finest_step_bp: int,
        told: Callable[[Change], None],
        segments: tuple[str, ...] = EVERYBODY,
    ) -> None:
        self.lease_ms = lease_ms
        self._segments = segments
        self._step_bp = finest_step_bp
        self._told = told
        self.base = CHAMPION_SLOT
        self.override_slot: Slot | None = None
        self.override = ZERO
        self.instance = 1
        self.isolated: tuple[str, ...] = ()
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def share(self) -> Share:
        """The challenger's share of live traffic at this instant, whoever is isolated."""
        return self.read().share_of(CHALLENGER_SLOT)

    @property
    def given(self) -> Given:
        """What the challenger gets of each segment's requests. Who is isolated stays on the base."""
        share, base_bp = self.share, FULL_BP if self.base is CHALLENGER_SLOT else 0
        if self._segments is EVERYBODY:
            return {"": share.basis_points}
        return {n: base_bp if n in self.isolated else share.of(n).basis_points for n in self._segments}

    def read(self) -> RouteReading:
        """The route as it is."""
        left_ms = None
        if self._expiry is not None:
            left_ms = max(0, round((self._expiry.when() - asyncio.get_running_loop().time()) * 1000))
        return RouteReading(
            self.base, self.override_slot, self.override, left_ms, str(self.instance), isolated=self.isolated
        )

    def set_share(self, slot: Slot, share: Share, cause: Cause, allowed: Share = ZERO) -> None:
        """Put an override, rounded down to what the engine can do; a share of zero removes it."""
        before = self.share, self.given
        own = tuple((name, bp - bp % self._step_bp) for name, bp in share.segments)
        kept = Share(share.basis_points - share.basis_points % self._step_bp, own)
        none = kept == ZERO
        self._put(None if none else slot, kept, None if self.lease_ms is None or none else self.lease_ms)
        self._tell(cause, *before, allowed)

    def renew(self, slot: Slot, share: Share) -> bool:
        """Lengthen the lease of exactly this override; never make one."""
        if self.override_slot is not slot or self.override != share:
            return False
        self._put(slot, share, self.lease_ms)
        return True

    def set_base(self, slot: Slot, cause: Cause, allowed: Share = ZERO) -> None:
        """Make a slot the one that serves by default."""
        before = self.share, self.given
        self.base = slot
        self._tell(cause, *before, allowed)

    def isolate(self, segments: tuple[str, ...], cause: Cause) -> None:
        """Keep exactly these segments on the base; it has no lease and outlives a restart."""
        before = self.share, self.given
        self.isolated = tuple(sorted(segments))
        self._tell(cause, *before)

    def forget(self) -> None:
        """A new process: the base comes from the file, the override is gone."""
        before = self.share, self.given
        self.instance += 1
        self._put(None, ZERO, None)
        self._tell(Cause.RESTART, *before)

    def _lapse(self) -> None:
        before = self.share, self.given
        self._put(None, ZERO, None)
        self._tell(Cause.LAPSE, *before)

    def _put(self, slot: Slot | None, share: Share, lease_ms: int | None) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self.override_slot, self.override = slot, share
        if lease_ms is not None:
            self._expiry = asyncio.get_running_loop().call_later(lease_ms / 1000, self._lapse)

    def _tell(self, cause: Cause, before: Share, had: Given, allowed: Share = ZERO) -> None:
        after, has = self.share, self.given
        if before != after or had != has:
            self._told(Change(cause, before, after, had, has, allowed))


def higher(share_bp: int, chance: float) -> int:
    """A share that a hand would raise this one to."""
    return min(FULL_BP, share_bp + 1 + round(chance * (FULL_BP - share_bp)))
