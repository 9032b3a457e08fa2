"""One seed from beginning to end: starts processes, lets faults happen, and asks whether it ended as it must."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from dataclasses import dataclass

from rolloutd.core.audit import audit
from rolloutd.core.events import Recorded
from rolloutd.journal import JournalError
from rolloutd.lock import AlreadyRunning
from rolloutd.simulation.checkers import Checkers
from rolloutd.simulation.life import Life
from rolloutd.simulation.people import People
from rolloutd.simulation.scenario import Challenger, Fault, Kind, Scenario, draw
from rolloutd.simulation.servers import PARTS
from rolloutd.simulation.stores import Disk, StoreKind, new_disk
from rolloutd.simulation.timewarp import VirtualLoop, run_virtual
from rolloutd.simulation.world import World

PATIENCE_TICKS = 150
RESTART_MS = 1_500


@dataclass(frozen=True, slots=True)
class Result:
    """What one seed came to. ``broken`` is the first broken invariant in words, empty when all held."""

    seed: int
    outcome: str
    broken: str
    virtual_ms: int
    events: int
    faults: Counter[str]
    digest: str
    tail: tuple[str, ...]


class Run:
    """The course of one seed."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, disk: Disk) -> None:
        self.scenario = scenario
        self.virtual = loop
        self.world = World(scenario, loop)
        self.checkers = Checkers(self.world)
        self.disk = disk
        self.life = Life(self.world, self.checkers, self.disk, rebooted=False)
        self.people = People(scenario, self.world, self.checkers, lambda: self.life)
        self.checkers.raising = self.people.raising
        self.rows: list[Recorded] = []
        self._absent_ms: int | None = None
        self._reboot = False

    async def main(self) -> Result:
        """Run to the end of the rollout, or until it is clear that it does not end."""
        world, scenario = self.world, self.scenario
        world.trace.say(f"seed {scenario.seed}: {scenario.challenger.value}, " + _words(scenario))
        self.life.group.spawn(self.life.run(), "start")
        for fault in scenario.faults:
            self.virtual.call_later(fault.at_ms / 1000, self._begin, fault)
            self.virtual.call_later((fault.at_ms + fault.for_ms) / 1000, self._end, fault)
        minding = asyncio.ensure_future(self._mind())
        self.people.arrive()
        await self._watch()
        minding.cancel()
        self.people.leave()
        await self._bury()
        self.rows = await self._record()
        for finding in audit(self.rows).findings:
            self.checkers.fault("I4", str(finding))
        ledger = self.checkers.ledger
        outcome = ledger.ended or ("held" if ledger.held else "never started" if not ledger.version else "live")
        world.trace.say(f"outcome {outcome}")
        trace = world.trace
        return Result(
            scenario.seed, outcome, self.checkers.broken, world.now_ms(), ledger.version, world.met, trace.digest(),
            tuple(trace.lines),
        )  # fmt: skip

    # ---- processes

    async def _mind(self) -> None:
        """What the service manager does: bury a process that ended and start the next."""
        while True:
            await self.life.ended.wait()
            await self._bury()
            absent_ms, self._absent_ms = self._absent_ms or RESTART_MS, None
            await asyncio.sleep(absent_ms / 1000)
            rebooted, self._reboot = self._reboot, False
            if rebooted:
                self.world.clock.behind_ms += absent_ms
            self.world.disturb()
            rebooted |= self.life.rebooted and not self.life.came_up
            await self._record()
            try:
                self.life = Life(self.world, self.checkers, self.disk, rebooted)
            except JournalError as error:
                self.checkers.fault("I13", f"what the last process left does not open: {error}")
                return
            self.life.group.spawn(self.life.run(), "start")

    async def _bury(self) -> None:
        self.life.die("stopped")
        if not await self.life.group.kill():
            self.checkers.fault("I6", "a task of a killed process does not end")
        self.disk.kill()

    # ---- faults

    def _begin(self, fault: Fault) -> None:
        self.world.begin(fault)
        if fault.kind in (Kind.CRASH, Kind.REBOOT):
            self._absent_ms = fault.amount
            self.life.dies_at = fault.word
            self._reboot = fault.kind is Kind.REBOOT
            if fault.word == "now":
                self.life.die(fault.kind.value)
        elif fault.kind is Kind.SUSPEND:
            self._suspend(fault)
        elif fault.kind is Kind.SECOND_DAEMON and self.life.alive:
            self._begin_another()

    def _begin_another(self) -> None:
        """Somebody starts the daemon by hand, beside the one that acts."""
        try:
            another = Life(self.world, self.checkers, self.disk, rebooted=False)
        except AlreadyRunning:
            self.world.trace.say("a second daemon is refused")
            return
        another.group.spawn(another.run(), "start")

    def _end(self, fault: Fault) -> None:
        self.world.end(fault)
        if fault.kind is Kind.CRASH and self.life.alive:
            self.life.dies_at = ""

    def _suspend(self, fault: Fault) -> None:
        """The host sleeps: time goes on for the world, and everything that was due is late."""
        self.virtual.pass_s(fault.amount / 1000)
        self.world.disturb()
        if fault.amount > max(5_000, 2 * self.scenario.tick_ms):
            self.checkers.sight.woke(self.world.now_ms())

    # ---- the end

    async def _watch(self) -> None:
        """Look again and again; when all is quiet people help the rollout to its end, and at last abort it."""
        scenario, world = self.scenario, self.world
        half_tick_s = scenario.tick_ms / 2000
        last_ms = scenario.quiet_ms + PATIENCE_TICKS * scenario.tick_ms
        while not self.checkers.broken:
            await asyncio.sleep(half_tick_s)
            self._look()
            now_ms, ledger = world.now_ms(), self.checkers.ledger
            if ledger.ended or (now_ms > last_ms and not ledger.version):
                await self._aftermath()
                return
            if now_ms > scenario.quiet_ms:
                self._relieve(now_ms, last_ms)
            if now_ms > last_ms + 30 * scenario.tick_ms:
                self.checkers.fault("liveness", "the rollout has not ended though somebody aborted it long ago")

    def _look(self) -> None:
        if not self.life.ready:
            self.world.disturb()
        self.life.look()
        self.checkers.look()

    def _relieve(self, now_ms: int, last_ms: int) -> None:
        """All faults are over: a daemon that gave up raising is restarted, people answer what it asks."""
        loop = self.life.loop
        if loop is not None and loop.broken and self.life.alive:
            self.life.die("restarted by a person")
        elif self.life.ready:
            self.people.help(final=now_ms > last_ms)

    async def _aftermath(self) -> None:
        """Two more ticks, in which nothing may move; then whether this was the right end."""
        ended, shown = self.checkers.ledger.ended, self.world.engine.share
        for _ in range(4):
            await asyncio.sleep(self.scenario.tick_ms / 2000)
            self._look()
        for sentence in judge_end(self.scenario, ended, self.people, ever_off=self.checkers.ledger.ever_off):
            self.checkers.fault("liveness", sentence)
        if ended == "done" and self.world.engine.base.value != "b":
            self.checkers.fault("I6", f"done, but the base is slot a and {shown} is on the challenger")

    async def _record(self) -> list[Recorded]:
        """All that is in the journal now, checked; what was acknowledged is in it."""
        try:
            rows = await self.disk.record()
        except JournalError as error:
            self.checkers.fault("I13", str(error))
            return []
        self.checkers.kept(rows)
        return rows


def judge_end(scenario: Scenario, ended: str, people: People, *, ever_off: bool) -> list[str]:
    """Sentences about an end that may not be: each kind of challenger has its own right ends.

    With a segment that was ever off, a rollout may stand for good: only a person lets it in, or ends all of it.
    """
    wrong: list[str] = []
    kind = scenario.challenger
    rounded = scenario.finest_step_bp > 1  # such a router never shows what was asked, and nothing goes up on it
    aborted = people.asked_to_abort or people.gave_up  # it may be on record although nobody was answered
    if kind is Challenger.HEALTHY:
        if ended == "rolled_back" and not people.may_time_out:
            wrong.append("a healthy challenger was rolled back")
        if people.gave_up and not rounded and not ever_off:
            wrong.append("a healthy challenger did not get through although nothing stood in its way any more")
    if kind is Challenger.HARMFUL and ended == "done" and not (people.promoted or safe_over_all(scenario)):
        wrong.append("a harmful challenger is done")
    if kind is Challenger.HARMFUL and people.gave_up and not people.on_hold_gate and not (rounded or ever_off):
        wrong.append("a harmful challenger was never rolled back")
    if ended == "refused" and not scenario.faults:
        wrong.append("the start was refused although nothing was wrong")
    if ended == "aborted" and not aborted:
        wrong.append("aborted although nobody asked for it")
    return wrong


def safe_over_all(scenario: Scenario) -> bool:
    """Whether harm to one segment is within each gate's margin over all users: a gate passes on all of them together.

    In the few checks of a short stage that may be shown before the harm to the one.
    """
    if not scenario.harm_in:
        return False
    part = PARTS[scenario.segments.index(scenario.harm_in)]
    ratio = 1 + part * (scenario.harm_rate / scenario.champion_rate - 1)
    return all(ratio <= gate.accept.factor for gate in scenario.plan.gates)


def run_seed(seed: int, store: StoreKind = StoreKind.SQLITE) -> Result:
    """Run one seed. The same seed gives the same trace in every process, and on either store."""
    return run_scenario(draw(seed), store)[0]


def run_scenario(scenario: Scenario, store: StoreKind = StoreKind.SQLITE) -> tuple[Result, list[Recorded]]:
    """Run one scenario; what it came to, and all that is in its journal."""

    async def main(loop: VirtualLoop) -> tuple[Result, list[Recorded]]:
        with new_disk(store) as disk:
            run = Run(scenario, loop, disk)
            result = await run.main()
            return result, run.rows

    logging.disable(logging.CRITICAL)
    collected = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)  # what a run makes lives until its end: looking it through costs a quarter of it
    try:
        return run_virtual(main)
    finally:
        gc.set_threshold(*collected)
        logging.disable(logging.NOTSET)


def _words(scenario: Scenario) -> str:
    """The plan in one line."""
    ladder = " > ".join(str(stage.share) for stage in scenario.plan.stages)
    lease = f"lease {scenario.lease_ms} ms" if scenario.lease_ms else "no lease"
    return f"{ladder}, tick {scenario.tick_ms} ms, {scenario.requests_per_s} requests/s, {lease}"
