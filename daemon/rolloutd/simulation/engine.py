"""The traffic router as it truly is: base, override, lease, instance. It obeys; what goes wrong is drawn elsewhere.

It knows nothing of the daemon. Whoever changes the share says why, and the checkers are told of every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rolloutd.core.observed import RouteReading
from rolloutd.core.values import FULL_BP, ZERO, Share, Slot

CHAMPION_SLOT, CHALLENGER_SLOT = Slot.A, Slot.B


class Cause(StrEnum):
    """Who or what changed the share."""

    DAEMON = "the daemon"
    HAND = "a hand"
    LAPSE = "the lease"
    RESTART = "a restart of the router"


@dataclass(frozen=True, slots=True)
class Change:
    """The challenger's share became another one. ``allowed_bp`` was the ceiling when the daemon's call began."""

    cause: Cause
    before_bp: int
    after_bp: int
    allowed_bp: int = 0


class Engine:
    """One route of one engine. ``told`` hears of every change of the challenger's share."""

    def __init__(self, lease_ms: int | None, finest_step_bp: int, told: Callable[[Change], None]) -> None:
        self.lease_ms = lease_ms
        self._step_bp = finest_step_bp
        self._told = told
        self.base = CHAMPION_SLOT
        self.override_slot: Slot | None = None
        self.override = ZERO
        self.instance = 1
        self.isolated: tuple[str, ...] = ()
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def share_bp(self) -> int:
        """The challenger's share of live traffic at this instant."""
        return self.read().share_of(CHALLENGER_SLOT).basis_points

    def read(self) -> RouteReading:
        """The route as it is."""
        left_ms = None
        if self._expiry is not None:
            left_ms = max(0, round((self._expiry.when() - asyncio.get_running_loop().time()) * 1000))
        return RouteReading(
            self.base, self.override_slot, self.override, left_ms, str(self.instance), isolated=self.isolated
        )

    def set_share(self, slot: Slot, share: Share, cause: Cause, allowed_bp: int = 0) -> None:
        """Put an override, rounded down to what the engine can do; a share of zero removes it."""
        before = self.share_bp
        kept = share.basis_points - share.basis_points % self._step_bp
        self._put(slot if kept else None, Share(kept), None if self.lease_ms is None or not kept else self.lease_ms)
        self._tell(cause, before, allowed_bp)

    def renew(self, slot: Slot, share: Share) -> bool:
        """Lengthen the lease of exactly this override; never make one."""
        if self.override_slot is not slot or self.override != share:
            return False
        self._put(slot, share, self.lease_ms)
        return True

    def set_base(self, slot: Slot, cause: Cause, allowed_bp: int = 0) -> None:
        """Make a slot the one that serves by default."""
        before = self.share_bp
        self.base = slot
        self._tell(cause, before, allowed_bp)

    def isolate(self, segments: tuple[str, ...]) -> None:
        """Keep exactly these segments on the base; it has no lease and outlives a restart."""
        self.isolated = tuple(sorted(segments))

    def forget(self) -> None:
        """A new process: the base comes from the file, the override is gone."""
        before = self.share_bp
        self.instance += 1
        self._put(None, ZERO, None)
        self._tell(Cause.RESTART, before)

    def _lapse(self) -> None:
        before = self.share_bp
        self._put(None, ZERO, None)
        self._tell(Cause.LAPSE, before)

    def _put(self, slot: Slot | None, share: Share, lease_ms: int | None) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self.override_slot, self.override = slot, share
        if lease_ms is not None:
            self._expiry = asyncio.get_running_loop().call_later(lease_ms / 1000, self._lapse)

    def _tell(self, cause: Cause, before_bp: int, allowed_bp: int = 0) -> None:
        after_bp = self.share_bp
        if before_bp != after_bp:
            self._told(Change(cause, before_bp, after_bp, allowed_bp))


def higher(share_bp: int, chance: float) -> int:
    """A share that a hand would raise this one to."""
    return min(FULL_BP, share_bp + 1 + round(chance * (FULL_BP - share_bp)))
