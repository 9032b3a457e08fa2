"""Judges that who is isolated stays so: nothing but a person's word lets a segment in again (I1, I2, I4, I6).

It goes by what is recorded and by what the router truly gives each segment, and knows nothing of the daemon's memory.
"""

from __future__ import annotations

from collections.abc import Callable

from rolloutd.core import events as ev
from rolloutd.core.values import ActorKind
from rolloutd.simulation.engine import Cause, Change
from rolloutd.simulation.ledger import Ledger
from rolloutd.simulation.world import World


class IsolationCheckers:
    """The judges of segments. ``fault`` keeps a broken invariant.

    ``_out`` are those that are recorded as isolated and were kept off by the router since: from then on any part of
    their requests is too much, unless a hand let them in, which is to be undone within two ticks.
    """

    def __init__(self, world: World, ledger: Ledger, fault: Callable[[str, str], None]) -> None:
        self._world = world
        self._ledger = ledger
        self._fault = fault
        self._out: set[str] = set()
        self._in_since_ms: dict[str, int] = {}
        self._left_since_ms: int | None = None

    def words(self) -> str:
        """Whom the router keeps off, for the trace."""
        isolated = self._world.engine.isolated
        return f", without {', '.join(isolated)}" if isolated else ""

    def recorded(self, row: ev.Recorded) -> None:
        """An event is about to enter the ledger."""
        match row.event:
            case ev.SegmentPutBack(segment=segment, basis=basis):
                if basis.kind is not ev.BasisKind.PERSON or row.actor.kind is not ActorKind.PERSON:
                    self._fault("I4", f"{segment} was put back by {row.actor.name} on the ground of {basis.kind.value}")
                self._out.discard(segment)
            case ev.FinishStarted() if self._ledger.off:
                self._fault("I1", f"finishing gives the challenger {', '.join(sorted(self._ledger.off))}, isolated")
            case ev.RolloutEnded(outcome=ev.Outcome.ABORTED | ev.Outcome.ROLLED_BACK as how) if self._ledger.checked:
                left = self._ledger.off.intersection(self._world.engine.isolated)
                if left and self._world.now_ms() - self._world.hand_ms > self._world.patience_ms:
                    self._fault("I6", f"ended {how.value}, and the router keeps {', '.join(sorted(left))} off")
            case _:
                pass

    def changed(self, change: Change) -> None:
        """What the challenger gets of some segment became something else."""
        if change.cause is Cause.HAND:
            self._out -= {name for name, bp in change.has.items() if bp > change.had[name]}
        for name in sorted(self._out & self._ledger.off):
            if change.has[name] > change.had[name] and not self._ledger.ended:
                given = f"{change.has[name] / 100:g}% of its requests to the challenger again"
                self._fault("I1", f"{name} is isolated, and {change.cause.value} gives {given}")
        self._note()

    def look(self, now_ms: int, *, calm: bool) -> None:
        """Whoever is recorded as isolated is out within two ticks; who was let in again is in."""
        ledger, isolated = self._ledger, set(self._world.engine.isolated)
        if not (ledger.off or isolated):
            self._in_since_ms, self._left_since_ms = {}, None
            return
        given, patience_ms = self._world.engine.given, self._world.patience_ms
        self._note()
        inside = {name for name in ledger.off if given[name] > 0} if not ledger.ended else set()
        self._in_since_ms = {name: self._in_since_ms.get(name, now_ms) for name in inside}
        for name, since_ms in self._in_since_ms.items():
            if calm and now_ms - since_ms > patience_ms:
                self._fault("I6", f"{name} is isolated and has had {given[name]} bp for more than two ticks")
        moving = ledger.receding or ledger.finishing or self._world.raising_stopped
        left = bool(isolated - ledger.off) and ledger.live and not moving
        self._left_since_ms = (now_ms if self._left_since_ms is None else self._left_since_ms) if left else None
        if calm and self._left_since_ms is not None and now_ms - self._left_since_ms > patience_ms:
            who = ", ".join(sorted(isolated - ledger.off))
            self._fault("I6", f"the router has kept {who} off for more than two ticks, and that is not recorded")

    def _note(self) -> None:
        """Who is recorded as isolated and kept off by the router now, is out."""
        self._out = (self._out | set(self._world.engine.isolated)) & self._ledger.off
