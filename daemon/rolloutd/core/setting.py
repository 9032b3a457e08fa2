"""Under which exposure a reading was taken, and so what it may be counted for. Pure values; it counts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Gate
from rolloutd.core.segments import Focus
from rolloutd.core.values import ZERO, Share


@dataclass(frozen=True, slots=True)
class Setting:
    """What a reading means for the evidence: when it was taken and under which exposure.

    ``champion_arm``/``challenger_arm`` are the arm-label values. ``share`` is what the router confirmed last,
    ``warm_up`` whether only gross harm counts, ``sticky`` whether the router keeps a user on one side. ``focus`` is
    where the arms are compared, where that is not everywhere. ``mirror`` is the part of the requests of which the
    challenger was confirmed to get copies. ``whole_day`` says that the hours are kept which the data covers.
    """

    now_ms: int
    tick_ms: int
    champion_arm: str
    challenger_arm: str
    share: Share
    warm_up: bool
    sticky: bool = False
    focus: Focus | None = None
    mirror: Share = ZERO
    whole_day: bool = False

    def live(self, gate: Gate) -> bool:
        """Whether the challenger has requests of the kind that this gate counts."""
        if gate.template.kind is GateKind.DRIFT:
            return self.share > ZERO  # copies are no requests of their own: what both answer hangs together
        return self.mirror > ZERO or (self.share > ZERO and not gate.template.kind.of_pairs)

    def champion_has_none(self, gate: Gate) -> bool:
        """Whether the plan leaves the champion none of them now."""
        return not self.mirror > ZERO if gate.template.kind.of_pairs else self.compared.champion_has_none

    @property
    def compared(self) -> Focus:
        """Where the arms are compared, and at which share."""
        return Focus(self.share) if self.focus is None else self.focus
