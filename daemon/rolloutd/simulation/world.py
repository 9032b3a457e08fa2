"""The world of one run: router, servers under load, and what is going wrong at this moment. It judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from rolloutd.core.values import Share, Slot
from rolloutd.simulation.engine import CHAMPION_SLOT, Cause, Change, Engine, Given, higher
from rolloutd.simulation.scenario import Fault, Kind, Scenario
from rolloutd.simulation.servers import Servers
from rolloutd.simulation.timewarp import WALL_AT_START_MS, VirtualClock, VirtualLoop
from rolloutd.simulation.trace import Trace

DISTURBING = frozenset(
    {
        Kind.ROUTER_REFUSES, Kind.ROUTER_AWAY, Kind.REPLY_LOST, Kind.NOT_APPLIED, Kind.ROUTER_SLOW,
        Kind.STORE_FULL, Kind.STORE_SLOW,
    }
)  # fmt: skip
"""While one of these lasts the router need not equal the record."""


class World:
    """Truth. ``disturbed_ms`` is when something last kept the daemon from making the router equal the record.

    ``nothing_kept`` says that journal and spill were both full: a process that died then took its reasons with it.
    """

    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self.scenario = scenario
        self.rng = Random(f"run {scenario.seed}")
        self.clock = VirtualClock(loop)
        self.clock.wall_jump_ms = scenario.wall_from_ms - WALL_AT_START_MS
        self.trace = Trace(self.clock.true_ms)
        self.servers = Servers(scenario, self.rng)
        self.engine_told: Callable[[Change], None] = _nobody
        self.engine = Engine(scenario.lease_ms, scenario.finest_step_bp, self._changed, scenario.segments)
        self.active: dict[Kind, Fault] = {}
        self.met: Counter[str] = Counter()
        self.hand_ms = -1_000_000
        self.raising_stopped = False
        self.store_was_in_trouble = False
        self.nothing_kept = False
        self.counters_lied = False
        self.all_series_shown = False
        self._disturbed_ms = 0

    def _changed(self, change: Change) -> None:
        self.engine_told(change)

    def now_ms(self) -> int:
        """The true time since the run began."""
        return self.clock.true_ms()

    @property
    def patience_ms(self) -> int:
        """How long the daemon may need for anything it must do about the router: two ticks and two calls."""
        return 2 * self.scenario.tick_ms + 4_500

    @property
    def disturbed_ms(self) -> int:
        """Now while something disturbs, otherwise when it ended."""
        if not DISTURBING.isdisjoint(self.active):
            self._disturbed_ms = self.now_ms()
        return self._disturbed_ms

    def disturb(self) -> None:
        """Something else kept the daemon from its work until now: it was dead, or the host slept."""
        self._disturbed_ms = self.now_ms()

    def flow(self, given: Given | None = None) -> None:
        """Let traffic flow until now."""
        self.servers.flow(self.now_ms(), self.engine.given if given is None else given)

    def begin(self, fault: Fault) -> None:
        """A fault begins; one that happens at a moment happens here."""
        self.met[fault.kind.value] += 1
        self.trace.say(
            f"fault {fault.kind.value} {fault.word} {fault.amount or ''} for {fault.for_ms} ms".replace("  ", " ")
        )
        if fault.kind is Kind.ROUTER_FORGETS:
            self.engine.forget()
        elif fault.kind in (Kind.HAND_RAISES, Kind.HAND_LOWERS):
            self._hand(fault)
        elif fault.kind in (Kind.HAND_ISOLATES, Kind.HAND_LETS_IN):
            self.hand_ms = self.now_ms()
            off = {*self.engine.isolated, fault.word} if fault.kind is Kind.HAND_ISOLATES else set[str]()
            self.engine.isolate(tuple(off), Cause.HAND)
        elif fault.kind is Kind.COUNTER_RESET:
            self.flow()
            self.servers.reset(self.rng.choice(tuple(Slot)))
        elif fault.kind is Kind.WALL_JUMP:
            self.clock.wall_jump_ms = fault.amount
        else:
            self.active[fault.kind] = fault
            self.counters_lied |= fault.kind is Kind.ZEROES
            self.store_was_in_trouble |= fault.kind in (Kind.STORE_FULL, Kind.STORE_SLOW)

    def end(self, fault: Fault) -> None:
        """A fault ends."""
        if self.active.get(fault.kind) is fault:
            self.disturbed_ms  # noqa: B018 - notes that it disturbed until now
            del self.active[fault.kind]
            self.trace.say(f"fault {fault.kind.value} is over")

    def _hand(self, fault: Fault) -> None:
        """Somebody with the router's own tools changes the override of whichever slot has one."""
        engine = self.engine
        now_bp = engine.override.basis_points
        slot = engine.override_slot or CHAMPION_SLOT.other
        wanted_bp = higher(now_bp, fault.chance) if fault.kind is Kind.HAND_RAISES else round(now_bp * fault.chance)
        self.hand_ms = self.now_ms()
        engine.set_share(slot, Share(wanted_bp), Cause.HAND)


def _nobody(change: Change) -> None:
    """Nobody is told yet."""
