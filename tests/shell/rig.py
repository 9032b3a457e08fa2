"""A loop with hands on a world of values: the real ones, an in-memory journal, a router that hangs or loses replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from rolloutd.clock import BoottimeClock
from rolloutd.core.commands import Act, Start, Verb
from rolloutd.core.observed import Abilities, RouteReading, SlotHealth, SmokeFinding
from rolloutd.core.plan import Smoke, Spec
from rolloutd.core.values import Share, Slot
from rolloutd.hands import Hands
from rolloutd.keeper import EvidenceKeeper
from rolloutd.loop import Birth, Loop, Notice
from rolloutd.memory_journal import MemoryEvidence, MemoryJournal
from rolloutd.ports import RouterUnreachable
from rolloutd.spill import SpillFile
from tests.core.playbook import ARMS, OPERATOR, World, a_spec

PATIENCE_S = 10.0


class WorldRouter:
    """A router over a World. ``gate`` holds writes that raise until it is set; ``lose_replies`` fails afterwards.

    ``looking`` holds everybody who reads until it is set, ``lowering`` every write that does not raise; ``lookers`` and
    ``lowers`` are how many wait there.
    """

    abilities = Abilities("memory", leases=False, finest_step_bp=1)

    def __init__(self, world: World) -> None:
        self.world = world
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.looking = asyncio.Event()
        self.looking.set()
        self.lowering = asyncio.Event()
        self.lowering.set()
        self.lookers = self.lowers = 0
        self.lose_replies = False
        self.moves_base = True
        self.written: list[Share] = []

    async def read(self, route: str) -> RouteReading:
        """What the world shows."""
        if not self.world.reachable:
            raise RouterUnreachable("The router is away.")
        self.lookers += 1
        try:
            await self.looking.wait()
        finally:
            self.lookers -= 1
        return self.world.reading()

    async def set_share(self, route: str, slot: Slot, share: Share) -> None:
        """Apply, after the gate where it raises."""
        if not self.world.reachable:
            raise RouterUnreachable("The router is away.")
        if share > self.world.override:
            self.entered.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                # The bytes were on their way: a cancelled call may still land. That is the worst case, so it does.
                self._apply(slot, share)
                raise
        else:
            self.lowers += 1
            await self.lowering.wait()
            self.lowers -= 1
        self._apply(slot, share)
        if self.lose_replies:
            raise RouterUnreachable("The reply was lost.")

    def _apply(self, slot: Slot, share: Share) -> None:
        self.written.append(share)
        self.world.override, self.world.override_slot = share, slot

    async def renew(self, route: str, slot: Slot, share: Share) -> RouteReading | None:
        """Nothing expires here."""
        return await self.read(route) if self.world.override == share else None

    async def set_base(self, route: str, slot: Slot) -> None:
        """Move the base."""
        if self.moves_base:
            self.world.base = slot

    async def isolate(self, route: str, segments: tuple[str, ...]) -> None:
        """Apply at once."""
        if not self.world.reachable:
            raise RouterUnreachable("The router is away.")
        self.world.isolated = tuple(sorted(segments))

    async def close(self) -> None:
        """Nothing is open."""


class WorldProber:
    """Probes the world's slots."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """Up and version as the world says."""
        return SlotHealth(self.world.up[slot], self.world.versions[slot], "")

    async def smoke(self, route: str, slot: Slot, probe: Smoke) -> SmokeFinding:
        """Right while the slot is up."""
        return SmokeFinding(answered=self.world.up[slot], right=self.world.up[slot], detail="")

    async def close(self) -> None:
        """Nothing is open."""


class WorldNames:
    """The slots' names in the metrics."""

    def arms(self, route: str) -> dict[Slot, str]:
        """As the playbook names them."""
        return ARMS

    def lease(self, route: str) -> int | None:
        """No leases."""
        return None

    def sticky(self, route: str) -> bool:
        """Every request is split by itself."""
        return False


class Rig:
    """Everything of one process. ``restart`` makes another one on the same journal, evidence and world."""

    def __init__(self, folder: Path, world: World | None = None, before: Rig | None = None) -> None:
        self.folder = folder
        self.world = world or World()
        self.router = WorldRouter(self.world)
        self.journal: MemoryJournal = before.journal if before else MemoryJournal()
        self.journal.reopen()
        self.evidence: MemoryEvidence = before.evidence if before else MemoryEvidence()
        self.clock = BoottimeClock()
        self.spill = SpillFile(folder / "spill.jsonl")
        self.epoch: int = before.epoch + 1 if before else 1
        self.loop = Loop(
            journal=self.journal,
            keeper=EvidenceKeeper(self.evidence),
            clock=self.clock,
            world=WorldNames(),
            birth=Birth(self.epoch),
            spill=self.spill,
            watcher=Notice(),
        )
        self.hands = Hands({"ranker": self.router}, WorldProber(self.world), self.clock, self.loop.observe)
        self.loop.hands = self.hands
        self.loop.set_raising("")

    async def start(self, spec: Spec | None = None) -> str:
        """Request a rollout and give it what its checks ask for."""
        wanted = spec or a_spec()
        await self.loop.start(Start(wanted, OPERATOR), None)
        await self.feed(wanted.name)
        return wanted.name

    async def running(self) -> str:
        """Start the one rollout and wait for its first share on the router; its name."""
        name = await self.start()
        await self.until(lambda: self.world.override == Share(100) and self.loop.lanes[name].rollout.traffic.settled)
        return name

    async def feed(self, name: str) -> None:
        """One tick, and an answer to every gate."""
        await self.loop.tick(name)
        await self.hands.quiet()
        if name not in self.loop.lanes:
            return
        for gate in self.loop.lanes[name].rollout.spec.plan.gates:
            answer = self.world.answer(self.clock.now().wall_ms)
            await self.loop.answers(name, {gate.metric: answer})

    async def abort(self, name: str) -> None:
        """A person aborts."""
        await self.loop.command(name, Act(Verb.ABORT, OPERATOR, reason="drill"), None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, turning the event loop. Fails after a while."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.002)

    async def restart(self) -> Rig:
        """Another process on what was durable."""
        other = Rig(self.folder, self.world, before=self)
        await other.loop.restore()
        return other
