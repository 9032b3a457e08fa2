"""One process of the daemon, from its start to its death: the real loop, hands, poller and keeper on simulated ports.

It puts the parts together as daemon.py does, without files, sockets and the scheduler's wall clock. It decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from rolloutd import outcomes
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.counting import ArmCounters
from rolloutd.core.decide import Accepted
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.lane import Lane
from rolloutd.core.reconcile import check_invariants
from rolloutd.core.rules import Rules
from rolloutd.core.values import Slot
from rolloutd.hands import Hands
from rolloutd.journal import CommandRepeated, JournalError, StoreBroken, StoreBusy, StoreFull
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Birth, Loop, Notice
from rolloutd.polling import Poller
from rolloutd.ports import MetricSource
from rolloutd.simulation.checkers import Checkers
from rolloutd.simulation.disk import SimulatedEvidence, SimulatedJournal, SimulatedSpill
from rolloutd.simulation.engine import CHALLENGER_SLOT, CHAMPION_SLOT
from rolloutd.simulation.plans import NAME, ROUTE, SOURCE
from rolloutd.simulation.ports import SimulatedProber, SimulatedRouter
from rolloutd.simulation.sight import Sight
from rolloutd.simulation.source import SimulatedSource
from rolloutd.simulation.stores import Disk
from rolloutd.simulation.timewarp import TaskGroup, VirtualLoop
from rolloutd.simulation.warehouse import SimulatedWarehouse
from rolloutd.simulation.world import World
from rolloutd.snapshots import Recall

EPOCH, CLOCK, STEADY_FROM = "epoch", "clock", "steady_from"
SNAP_EVERY_EVENTS = 3
SERIES_LEAST = 2
"""Each arm is two servers, see ``source.counted``."""
BEATS_A_TICK, KEEP_CLOCK_BEATS, SEAL_EVERY_TICKS, RULE_EVERY_TICKS = 2, 3, 8, 5


@dataclass(frozen=True, slots=True)
class Names:
    """What the loop asks about the configuration: the slots' names and the lease."""

    lease_ms: int | None

    def arms(self, route: str) -> Mapping[Slot, str]:
        """The arm-label value of each slot."""
        return {slot: slot.value for slot in Slot}

    def lease(self, route: str) -> int | None:
        """The length of the route's lease."""
        return self.lease_ms

    def sticky(self, route: str) -> bool:
        """Every request is split by itself."""
        return False


class Life:
    """One process. ``dies_at`` is the border at which it is to die; ``ended`` is set when it did, or broke.

    ``rebooted`` is what it makes of the clock that was kept: one that dies before it came up keeps none for the next.
    """

    def __init__(self, world: World, checkers: Checkers, disk: Disk, rebooted: bool) -> None:
        self.world, self.checkers, self.rebooted = world, checkers, rebooted
        self.group = TaskGroup()
        self.alive = True
        self.ready = self.came_up = False
        self.dies_at = ""
        self.ended = asyncio.Event()
        opened = disk.open()
        self._journal = SimulatedJournal(opened.journal, world, checkers, self.cross)
        self._keeper = EvidenceKeeper(SimulatedEvidence(opened.evidence, world, self.cross))
        self._spill = SimulatedSpill(disk.spilled, world, self.cross)
        self._sources = self._open_sources()
        self._recall = Recall(self._journal, opened.snapshots, SNAP_EVERY_EVENTS)
        self.loop: Loop | None = None
        self._poller: Poller | None = None
        self._virtual = asyncio.get_running_loop()

    def _open_sources(self) -> dict[str, MetricSource]:
        """The counters that every plan reads, and the labels that some wait for."""
        sources: dict[str, MetricSource] = {SOURCE: SimulatedSource(self.world, self._answered, lambda: self.alive)}
        for gate in self.world.scenario.plan.gates:
            if gate.template.ripens:
                sources[gate.source] = SimulatedWarehouse(self.world, self._answered, gate)
        return sources

    # ---- dying

    def cross(self, border: str) -> None:
        """A border of the process. Raises CancelledError in a process that is dead, or dies here."""
        if self.alive and self.dies_at == border:
            self.die(f"killed at {border}")
        if not self.alive:
            raise asyncio.CancelledError

    def die(self, why: str) -> None:
        """From now on nothing that this process does reaches anything."""
        if self.alive:
            self.alive = self.ready = False
            self.world.trace.say(f"process: {why}")
            self.ended.set()

    def broke(self, error: BaseException) -> None:
        """An exception that nobody caught ends the daemon; only a store that failed is a reason for one."""
        if self.alive and not isinstance(error, asyncio.CancelledError):
            if not isinstance(error, StoreFull | StoreBusy | StoreBroken):
                self.checkers.fault("I6", f"the daemon broke: {type(error).__name__}: {error}")
            self.die(f"ended by {type(error).__name__}: {error}")

    # ---- living

    async def run(self) -> None:
        """Start as daemon.py does, and begin the ticks."""
        try:
            await self._start()
        except Exception as error:  # noqa: BLE001 - whatever it is ends this process, and is judged in broke
            self.broke(error)

    async def _start(self) -> None:
        world, journal = self.world, self._journal
        epoch = int(await journal.read_meta(EPOCH) or 0) + 1
        await journal.write_meta(EPOCH, str(epoch))
        if self.rebooted:
            await journal.write_meta(STEADY_FROM, str(world.clock.now().clock_ms))
        steady_from_ms = int(await journal.read_meta(STEADY_FROM) or 0)
        loop = self.loop = Loop(
            journal=journal,
            keeper=self._keeper,
            clock=world.clock,
            world=Names(world.scenario.lease_ms),
            birth=Birth(epoch, self.rebooted, steady_from_ms),
            spill=self._spill,
            watcher=Notice(),
            recall=self._recall,
        )
        tick_ms = world.scenario.tick_ms
        every_ms = {gate.source: gate.every_ms for gate in world.scenario.plan.gates}
        poller = self._poller = Poller(loop, self._sources, every_ms, world.clock)
        router = SimulatedRouter(world, self.checkers, self.cross, lambda: self.alive)
        hands = Hands({ROUTE: router}, SimulatedProber(world), world.clock, loop.observe)
        loop.hands = hands
        self.checkers.process_started()
        await loop.restore()
        if world.scenario.staffed.windows:
            await self._rule(loop)
            self._every("rule", RULE_EVERY_TICKS * tick_ms / 1000, 0.0, lambda: self._rule(loop))
        for name in self._sources:
            self._every("poll", every_ms[name] / 1000, 0.0, partial(poller.poll, name))
        self._every("tick", tick_ms / 1000, world.rng.random() * tick_ms / 1000, self._tick())
        self._every("beat", tick_ms / 1000 / BEATS_A_TICK, 0.0, self._beat())
        self.ready = self.came_up = True
        world.trace.say(f"process: epoch {epoch} is up")
        report = await journal.verify()
        if not report.intact:
            self.checkers.fault("I13", f"the chain does not hold: {report.detail}")
        if differs := await self._recall.verify(loop.lanes):
            self.checkers.fault("I13", differs)
        loop.set_raising("")

    async def _rule(self, loop: Loop) -> None:
        """The policy of this moment, as the daemon's beat says it to the loop."""
        loop.rule(Rules(unstaffed=self.world.scenario.staffed.closed(self.world.clock.now().wall_ms)))

    def _every(self, name: str, every_s: float, first_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """A job as the schedule runs it: late ones coalesce, none overlaps itself."""

        async def job() -> None:
            due_s = self._virtual.time() + first_s
            try:
                while True:
                    await asyncio.sleep(max(0.0, due_s - self._virtual.time()))
                    await work()
                    missed = int((self._virtual.time() - due_s) / every_s)
                    due_s += every_s * (1 + missed)
            except Exception as error:  # noqa: BLE001 - as in schedule.py, it ends the daemon
                self.broke(error)

        self.group.spawn(job(), name)

    def _tick(self) -> Callable[[], Awaitable[None]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            assert self.loop is not None
            for name in list(self.loop.lanes):
                await self.loop.tick(name)
                ticks += 1
                if ticks % SEAL_EVERY_TICKS == 0:
                    await self.loop.seal(name)

        return tick

    def _beat(self) -> Callable[[], Awaitable[None]]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            beats += 1
            now = self.world.clock.now()
            await self._keeper.pulse(now)
            assert self.loop is not None
            await self.loop.catch_up()
            await self._recall.keep([*(lane.rollout for lane in self.loop.lanes.values()), *self.loop.ended.values()])
            if beats % KEEP_CLOCK_BEATS == 0:
                with suppress(StoreFull, StoreBusy):
                    await self._journal.write_meta(CLOCK, str(now.clock_ms))

        return beat

    def _answered(self, metric: str, sight: Sight, now_ms: int) -> None:
        if self.alive:
            self.checkers.answered(metric, sight, now_ms)

    # ---- what people reach

    async def start_rollout(self, start: Start, command_id: str) -> Accepted | Refused:
        """The start verb, as the desk passes it on."""
        assert self.loop is not None
        key = outcomes.key_of(command_id, start.actor, "start")
        assert self._poller is not None
        try:
            decision = await self.loop.start(start, key)
            for name in self._sources:
                self.group.spawn(self._poll_soon(self._poller, name), "poll soon")
            return decision
        except CommandRepeated as repeated:
            return outcomes.from_text(repeated.stored.outcome)
        except JournalError as error:
            return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step)

    async def _poll_soon(self, poller: Poller, source: str) -> None:
        """The checks of a new rollout do not wait for the source's cadence."""
        try:
            await poller.poll(source)
        except Exception as error:  # noqa: BLE001 - as for any other job
            self.broke(error)

    async def act(self, act: Act, command_id: str) -> Accepted | Refused:
        """Any other verb, as the desk passes it on: once for each id."""
        assert self.loop is not None
        key = outcomes.key_of_act(command_id, NAME, act)
        stored = None if act.verb is Verb.ABORT else await self._journal.command_outcome(command_id)
        if stored is None:
            try:
                decision, _ = await self.loop.command(NAME, act, key)
                return decision
            except CommandRepeated as repeated:
                stored = repeated.stored
            except KeyError:
                return Refused(RefusalCode.NOT_FOUND, f"There is no rollout {NAME}.", "rollout list")
            except JournalError as error:
                return Refused(RefusalCode.NOT_NOW, f"It could not be recorded: {error}", error.next_step)
        return outcomes.from_text(stored.outcome)

    # ---- what the checkers look at

    def look(self) -> None:
        """What can be seen of a living process: its own invariants hold, and no request was counted twice."""
        if self.loop is None or not self.alive:
            return
        world, broken = self.world, self.loop.broken
        world.raising_stopped = bool(self.loop.why_not_raise)
        if broken and "journal cannot be written" not in broken:
            self.checkers.fault("I6", f"the loop stopped raising: {broken}")
        world.flow()
        for lane in self.loop.lanes.values():
            for sentence in check_invariants(lane.rollout):
                self.checkers.fault(*sentence.split(": ", 1))
            for known in lane.evidence.values():
                self._look_at_gate(lane, known)

    def _look_at_gate(self, lane: Lane, known: GateEvidence) -> None:
        """A gate counts no more than was served, and knows when it sees nothing."""
        world, counts = self.world, known.total_sum
        for slot, n in ((CHALLENGER_SLOT, counts.challenger_n), (CHAMPION_SLOT, counts.champion_n)):
            served = world.servers.arms[slot].served
            if n > served and not world.counters_lied:
                self.checkers.fault(
                    "I3", f"{known.metric} counted {n} requests of slot {slot.value}, of {served} served"
                )
            self._look_at_series(known, slot, known.challenger if slot is CHALLENGER_SLOT else known.champion)
        if self.ready and self.checkers.sight.is_blind(known.metric, world.now_ms()):
            judged = lane.picture(world.clock.now().clock_ms).judgement
            if known.metric not in {gate.gate.metric for gate in judged.blind}:
                self.checkers.fault("I3", f"{known.metric} is given nothing usable and does not know that it is blind")

    def _look_at_series(self, known: GateEvidence, slot: Slot, counters: ArmCounters | None) -> None:
        """What several servers of an arm showed is known of each of them."""
        if self.world.scenario.plan.gate(known.metric).template.ripens:
            return  # labels come from one table
        shown = self.ready and self.checkers.sight.saw_all(known.metric, self.world.now_ms())
        if shown and counters is not None and len(counters.total) < SERIES_LEAST:
            self.checkers.fault(
                "I3",
                f"{known.metric} knows {len(counters.total)} of slot {slot.value}, of {SERIES_LEAST} series shown",
            )


__all__ = ["Life", "VirtualLoop"]
