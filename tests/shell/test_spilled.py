"""An abort that could not be recorded yet: nothing may land after it, and its spilled line outlives every crash."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from rolloutd.core.grounds import HoldCause, RecedeCause
from rolloutd.core.phases import Phase
from rolloutd.core.values import THE_DAEMON, ZERO, Instant, Share, Slot
from rolloutd.journal import StoreFull
from rolloutd.spill import SpillFile
from tests.core.playbook import OPERATOR
from tests.shell.rig import Rig


async def test_an_increase_in_flight_does_not_land_after_an_abort_that_waits_for_a_disk(tmp_path: Path) -> None:
    """I1, I2: the raise hangs in the router, the record of the abort in the journal; zero is what remains."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    await rig.start()
    await rig.until(rig.router.entered.is_set)
    (name,) = rig.loop.lanes
    rig.journal.faults.hold()
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: ZERO in rig.router.written)
    rig.router.gate.set()
    for _ in range(20):
        await asyncio.sleep(0.01)
    seen = rig.world.override
    rig.journal.faults.release()
    await aborting
    assert seen == ZERO


async def test_a_record_of_something_else_keeps_the_line_of_an_abort_that_still_waits(tmp_path: Path) -> None:
    """I2, I4: what came before it is durable, the abort itself is not yet: a crash here must not forget it."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.journal.faults.hold()
    claiming = asyncio.create_task(rig.loop.audit_refusal(name, "promote", "gate", "no", OPERATOR))
    await asyncio.sleep(0)
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: rig.world.override == ZERO and rig.spill.read() != [])
    rig.journal.faults.release()
    rig.journal.faults.hold()  # those who waited go on, the abort's own record waits again
    await claiming
    other = Rig(rig.folder, rig.world, before=rig)
    lines = other.spill.read()
    rig.journal.faults.release()
    await aborting
    assert [line.reason for line in lines] == ["drill"]
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.spill.read() == []


async def test_a_full_disk_at_the_next_start_keeps_the_spilled_line(tmp_path: Path) -> None:
    """I2, I4: it could not be folded into the journal, so it stays where the start after that one finds it."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.spill.write(name, OPERATOR, "disk was full", rig.clock.now())
    for _ in range(6):
        rig.journal.faults.fail_next(StoreFull("No space."))
    other = await rig.restart()
    assert other.loop.lanes[name].rollout.phase.value == "receding"
    rig.journal.faults.mend()
    third = await other.restart()
    assert third.loop.lanes[name].rollout.phase.value == "receding"
    assert third.spill.read() == []


async def test_blindness_that_was_spilled_waits_at_zero_and_is_no_harm(tmp_path: Path) -> None:
    """I3, I4: the next start says why it went back as it was, and does not blame the challenger (seed 6000719)."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.spill.write(name, THE_DAEMON, "no data for 13s", rig.clock.now(), RecedeCause.BLINDNESS.value)
    other = await rig.restart()
    await other.loop.tick(name)
    await other.until(lambda: other.loop.lanes[name].rollout.phase is Phase.HELD)
    hold = other.loop.lanes[name].rollout.hold
    assert hold is not None
    assert hold.cause is HoldCause.BLINDNESS
    assert rig.world.override == ZERO


def test_a_torn_line_costs_no_other_line_and_no_start(tmp_path: Path) -> None:
    """I13: a power cut leaves half a line, or bytes of another file; the next line stands by itself."""
    file = tmp_path / "spill.jsonl"
    for torn in (b'{"rollout": "a", "wh', b"\xff\xfe\x00\x80", b'{"rollout": [], "who": 1, "reason": 2, "wall_ms": 3}'):
        file.write_bytes(torn)
        spill = SpillFile(file)
        spill.write("ranker", OPERATOR, "drill", Instant(1, 1))
        assert [line.reason for line in spill.read() if line.rollout == "ranker"] == ["drill"]
        spill.clear()


async def test_an_adapters_fault_on_the_way_costs_no_abort_its_record(tmp_path: Path) -> None:
    """I2, I4: lowering before the record broke on an error that no router may raise, and the abort with it."""
    rig = Rig(tmp_path)
    name = await rig.running()
    lower, faults = rig.router.set_share, ["a fault"]

    async def faulty(route: str, slot: Slot, share: Share) -> None:
        if faults:
            raise ValueError(faults.pop())
        await lower(route, slot, share)

    rig.router.set_share = faulty  # type: ignore[method-assign]
    rig.journal.faults.hold()
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: not faults)
    rig.journal.faults.release()
    await aborting
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.world.override == ZERO


async def test_the_line_does_not_wait_for_threads_that_others_keep_busy(tmp_path: Path) -> None:
    """I2, I12: forecasts, reloads and look-ups share the event loop's threads; an abort's line has one of its own."""
    rig = Rig(tmp_path)
    name = await rig.running()
    busy = threading.Event()
    others = [asyncio.create_task(asyncio.to_thread(busy.wait)) for _ in range(40)]
    rig.journal.faults.hold()
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: rig.world.override == ZERO)
    lines = rig.spill.read()
    busy.set()
    rig.journal.faults.release()
    await asyncio.gather(aborting, *others)
    assert [line.reason for line in lines] == ["drill"]
