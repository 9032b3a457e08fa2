"""The kill loop: the daemon dies at every place between deciding and answering, hundreds of times, under real load.

After every kill: every acknowledged event is in the journal, the router shows no increase that is not recorded, the
restarted daemon makes the router equal to the record, and no request failed. ``ROLLOUTD_KILLS`` asks for more kills.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rollout_adapters.traffic.haproxy import HAProxyRouter
from rolloutd.core.fold import fold
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import Share, Slot
from rolloutd.ctl.exits import Failure
from rolloutd.journal_sqlite import SqliteJournal
from tests.e2e.house import House, config, scrape_source, spec
from tests.e2e.zygote import Zygote
from tests.engines.haproxy import HAProxy
from tests.engines.load import load
from tests.engines.servers import ModelServer, ServerThread

KILLS = int(os.environ.get("ROLLOUTD_KILLS", "200"))
TICK_S = 0.25
MACHINE_S = 1.5  # what a busy machine may add to two ticks
PATIENCE_S = 10.0
# Where to die. P1 to P4 lie between the intent and its outcome; they get most of the kills.
POINTS = ("P1", "P2", "P3", "P4", "P1", "P3", "P5", "P0")
BETWEEN = frozenset({"P1", "P2", "P3", "P4"})


@dataclass(slots=True)
class Count:
    """What was seen over all kills."""

    kills: Counter[str] = field(default_factory=Counter)
    slow_s: list[float] = field(default_factory=list)
    rollouts: int = 0


@pytest.fixture
def proxy_and_house(tmp_path: Path) -> Iterator[tuple[HAProxy, House]]:
    """A proxy with servers that never fail, and the daemon's files."""
    servers = {Slot.A: ModelServer("ranker-a", "v1"), Slot.B: ModelServer("ranker-b", "v2")}
    with ServerThread(*servers.values()), HAProxy(tmp_path, {"ranker": servers}, lease="60s") as proxy:
        text = config(tmp_path, proxy, scrape_source(proxy), tick=f"{int(TICK_S * 1000)}ms", lease="60s")
        yield proxy, House(tmp_path, text)


async def _recorded(house: House, name: str) -> Rollout | None:
    """The rollout as its journal has it, read beside a dead daemon."""
    journal = SqliteJournal.open(house.folder / "state" / "journal.db", read_only=True)
    try:
        return fold(await journal.load(name))
    finally:
        await journal.close()


@pytest.mark.real
@pytest.mark.slow
async def test_kills_lose_nothing_and_raise_nothing(proxy_and_house: tuple[HAProxy, House]) -> None:
    """I1, I2, I4, I6 over hundreds of SIGKILLs; at least half of them between an intent and its outcome."""
    proxy, house = proxy_and_house
    zygote, count = Zygote(house.file, house.folder / "rolloutd.log"), Count()
    names, points = (f"ranker-{n}" for n in itertools.count()), itertools.cycle(POINTS)
    try:
        async with load(proxy.ports["ranker"], 150.0, connections=2) as tally:
            while count.kills.total() < KILLS:
                await _one_rollout(next(names), points, proxy, house, zygote, count)
    finally:
        await asyncio.to_thread(zygote.stop)
    between = sum(number for point, number in count.kills.items() if point in BETWEEN)
    print(f"kills {dict(count.kills)}, rollouts {count.rollouts}, slowest {max(count.slow_s):.2f} s to converge")
    assert tally.failed == 0
    assert max(count.slow_s) <= 2 * TICK_S + MACHINE_S
    assert between >= count.kills.total() / 2


async def _one_rollout(
    name: str, points: Iterator[str], proxy: HAProxy, house: House, zygote: Zygote, count: Count
) -> None:
    """Start it and abort it, with a kill on the way up, on the way down, and in whatever a restart has to repair."""
    for verb in ("start", "abort"):
        point = await _alive_with_next_point(name, points, proxy, house, zygote, count)
        acknowledged = await asyncio.to_thread(_ask, house, name, verb)
        if not await asyncio.to_thread(zygote.died, 2.0):
            point = "any time"
            await asyncio.to_thread(zygote.kill)
        count.kills[point] += 1
        await _check_dead(name, proxy, house, acknowledged)
    count.rollouts += 1
    await asyncio.to_thread(zygote.start, house.answers)
    await asyncio.to_thread(_end, house, name)
    await asyncio.to_thread(zygote.stop)


async def _alive_with_next_point(
    name: str, points: Iterator[str], proxy: HAProxy, house: House, zygote: Zygote, count: Count
) -> str:
    """A daemon that has repaired what the last kill left and is armed with the next one; repairing may kill it too."""
    while True:
        point = next(points)
        if await asyncio.to_thread(zygote.start, house.answers, ROLLOUTD_CRASH_AT=point):
            converged = await _converges(name, proxy, house, zygote, count)
            if converged:
                return point
        count.kills[point] += 1
        await _check_dead(name, proxy, house, 0)


def _ask(house: House, name: str, verb: str) -> int:
    """Send a command to a daemon that may die of it; the revision it acknowledged, 0 when it did not."""
    client = house.client
    try:
        if verb == "start":
            answer = client.post(
                "rollouts", body={"spec_toml": spec("v2", name=name), "file": "r.toml", "reason": ""}
            )
        else:
            answer = house.act(name, "abort", reason="drill")
    except (Failure, OSError):
        return 0
    return int(answer["revision"])


async def _check_dead(name: str, proxy: HAProxy, house: House, acknowledged: int) -> None:
    """Beside the corpse: what was acknowledged is recorded, and the router shows no increase that is not."""
    rollout = await _recorded(house, name)
    shown = (await proxy.router().read("ranker")).share_of(Slot.B)
    if rollout is None:
        assert acknowledged == 0
        assert shown == Share(0)
        return
    assert rollout.version >= acknowledged
    assert shown <= rollout.traffic.ceiling


async def _converges(name: str, proxy: HAProxy, house: House, zygote: Zygote, count: Count) -> bool:
    """The restarted daemon makes the router equal to the record, soon; False when it died of its crash point first."""
    begun, router = time.monotonic(), proxy.router()
    while not await _equal(name, router, house):
        if zygote.alive is None or not zygote.alive.is_alive():
            return False
        assert time.monotonic() - begun < PATIENCE_S, "the router does not become what the record says"
        await asyncio.sleep(0.01)
    count.slow_s.append(time.monotonic() - begun)
    return True


async def _equal(name: str, router: HAProxyRouter, house: House) -> bool:
    """Whether the router shows what the record wants, and the record knows it."""
    rollout = await _recorded(house, name)
    shown = (await router.read("ranker")).share_of(Slot.B)
    if rollout is None or not rollout.live:
        return shown == Share(0)
    checking = rollout.phase is Phase.PREFLIGHT
    return not checking and rollout.traffic.settled and shown == rollout.traffic.wanted


def _end(house: House, name: str) -> None:
    """Make sure that the rollout is over before the next one."""
    try:
        house.act(name, "abort", reason="drill", wait_s=5)
    except Failure as error:
        if error.problem["code"] != "not-found":
            raise
