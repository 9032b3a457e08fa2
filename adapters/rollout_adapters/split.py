"""How a route is split, as an engine without leases keeps it: base, override, who stays on the base. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.values import FULL_BP, ZERO, Share, Slot


@dataclass(frozen=True, slots=True)
class Split:
    """How a route is split: the base, the override that is laid over it, and the segments that it does not reach."""

    base: Slot
    override_slot: Slot | None = None
    override: Share = ZERO
    isolated: tuple[str, ...] = ()

    @property
    def exposed(self) -> Share:
        """What the slot that is not the base has, isolation aside."""
        return self.override if self.override_slot is self.base.other else ZERO

    def weights(self, segment: str = "") -> dict[Slot, int]:
        """Basis points of each slot, for the users of a segment; they always add up to the whole, so never all zero."""
        other = ZERO if segment in self.isolated else self.exposed.of(segment)
        return {self.base: FULL_BP - other.basis_points, self.base.other: other.basis_points}
