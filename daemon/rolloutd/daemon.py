"""One running daemon, put together: it starts in the safe order, runs, stops in the safe order, and decides nothing.

The order of the start: the lock before anything else, the journal before the router, every live rollout looked at
afresh, and increases only once the journal's whole chain has been verified.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from rolloutd import pulse
from rolloutd.about import AboutDaemon, Parts, program_version
from rolloutd.access import Access
from rolloutd.alerting import Alerting
from rolloutd.choosing import Choosing
from rolloutd.clock import BoottimeClock, ClockReading
from rolloutd.core.plan import Spec
from rolloutd.core.values import ZERO
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.desk import Desk
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.feed import Feed
from rolloutd.foreteller import SpecReader
from rolloutd.gauges import NO_METRICS, Gauges, Pulse, ToldMetrics
from rolloutd.hands import Hands
from rolloutd.holding import FleetHolding
from rolloutd.journal import JournalError, StoreBusy, StoreFull
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.keeper import EvidenceKeeper
from rolloutd.lock import take_lock
from rolloutd.logs import set_level
from rolloutd.loop import Birth, Loop, Notice
from rolloutd.new_versions import NewVersions, watched
from rolloutd.notify_systemd import SystemdNotify
from rolloutd.outside import Outside, around, foreteller_of, rules_at
from rolloutd.polling import Poller
from rolloutd.proposing import Proposing, close_forsaken
from rolloutd.published import PublishedHeads
from rolloutd.registering import Registering
from rolloutd.reloading import Reloading
from rolloutd.rereading import Fresh, Rereading
from rolloutd.schedule import Schedule
from rolloutd.server import LocalServer
from rolloutd.server_loopback import metrics_port
from rolloutd.snapshots import Recall, SqliteSnapshots, open_snapshots
from rolloutd.sockets import Listener
from rolloutd.spill import SpillFile

EPOCH, CLOCK, STEADY_FROM = "epoch", "clock", "steady_from"
VERIFY_EVERY_S = 3_600.0
KEEP_CLOCK_BEATS = 10
TRUSTED_AFTER_BEATS = 10
"""A daemon that took over live rollouts is a sign of life for emergency-abort only from here on: one that dies sooner,
again and again, must not keep a share alive that no lease ends."""
log = logging.getLogger("rolloutd.daemon")


@dataclass(frozen=True, slots=True)
class Reread:
    """What reads the configuration again, and the signal that asks for it."""

    rereading: Rereading
    asked: asyncio.Event


@dataclass(slots=True)
class Daemon:
    """A daemon between its start and its stop."""

    state_dir: Path
    outside: Outside
    lock_file: int
    journal: SqliteJournal
    keeper: EvidenceKeeper
    evidence: SqliteEvidence
    clock: BoottimeClock
    loop: Loop
    poller: Poller
    desk: Desk
    about: AboutDaemon
    hands: Hands
    heads: PublishedHeads
    recall: Recall
    snapshots: SqliteSnapshots
    notify: SystemdNotify
    took_over: bool
    alerting: Alerting
    registering: Registering
    failure: BaseException | None = None
    beats: int = 0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    gauges: Gauges = field(init=False)

    def __post_init__(self) -> None:
        self.gauges = Gauges(self.registry)

    @classmethod
    async def open(cls, state_dir: Path, outside: Outside, read_spec: SpecReader) -> Daemon:
        """Lock, open, fold and look afresh. Nothing is raised before ``run`` has verified the chain."""
        lock_file = take_lock(state_dir)
        journal = SqliteJournal.open(state_dir / "journal.db")
        evidence = SqliteEvidence.open(state_dir / "evidence.db")
        kept = await journal.read_meta(CLOCK)
        clock = BoottimeClock(_kept_clock(kept))
        epoch = int(await journal.read_meta(EPOCH) or 0) + 1
        await journal.write_meta(EPOCH, str(epoch))
        snapshots = open_snapshots(state_dir / "snapshots.db")
        recall = Recall(journal, snapshots)
        keeper, feed = EvidenceKeeper(evidence), Feed()
        notice = Notice()
        loop = Loop(
            journal=journal,
            keeper=keeper,
            clock=clock,
            world=outside,
            birth=Birth(epoch, clock.rebooted, await _steady_from_ms(journal, clock)),
            spill=SpillFile(state_dir / "spill.jsonl"),
            watcher=notice,
            recall=recall,
        )
        loop.rule(rules_at(outside, clock.now().wall_ms))
        holding = FleetHolding(loop, journal, clock)
        poller = Poller(loop, outside.sources, outside.every_ms, clock)
        by_route = {name: outside.routers[config.router] for name, config in outside.routes.items()}
        alerting = Alerting.open(outside.notifiers, state_dir, journal, clock)
        parts = Parts(
            loop, poller, journal, clock, outside.routers, outside.routes, outside.prober, outside.lease_ms, alerting
        )
        about = AboutDaemon(parts)
        foreteller = foreteller_of(outside, read_spec, by_route)
        desk = Desk(
            loop=loop,
            journal=journal,
            keeper=keeper,
            clock=clock,
            choosing=Choosing(around(outside, by_route, loop), foreteller, clock, outside.offered),
            about=about,
            feed=feed,
            holding=holding,
        )
        heads = PublishedHeads()
        hands = Hands(by_route, outside.prober, clock, loop.observe, outside.examiners)
        loop.hands = hands
        proposing = Proposing(holding, desk.choosing, loop.knows)
        looking = NewVersions(outside.routes, desk.start, loop.knows, proposing.look)
        registering = Registering(loop, outside.registries, looking.look, clock)
        notice.tell(
            desk.changed, desk.recorded, heads.note, alerting.recorded, hands.recorded, registering.recorded
        )  # fmt: skip
        await holding.restore()
        await loop.restore()
        return cls(
            state_dir, outside, lock_file, journal, keeper, evidence, clock, loop, poller, desk, about, hands,
            heads, recall, snapshots, SystemdNotify(), bool(loop.lanes), alerting, registering,
        )  # fmt: skip

    async def run(
        self,
        stop: asyncio.Event,
        access: Access,
        listeners: Mapping[str, Listener],
        seal_every_ticks: int,
        told: ToldMetrics = NO_METRICS,
        reread: Reread | None = None,
    ) -> None:
        """Serve until ``stop`` is set or something breaks; raises what broke."""

        def broke(error: BaseException) -> None:
            self.failure = self.failure or error
            stop.set()

        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: broke(context.get("exception") or RuntimeError(str(context.get("message"))))
        )
        await self.alerting.start([lane.rollout for lane in self.loop.lanes.values()])
        await close_forsaken(self.desk.holding, watched(self.outside.routes, self.outside.registries))
        schedule = Schedule(
            self.loop, self.poller, self.outside.every_ms, self.clock, self._beat, seal_every_ticks, broke
        )
        self.desk.when_started(lambda spec: _follow_up(schedule, spec))
        reloading = self._reloading(access, reread)
        server = LocalServer(self.desk, access, listeners, registry=self.registry)
        self.gauges.file = told.file
        loopback = metrics_port(self.registry)
        if told.port:
            await loopback.open(told.port)
        serving = asyncio.create_task(server.run(stop), name="server")
        serving.add_done_callback(lambda task: _tell_failure(task, broke))
        verifying = asyncio.create_task(self._verify(), name="verify the chain")
        verifying.add_done_callback(lambda task: _tell_failure(task, broke))
        schedule.start()
        self.registering.start()
        if reloading is not None:
            reloading.add_done_callback(lambda task: _tell_failure(task, broke))
        await server.ready.wait()
        self.notify.ready(f"{len(self.loop.lanes)} live rollouts")
        await stop.wait()
        self.notify.stopping(self._last_words())
        reach(CrashPoint.IN_SHUTDOWN)
        await schedule.stop()
        ending = [verifying, *([reloading] if reloading is not None else [])]
        for task in ending:
            task.cancel()
        await loopback.close()
        await asyncio.gather(serving, *ending, return_exceptions=True)
        await self.close()
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Finish what is under way, then let go of everything; the lock last."""
        await self.alerting.stop()
        await self.registering.stop()
        await self.hands.end_checks()
        await self.hands.end()
        await self._keep_clock()
        for source in self.outside.sources.values():
            await source.close()
        for router in self.outside.routers.values():
            await router.close()
        for examiner in self.outside.examiners.values():
            await examiner.close()
        for registry in self.outside.registries.values():
            await registry.registry.close()
        await self.outside.prober.close()
        await self.evidence.close()
        await self.snapshots.close()
        await self.journal.close()
        os.close(self.lock_file)

    def _reloading(self, access: Access, reread: Reread | None) -> asyncio.Task[None] | None:
        """Let the verb reload and the signal work, where there is a file to read again."""
        if reread is None:
            return None

        async def adopt(fresh: Fresh) -> None:
            await self._adopt(fresh, access)

        reloading = Reloading(self.loop, self.desk.holding, reread.rereading, adopt)
        self.desk.when_reloading(reloading)
        return asyncio.create_task(reloading.follow(reread.asked), name="reload on SIGHUP")

    async def _adopt(self, fresh: Fresh, access: Access) -> None:
        """All of it without a pause, but for who is told: their messages wait in the outbox meanwhile."""
        self.outside = self.outside.governed_by(fresh.outside)
        choosing = self.desk.choosing
        choosing.adopt(choosing.foreteller.under(fresh.read_spec, self.outside), self.outside.offered)
        self._rule()
        set_level(fresh.settings.daemon.log_level)
        if fresh.roles is not None:
            access.adopt(*fresh.roles)
            self.desk.feed.end_all()
        if fresh.notifiers is not None:
            await self.alerting.adopt(fresh.notifiers, [lane.rollout for lane in self.loop.lanes.values()])

    def _rule(self) -> None:
        now = rules_at(self.outside, self.clock.now().wall_ms)
        self.loop.rule(replace(now, fleet_hold=self.loop.standing.rules.fleet_hold))

    async def _verify(self) -> None:
        """Check the whole chain in the background, at once and then every hour; increases wait for the first time."""
        while True:
            report = await self.journal.verify()
            self.about.verified(report)
            if not report.intact:
                self.loop.stop_raising(f"the journal is damaged at event {report.broken_at}: {report.detail}")
                return
            if wrong := await self.recall.verify(list(self.loop.lanes)):
                self.loop.stop_raising(wrong)
                return
            self.loop.set_raising("")
            await asyncio.sleep(VERIFY_EVERY_S)
            gc.collect()  # the whole of it, which by itself never comes (see main)

    async def _beat(self) -> None:
        """One turn of the loop: signs of life for systemd, for emergency-abort and for the next start."""
        self.notify.watchdog()
        self._rule()
        if self.beats >= TRUSTED_AFTER_BEATS or not self.took_over:
            pulse.give(self.state_dir, self.clock.reading().boot_id)
        await self.keeper.pulse(self.clock.now())
        await self.loop.catch_up()
        await self.about.refresh_head()
        self.heads.tell(self.about.head)
        await self.gauges.beat(self._pulse(), self.loop.lanes)
        self.beats += 1
        if self.beats % KEEP_CLOCK_BEATS == 0:
            await self._keep_clock()
            await self._snap()

    def _pulse(self) -> Pulse:
        loop, about = self.loop, self.about
        return Pulse(
            self.clock.now().wall_ms, program_version(), not loop.why_not_raise, bool(loop.broken), about.head.seq,
            about.verified_wall_ms,
        )  # fmt: skip

    async def _keep_clock(self) -> None:
        kept = self.clock.reading()
        try:
            await self.journal.write_meta(CLOCK, f"{kept.clock_ms} {kept.boot_id} {kept.boottime_ms}")
        except (StoreFull, StoreBusy) as error:  # an older reading serves too; a daemon that ends does not
            log.warning("the clock's reading was not kept", extra={"error": str(error)})

    async def _snap(self) -> None:
        """Snapshots make the next start quick; without them it only takes longer."""
        rollouts = [*(lane.rollout for lane in self.loop.lanes.values()), *self.loop.ended.values()]
        try:
            await self.recall.keep(rollouts)
        except JournalError as error:
            log.warning("no snapshot was kept", extra={"error": str(error)})

    def _last_words(self) -> str:
        """What becomes of live shares when this process is gone."""
        lines = []
        for lane in self.loop.lanes.values():
            share = lane.rollout.traffic.confirmed
            if share == ZERO:
                continue
            lease_ms = self.outside.lease(lane.rollout.spec.route)
            fate = f"lapses to 0% within {lease_ms / 1000:g} s" if lease_ms else "STAYS until somebody acts"
            lines.append(f"{lane.rollout.name}: {share} {fate}")
        text = "; ".join(lines) or "no live share"
        log.warning("stopping", extra={"shares": text})
        return text


def _tell_failure(task: asyncio.Task[None], broke: Callable[[BaseException], None]) -> None:
    """A task that ended by an error is a failure of the daemon."""
    if not task.cancelled() and (error := task.exception()) is not None:
        broke(error)


async def _steady_from_ms(journal: SqliteJournal, clock: BoottimeClock) -> int:
    """Since when the host has not been off, on the rollout clock; kept, since a later process cannot tell any more."""
    if clock.rebooted:
        await journal.write_meta(STEADY_FROM, str(clock.now().clock_ms))
    return int(await journal.read_meta(STEADY_FROM) or 0)


def _kept_clock(text: str | None) -> ClockReading | None:
    if text is None:
        return None
    clock_ms, boot_id, boottime_ms = text.split()
    return ClockReading(int(clock_ms), boot_id, int(boottime_ms))


def _follow_up(schedule: Schedule, spec: Spec) -> None:
    """A new rollout gets its tick, and its checks do not wait for the sources' cadence."""
    schedule.follow()
    schedule.poll_soon({gate.source for gate in spec.plan.gates})
