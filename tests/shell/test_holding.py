"""The hold of the fleet in the daemon: durable, over a restart, with a journal that is full, and every refusal kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from rolloutd.core import events as ev
from rolloutd.core.commands import Refused, Start
from rolloutd.core.decide import Accepted
from rolloutd.core.values import Share
from rolloutd.holding import FleetHolding
from rolloutd.journal import CommandKey, StoreFull
from tests.core.playbook import ADMIN, OPERATOR, a_spec
from tests.core.test_fleet_hold import OTHER
from tests.shell.rig import Rig


def key(text: str) -> CommandKey:
    """A command's key."""
    return CommandKey(text, 1, text)


async def holding(rig: Rig) -> FleetHolding:
    """The fleet's desk of this process, as the daemon starts it."""
    found = FleetHolding(rig.loop, rig.journal, rig.clock)
    await found.restore()
    return found


async def test_a_hold_outlives_the_daemon(tmp_path: Path) -> None:
    """Set, killed, started: still held by the same person, and every live rollout knows it."""
    rig = Rig(tmp_path)
    name = await rig.start()
    assert isinstance(await (await holding(rig)).hold(OTHER, "sale", key("h1")), Accepted)
    assert rig.loop.lanes[name].seen.rules.fleet_hold == "by ops2: sale"
    other = Rig(tmp_path, rig.world, before=rig)
    desk = await holding(other)
    await other.loop.restore()
    assert other.loop.lanes[name].seen.rules.fleet_hold == "by ops2: sale"
    assert desk.holds[0].by == OTHER
    refused = await other.loop.start(Start(replace(a_spec(), name="x", model="x", route="x"), OPERATOR), None)
    assert isinstance(refused, Refused)
    assert isinstance(await desk.release(OTHER, "over", key("r1")), Accepted)
    assert other.loop.lanes[name].seen.rules.fleet_hold == ""
    assert (await holding(Rig(tmp_path, rig.world, before=other))).holds == ()


async def test_a_hold_freezes_before_its_record_and_a_release_only_after(tmp_path: Path) -> None:
    """I4: what lowers does not wait for a slow disk; what raises does."""
    rig = Rig(tmp_path)
    name = await rig.start()
    desk = await holding(rig)
    rig.journal.faults.hold()
    freezing = asyncio.create_task(desk.hold(OTHER, "sale", key("h1")))
    await rig.until(lambda: rig.loop.lanes[name].seen.rules.fleet_hold != "")
    rig.journal.faults.release()
    await freezing
    rig.journal.faults.hold()
    ending = asyncio.create_task(desk.release(OTHER, "over", key("r1")))
    await asyncio.sleep(0)
    assert rig.loop.lanes[name].seen.rules.fleet_hold != ""
    rig.journal.faults.release()
    await ending
    assert rig.loop.lanes[name].seen.rules.fleet_hold == ""


async def test_a_full_journal_refuses_a_release_and_never_a_hold(tmp_path: Path) -> None:
    """The hold stands in memory and says for how long; the release that cannot be recorded changes nothing."""
    rig = Rig(tmp_path)
    desk = await holding(rig)
    rig.journal.faults.fail_next(StoreFull("No space."))
    freezing = await desk.hold(OTHER, "sale", key("h1"))
    assert isinstance(freezing, Accepted)
    assert "only until the daemon ends" in freezing.message
    rig.journal.faults.fail_next(StoreFull("No space."))
    assert isinstance(await desk.release(OTHER, "over", key("r1")), Refused)
    assert rig.loop.standing.rules.fleet_hold == "by ops2: sale"
    assert isinstance(await desk.release(OTHER, "over", key("r2")), Accepted)
    assert rig.loop.standing.rules.fleet_hold == ""


async def test_a_refused_release_is_on_record_and_a_repeat_gets_the_first_answer(tmp_path: Path) -> None:
    """I10, I11: who tried is kept; the same command id never counts twice."""
    rig = Rig(tmp_path)
    desk = await holding(rig)
    await desk.hold(OTHER, "sale", key("h1"))
    assert isinstance(await desk.hold(OTHER, "sale", key("h1")), Accepted)
    assert isinstance(await desk.release(OPERATOR, "mine now", key("r1")), Refused)
    await desk.refused("start", "not-permitted", "viewers start nothing", OPERATOR)
    rows = await rig.journal.load(ev.FLEET_STREAM)
    assert [type(row.event).__name__ for row in rows] == ["FleetHeld", "CommandRefused", "CommandRefused"]
    assert rows[1].actor == OPERATOR
    assert isinstance(await desk.release(ADMIN, "he is asleep", key("r2")), Accepted)


async def test_a_step_on_record_before_the_hold_is_finished(tmp_path: Path) -> None:
    """The intent was durable first: its share stands, and the next one is not asked for."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    name = await rig.start()
    await rig.until(rig.router.entered.is_set)
    await (await holding(rig)).hold(OTHER, "sale", key("h1"))
    rig.router.gate.set()
    await rig.until(lambda: rig.loop.lanes[name].rollout.traffic.settled)
    assert rig.world.override == Share(100)
