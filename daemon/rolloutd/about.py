"""What the daemon says about itself: health, heartbeat, hello, and the doctor's checks. It changes nothing."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rolloutd import wire_daemon
from rolloutd.alerting import Alerting
from rolloutd.core.lane import Lane
from rolloutd.core.values import Actor, Slot
from rolloutd.journal import ChainReport, Head, Journal, JournalError
from rolloutd.loop import Loop
from rolloutd.pictures import Audit
from rolloutd.polling import Poller
from rolloutd.ports import Clock, Prober, RouteConfig, Router, RouterError
from rolloutd.promptness import Breach, breach_to_zero
from rolloutd.wording import rfc3339

ROUTER_CHECK_S = 2.0


def program_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("rolloutd")
    except PackageNotFoundError:
        return "0"


@dataclass(slots=True)
class Parts:
    """What the daemon is made of, as far as it can be asked how it is."""

    loop: Loop
    poller: Poller
    journal: Journal
    clock: Clock
    routers: Mapping[str, Router]
    routes: Mapping[str, RouteConfig]
    prober: Prober
    leases_ms: Mapping[str, int | None]
    alerting: Alerting | None = None


class AboutDaemon:
    """Answers about the daemon itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._boot_id = uuid.uuid4().hex
        self._host = socket.gethostname()
        self._version = program_version()
        self.head = Head(0, "")
        self._verified: tuple[ChainReport, str] | None = None
        self.verified_wall_ms: int | None = None

    def hello(self, actor: Actor, read_only: bool) -> wire_daemon.Hello:
        """The first message of an event stream."""
        return wire_daemon.Hello(
            boot_id=self._boot_id,
            version=self._version,
            host=self._host,
            who=actor.name,
            role=actor.role.value,
            read_only=read_only,
            as_of=rfc3339(self._parts.clock.now().wall_ms),
            simulated=any(router.abilities.simulated for router in self._parts.routers.values()),
        )

    def heartbeat(self, seq: int, needs_you: int) -> wire_daemon.Heartbeat:
        """The daemon's time and the ages of its sources and routers."""
        now = self._parts.clock.now()
        return wire_daemon.Heartbeat(
            as_of=rfc3339(now.wall_ms),
            boot_id=self._boot_id,
            seq=seq,
            sources=self._source_ages(now.clock_ms),
            routers=self._router_ages(now.clock_ms),
            needs_you=needs_you,
            message=self._parts.loop.broken,
        )

    def _source_ages(self, now_ms: int) -> list[wire_daemon.SourceAge]:
        ages = []
        for name, health in self._parts.poller.health.items():
            asked = self._parts.poller.is_asked(name)
            at_ms = health.answered_at_ms if asked else None
            age_s = None if at_ms is None else (now_ms - at_ms) / 1000
            state = "idle" if not asked else "down" if health.trouble else "ok"
            ages.append(wire_daemon.SourceAge(name=name, age_s=age_s, every_s=health.every_ms / 1000, state=state))
        return ages

    def _router_ages(self, now_ms: int) -> list[wire_daemon.SourceAge]:
        """Each router's oldest reading among the live rollouts it splits; a router without one is left out."""
        oldest: dict[str, Lane] = {}
        for lane in self._parts.loop.lanes.values():
            router = self._parts.routes[lane.rollout.spec.route].router
            shown = lane.seen.shown_at_ms or 0
            if router not in oldest or shown < (oldest[router].seen.shown_at_ms or 0):
                oldest[router] = lane
        return [
            wire_daemon.SourceAge(
                name=name,
                age_s=None if lane.seen.shown_at_ms is None else (now_ms - lane.seen.shown_at_ms) / 1000,
                every_s=lane.rollout.spec.plan.timing.tick_ms / 1000,
                state="down" if lane.seen.route_error else "ok",
            )
            for name, lane in oldest.items()
        ]

    def health(self) -> wire_daemon.Health:
        """Whether the daemon turns."""
        loop = self._parts.loop
        return wire_daemon.Health(
            ok=not loop.broken,
            version=self._version,
            boot_id=self._boot_id,
            epoch=loop.epoch,
            head_seq=self.head.seq,
            head_hash=self.head.hash,
            live=len(loop.lanes),
            total=len(loop.lanes) + len(loop.ended),
            degraded=loop.broken or loop.why_not_raise,
        )

    async def refresh_head(self) -> None:
        """Read the journal's head again; it is published with the health."""
        self.head = await self._parts.journal.head()

    def verified(self, report: ChainReport) -> None:
        """The whole chain was verified just now, with this result."""
        wall_ms = self._parts.clock.now().wall_ms
        self._verified = report, rfc3339(wall_ms)
        if report.intact:
            self.verified_wall_ms = wall_ms

    def audit(self) -> Audit:
        """The last verification, and the chain's end now."""
        report, at = self._verified or (None, None)
        return Audit(
            ok=None if report is None else report.intact,
            checked=0 if report is None else report.checked,
            verified_at=at,
            detail="" if report is None else report.detail,
            head_seq=self.head.seq,
            head_hash=self.head.hash,
        )

    def router_of(self, route: str, slot: Slot | None) -> tuple[str, str]:
        """The engine that splits a route, and the command that takes the challenger to zero by hand."""
        config = self._parts.routes.get(route)
        if config is None:
            return "", ""
        engine = self._parts.routers[config.router].abilities.engine
        if engine == "haproxy" and slot is not None:
            return engine, f'echo "clear table lease key {route}/{slot.value}" | socat - UNIX:RUNTIME_SOCKET'
        return engine, "rolloutd emergency-abort --config CONFIG"

    def lease_ms(self, route: str) -> int | None:
        """How long a share lives without renewal, None where the router has no leases."""
        return self._parts.leases_ms.get(route)

    def breach(self, lane: Lane) -> Breach | None:
        """How long until the traffic is gone if the challenger broke now, as measured."""
        hands, plan = self._parts.loop.hands, lane.rollout.spec.plan
        blind = {metric for metric, _ in lane.rollout.blind}
        query_ms = {name: watch.worst_ms for name, watch in self._parts.poller.took.items()}
        router_ms = None if hands is None else hands.took_ms(lane.rollout.spec.route)
        return breach_to_zero(plan, blind, query_ms, router_ms)

    # ---- doctor

    async def doctor(self) -> wire_daemon.Doctor:
        """Check journal, routers, slots and sources, all at once; what cannot be checked says so."""
        routers = [self._check_route(name, config) for name, config in self._parts.routes.items()]
        slots = [
            self._check_slot(name, slot, config) for name, config in self._parts.routes.items() for slot in config.slots
        ]
        found = await asyncio.gather(self._check_journal(), *routers, *slots)
        told = [] if self._parts.alerting is None else await self._parts.alerting.checks()
        checks = [*found, *self._check_sources(), *self._check_splits(), *told]
        return wire_daemon.Doctor(ok=all(check.ok is not False for check in checks), checks=checks)

    async def _check_journal(self) -> wire_daemon.Check:
        why = self._parts.loop.broken or self._parts.loop.why_not_raise
        try:
            head = await self._parts.journal.head()
        except JournalError as error:
            return wire_daemon.Check(name="journal", ok=False, detail=str(error), next=error.next_step)
        if why:
            return wire_daemon.Check(
                name="journal", ok=False, detail=f"nothing is raised: {why}", next="see the daemon's log"
            )
        return wire_daemon.Check(name="journal", ok=True, detail=f"{head.seq} events, chain head {head.hash[:16]}")

    async def _check_route(self, name: str, config: RouteConfig) -> wire_daemon.Check:
        router, label = self._parts.routers[config.router], f"route {name}"
        try:
            async with asyncio.timeout(ROUTER_CHECK_S):
                reading = await router.read(name)
        except (RouterError, TimeoutError, OSError) as error:
            return wire_daemon.Check(
                name=label,
                ok=False,
                detail=f"{config.router} cannot be read: {str(error) or 'no answer in time'}",
                next="Check the router's address and our rights on it; shares stay as they are.",
            )
        engine = router.abilities
        when_gone = (
            "the share falls to 0% by itself"
            if engine.leases
            else "the share STAYS; the emergency-abort timer covers a dead daemon, nothing covers a dead host"
        )
        shown = f"base {reading.base.value}, override {reading.override if reading.override_slot else 'none'}"
        return wire_daemon.Check(
            name=label, ok=True, detail=f"{engine.engine}: {shown}; without the daemon {when_gone}"
        )

    async def _check_slot(self, name: str, slot: Slot, config: RouteConfig) -> wire_daemon.Check:
        try:
            async with asyncio.timeout(ROUTER_CHECK_S):
                health = await self._parts.prober.probe(name, slot)
        except TimeoutError:
            return wire_daemon.Check(name=f"slot {name}/{slot.value}", ok=False, detail="no answer in time", next="")
        served = f"serves {health.version}" if health.version else "does not say its version"
        detail = f"up, {served}" if health.up else health.detail
        url = config.slots[slot].probe_url
        return wire_daemon.Check(
            name=f"slot {name}/{slot.value}",
            ok=health.up,
            detail=detail,
            next="" if health.up else f"Start the model server, or mend probe_url ({url}).",
        )

    def _check_sources(self) -> list[wire_daemon.Check]:
        """A source that no live rollout asks is not checked, and says so."""
        checks = []
        for name, health in self._parts.poller.health.items():
            if health.trouble:
                text, ok = health.trouble, False
            elif health.answered_at_ms is None:
                text, ok = "not asked yet: no live rollout uses it", None
            else:
                age_s = (self._parts.clock.now().clock_ms - health.answered_at_ms) / 1000
                text, ok = f"answered {age_s:.1f} s ago", True
            next_step = "Gates that need it are BLIND; nothing goes up." if ok is False else ""
            checks.append(wire_daemon.Check(name=f"source {name}", ok=ok, detail=text, next=next_step))
        return checks

    def _check_splits(self) -> list[wire_daemon.Check]:
        """Whether each live rollout's proxy gives the share it says, by the requests that were counted."""
        checks, now_ms = [], self._parts.clock.now().clock_ms
        for name, lane in self._parts.loop.lanes.items():
            split = lane.picture(now_ms).judgement.split
            if split is None or split.part is None:
                continue
            total = split.seen.champion_n + split.seen.challenger_n
            fine = f"asked {split.asked}, seen {split.part:.2%} of the last {total} requests"
            next_step = f"See what else reaches the model servers, or mend the router's weights; rollout resume {name}"
            strayed = wire_daemon.Check(name=f"split {name}", ok=False, detail=split.sentence, next=next_step)
            checks.append(strayed if split.strays else wire_daemon.Check(name=f"split {name}", ok=True, detail=fine))
        return checks
