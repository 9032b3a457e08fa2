"""Two people at once, a thousand times: one promotes, the other aborts or pauses. Never higher after the abort.

In-process against the real loop and hands for the thousand, over the real control socket for some of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from rolloutd.about import AboutDaemon, Parts
from rolloutd.access import Roles
from rolloutd.chain import recorded
from rolloutd.choosing import Around, Choosing
from rolloutd.core import events as ev
from rolloutd.core.commands import Act, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.forecast.rule import LARGEST_FIRST_SHARE
from rolloutd.core.values import ZERO, Share
from rolloutd.desk import Desk
from rolloutd.feed import Feed
from rolloutd.foreteller import Foreteller
from rolloutd.holding import FleetHolding
from rolloutd.keeper import EvidenceKeeper
from rolloutd.polling import Poller
from tests.core.playbook import ADMIN, OPERATOR, a_spec
from tests.server.fake_service import FakeService
from tests.server.running import GroupAccess, Running, running
from tests.shell.rig import Rig, WorldProber

RUNS, AT_ONCE, OVER_SOCKETS = 1_000, 25, 40
WHY = "it must go up before noon"
LOW, HIGH = Share(100), Share(1_000)


async def begun(folder: Path, number: int) -> tuple[Rig, str]:
    """A process of its own with a rollout whose first share is on the router."""
    rig = Rig(folder)
    name = await rig.start(replace(a_spec(), name=f"ranker-{number}"))
    await rig.until(lambda: rig.world.override == LOW and rig.loop.lanes[name].rollout.traffic.settled)
    return rig, name


async def race(rig: Rig, name: str, against: Verb, chance: random.Random) -> tuple[Accepted | Refused, ...]:
    """Both commands on the same revision, in an order and with a distance that chance makes."""
    revision = rig.loop.lanes[name].rollout.version
    up = Act(Verb.PROMOTE, ADMIN, revision, WHY, override=True, confirm=name)
    stop = Act(against, OPERATOR, None, "")

    async def send(act: Act, turns: int) -> Accepted | Refused:
        for _ in range(turns):
            await asyncio.sleep(0)
        return (await rig.loop.command(name, act, None))[0]

    tasks = [asyncio.create_task(send(up, chance.randrange(12))), asyncio.create_task(send(stop, chance.randrange(12)))]
    return tuple(await asyncio.gather(*tasks))


def shares_after_the_stop(rig: Rig) -> list[Share]:
    """Every share that became wanted after the other person's word was on record."""
    rows = rig.journal.rows
    stopped = [row.row.version for row in rows if row.row.kind in ("RecedeStarted", "RolloutHeld")]
    assert stopped
    wanted = [row for row in rows if row.row.kind == "TrafficWanted" and row.row.version > stopped[0]]
    return [event.share for row in wanted if isinstance(event := recorded(row.row).event, ev.TrafficWanted)]


async def one_race(folder: Path, against: Verb, number: int) -> bool:
    """Whether the promotion lost; everything that must hold is checked."""
    rig, name = await begun(folder, number)
    went_up, stopped = await race(rig, name, against, random.Random(f"{against}{number}"))
    assert isinstance(stopped, Accepted), number
    assert all(share == ZERO for share in shares_after_the_stop(rig)), number
    if isinstance(went_up, Refused) and "the router does not agree" not in went_up.message:  # a reading came too late
        assert "ops1" in went_up.message, went_up.message
        assert " ago" in went_up.message, went_up.message
    if against is Verb.PAUSE:
        settled = HIGH if isinstance(went_up, Accepted) else LOW
        await rig.until(lambda: rig.world.override == settled)
        await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.world.override == ZERO
    assert rig.router.written[-1] == ZERO
    return isinstance(went_up, Refused)


@pytest.mark.parametrize("against", [Verb.ABORT, Verb.PAUSE])
async def test_never_up_after_the_other_persons_word(
    tmp_path: Path, against: Verb, record_property: Callable[[str, object], None]
) -> None:
    """I2: 500 races each. Nothing higher is wanted after it; an abort ends at zero; the loser is told who and when."""
    lost = 0
    for first in range(0, RUNS // 2, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, RUNS // 2))
        lost += sum(await asyncio.gather(*(one_race(tmp_path, against, number) for number in numbers)))
    record_property(
        "figure", f"{RUNS // 2} races against {against.value}: never up; promote lost {lost}, each told who"
    )
    assert RUNS // 20 < lost < RUNS // 2 - RUNS // 20, "chance must let both of them be first"


@asynccontextmanager
async def served(rig: Rig) -> AsyncIterator[Running]:
    """The real front desk of a rig on the real sockets."""
    poller = Poller(rig.loop, {}, {}, rig.clock)
    parts = Parts(rig.loop, poller, rig.journal, rig.clock, {}, {}, WorldProber(rig.world), {})
    foreteller = Foreteller(lambda _body: a_spec(), {}, {}, {}, lambda _route: {}, LARGEST_FIRST_SHARE, False)
    around = Around({}, {}, WorldProber(rig.world), {}, list)
    desk = Desk(
        loop=rig.loop,
        journal=rig.journal,
        keeper=EvidenceKeeper(rig.evidence),
        clock=rig.clock,
        choosing=Choosing(around, foreteller, rig.clock),
        about=AboutDaemon(parts),
        feed=Feed(),
        holding=FleetHolding(rig.loop, rig.journal, rig.clock),
    )
    access = GroupAccess(Roles(admins=("bosses",)))
    async with running(cast("FakeService", desk), access) as server:
        yield server


async def test_over_the_sockets_too(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """The same between two connections: an abort is never refused, and afterwards the router is at zero for good."""
    chance, first = random.Random(7), 0
    for number in range(OVER_SOCKETS):
        rig, name = await begun(tmp_path, number)
        revision = rig.loop.lanes[name].rollout.version
        body = {"reason": WHY, "override": True, "confirm": name}
        async with served(rig) as server:
            up = server.ask("POST", f"/v1/rollouts/{name}/promote", body, {"if-match": f'"{revision}"'})
            stop = server.ask("POST", f"/v1/rollouts/{name}/abort", {})
            if chance.random() < 0.5:
                went_up, stopped = await asyncio.gather(up, stop)
            else:
                stopped, went_up = await asyncio.gather(stop, up)
        assert stopped.status in (200, 202), stopped.body
        first += went_up.status in (200, 202)
        if went_up.status not in (200, 202):
            assert went_up.status in (409, 412), went_up.body
            assert " ago" in went_up.json()["message"]
        await rig.until(lambda: name in rig.loop.ended)  # noqa: B023 # awaited in this very turn
        assert all(share == ZERO for share in shares_after_the_stop(rig))
        assert rig.router.written[-1] == ZERO
    record_property("figure", f"{OVER_SOCKETS} of them over the real sockets")
    assert 0 < first < OVER_SOCKETS
