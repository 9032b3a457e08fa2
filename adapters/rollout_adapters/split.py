"""How a route is split, as an engine without leases keeps it: a base, and one override laid over it. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.values import FULL_BP, ZERO, Share, Slot


@dataclass(frozen=True, slots=True)
class Split:
    """How a route is split: the base, and the override that is laid over it."""

    base: Slot
    override_slot: Slot | None = None
    override: Share = ZERO

    def weights(self) -> dict[Slot, int]:
        """Basis points of each slot; they always add up to the whole, so they are never all zero."""
        other = self.override if self.override_slot is self.base.other else ZERO
        return {self.base: FULL_BP - other.basis_points, self.base.other: other.basis_points}
