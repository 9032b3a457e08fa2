"""The kill loop: the daemon dies at every place between deciding and answering, hundreds of times, under real load.

After every kill: every acknowledged event is in the journal, the router shows no increase that is not recorded, the
restarted daemon makes the router equal to the record, and no request failed. ``ROLLOUTD_KILLS`` asks for more kills.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutd.core.phases import Phase
from rolloutd.ctl.exits import Failure
from tests.e2e.corpse import Record, record_left, record_of
from tests.e2e.paper import spec
from tests.e2e.sites import Site, envoy_site, haproxy_site
from tests.e2e.zygote import Zygote
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy

KILLS = int(os.environ.get("ROLLOUTD_KILLS", "200"))
HOUSES = {"haproxy-0": KILLS // 2, "haproxy-1": KILLS - KILLS // 2, "envoy-0": KILLS // 4}
"""How many kills each gets. Two on HAProxy begin at different points, so that both halves see them all."""
RATE = 100.0
TICK_MS = 300
TICK_S = TICK_MS / 1_000
MACHINE_S = 3.0  # what a busy machine may add to two ticks
PATIENCE_S = 10.0
# Where to die. P1 to P4 lie between an intent and its outcome; they get most of the kills. A restart passes P0 when it
# notes that it started, so that the second pass is the next thing decided.
POINTS = ("P1", "P2", "P3", "P4", "P0:2", "P1", "P2", "P3", "P4", "P5", "P0:3", "P1", "P10", "P3", "P4", "P11", "P0")
BETWEEN = frozenset({"P1", "P2", "P3", "P4"})
AT_ANY_TIME = "any time"
STAGES = (("canary", "10%"), ("third", "30%"))


@dataclass(slots=True)
class Drill:
    """One house that is killed again and again, and what was seen of it."""

    site: Site[HAProxy] | Site[Envoy]
    zygote: Zygote
    number: int = 0
    events: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    converged_s: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The present rollout."""
        return f"ranker-{self.number}"

    @property
    def journal(self) -> Path:
        """The file of the daemon's record."""
        return self.site.house.folder / "state" / "journal.db"

    async def one_kill(self, point: str) -> None:
        """A daemon armed with this point repairs what the last kill left, is given something to do, and dies."""
        acknowledged = 0
        armed = {} if point == AT_ANY_TIME else {"ROLLOUTD_CRASH_AT": point}
        if await asyncio.to_thread(self.zygote.start, self.site.house.answers, **armed) and await self._converges():
            acknowledged = await self._give_work()
            if point == "P11":
                self.zygote.terminate()
            if not await asyncio.to_thread(self.zygote.died, 2.0):
                point = AT_ANY_TIME
                await asyncio.to_thread(self.zygote.kill)
        self.kills[point.partition(":")[0]] += 1
        await self._look_at_the_corpse(acknowledged)

    async def _converges(self) -> bool:
        """The restarted daemon makes the router equal to the record, soon; False when it died of its point first."""
        begun, record = time.monotonic(), None
        while record is None or not record.is_met_by(await self.site.read()):
            if not self.zygote.alive:
                return False
            assert time.monotonic() - begun < PATIENCE_S, f"the router does not become what is recorded: {record}"
            await asyncio.sleep(0.01)
            record = await record_of(self.journal, self.name)
        self.converged_s.append(time.monotonic() - begun)
        return True

    async def _give_work(self) -> int:
        """Ask for the next thing that moves traffic; the revision that was acknowledged, 0 when it was not.

        Every second rollout climbs by itself to its end and moves the base, so that the next one goes the other way.
        """
        rollout = (await record_of(self.journal, self.name)).rollout
        if rollout is None or not rollout.live:
            return await self._start_the_next()
        by_itself = self.number % 2 == 0
        if rollout.phase is not Phase.RUNNING or (by_itself and rollout.stage_index > 0):
            return 0
        if rollout.stage_index == 0:
            words = {"override": True, "confirm": self.name, "reason": "a drill goes up early"}
            return await self._ask("rollouts", self.name, "promote", body=words, revision=rollout.version)
        return await self._ask("rollouts", self.name, "abort", body={"reason": "drill"})

    async def _start_the_next(self) -> int:
        base = (await self.site.read()).base
        champion, challenger = self.site.servers[base].version, self.site.servers[base.other].version
        self.number += 1
        text = spec(challenger, champion, name=self.name, stages=STAGES, stay="200ms")
        return await self._ask("rollouts", body={"spec_toml": text, "file": "r.toml", "reason": ""})

    async def _ask(self, *path: str, body: dict[str, object], revision: int | None = None) -> int:
        """Send a command to a daemon that may die of it."""
        client = self.site.house.impatient
        try:
            answer = await asyncio.to_thread(client.post, *path, body=body, revision=revision, wait_s=10)
        except Failure as error:
            self.refused[str(error.problem["code"])] += 1
            return 0
        return int(answer["revision"])

    async def _look_at_the_corpse(self, acknowledged: int) -> None:
        """What was acknowledged is recorded, nothing is gone, and the router shows no increase that is not recorded."""
        record: Record = await record_left(self.journal, self.name)
        assert record.events >= self.events
        assert acknowledged <= (record.rollout.version if record.rollout else 0)
        assert record.allows(await self.site.read())
        self.events = record.events
        self.phases[record.rollout.phase.value if record.rollout else "none"] += 1

    def report(self) -> str:
        """The figures, in one line."""
        slow = sorted(self.converged_s)
        return (
            f"{self.kills.total()} kills {dict(self.kills)} in phases {dict(self.phases)}; {self.number} rollouts, "
            f"{self.events} events; converged in {statistics.median(slow):.2f} s (median), {slow[-1]:.2f} s (slowest); "
            f"not answered {dict(self.refused)}"
        )


def _site(engine: str, folder: Path) -> AbstractContextManager[Site[HAProxy] | Site[Envoy]]:
    tick = f"{TICK_MS}ms"
    return haproxy_site(folder, lease="60s", tick=tick) if engine == "haproxy" else envoy_site(folder, tick=tick)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("house", HOUSES)
async def test_kills_lose_nothing_and_raise_nothing(
    house: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """I1, I2, I4, I6 over hundreds of SIGKILLs; at least half of them between an intent and its outcome."""
    engine, _, number = house.partition("-")
    points = itertools.islice(itertools.cycle(POINTS), int(number) * len(POINTS) // 2, None)
    with _site(engine, tmp_path) as site:
        drill = Drill(site, Zygote(site.house.file, tmp_path / "rolloutd.log"))
        try:
            async with site.load(RATE) as tally:
                while drill.kills.total() < HOUSES[house]:
                    await drill.one_kill(next(points))
                await drill.one_kill(AT_ANY_TIME)
        finally:
            await asyncio.to_thread(drill.zygote.kill)
        await record_left(drill.journal, drill.name, whole=True)
    print(house, drill.report(), f"requests {dict(tally.codes)}")
    slowest_s = max(drill.converged_s)
    record_property(
        "figure",
        f"{engine}: {drill.kills.total()} kills, 0 acknowledged events lost, 0 unrecorded increases, {tally.failed} of "
        f"{sum(tally.codes.values())} requests failed; as recorded again within {slowest_s:.1f} s, the slowest",
    )
    assert tally.failed == 0
    assert statistics.median(drill.converged_s) <= 2 * TICK_S
    assert max(drill.converged_s) <= 2 * TICK_S + MACHINE_S
    assert sum(drill.kills[point] for point in BETWEEN) >= drill.kills.total() / 2
    assert drill.kills.keys() >= {point.partition(":")[0] for point in POINTS}
