"""The loop and the hands: order of record and effect, abort against everything, restarts, and a journal in trouble."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, Refused, Start, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.effects import Observation, ReadRoute, RouteSeen, SetTraffic
from rolloutd.core.phases import Phase
from rolloutd.core.values import ZERO, Share, Slot
from rolloutd.journal import StoreFull
from tests.core.playbook import ADMIN, OPERATOR, World, a_spec
from tests.shell.rig import Rig


async def test_the_intent_is_durable_before_the_router_is_called(tmp_path: Path) -> None:
    """I1, I4: while the journal holds the intent back, the router hears nothing."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    starting = asyncio.create_task(rig.start())
    await rig.until(rig.router.entered.is_set)
    rows = [row async for row in rig.journal.load_all()]
    assert any(isinstance(row.event, ev.TrafficWanted) for row in rows)
    assert rig.world.override == ZERO
    rig.router.gate.set()
    await starting


async def test_abort_overtakes_an_increase_in_flight_and_nothing_lands_after_it(tmp_path: Path) -> None:
    """I2: the increase's bytes land when its call is cut; zero is asserted after that, and only then confirmed."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    starting = asyncio.create_task(rig.start())
    await rig.until(rig.router.entered.is_set)
    await starting
    (name,) = rig.loop.lanes
    await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.router.written[-1] == ZERO
    assert Share(100) in rig.router.written
    assert rig.world.override == ZERO


async def test_a_hand_that_lowers_just_before_a_raise_is_kept(tmp_path: Path) -> None:
    """I1, I8: nobody has seen the lower share when the raise is decided; the router is read once more."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rollout = rig.loop.lanes[name].rollout
    rig.world.override = Share(50)
    promote = Act(Verb.PROMOTE, ADMIN, rollout.version, "a drill at night", override=True, confirm=name)
    decision, _ = await rig.loop.command(name, promote, None)
    assert isinstance(decision, Accepted)
    await rig.until(lambda: rig.loop.lanes[name].rollout.phase is Phase.HELD)
    held = rig.loop.lanes[name].rollout
    assert rig.world.override == Share(50)
    assert (held.traffic.wanted, held.traffic.confirmed) == (Share(50), Share(50))
    assert held.hold is not None
    assert held.hold.cause is ev.HoldCause.DRIFT


async def test_a_raise_that_still_looks_never_goes_out_once_an_abort_is_recorded(tmp_path: Path) -> None:
    """I1, I2: found by seed 100993. The look right before a raise takes long, and an abort is recorded meanwhile."""
    rig = Rig(tmp_path)
    name = await rig.running()
    await rig.hands.quiet()
    rig.router.written.clear()
    rig.router.looking.clear()
    rig.router.lowering.clear()
    version = rig.loop.lanes[name].rollout.version
    promote = Act(Verb.PROMOTE, ADMIN, version, "a drill at night", override=True, confirm=name)
    await rig.loop.command(name, promote, None)
    await rig.until(lambda: rig.router.lookers > 0)
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: rig.router.lowers > 0)
    rig.router.looking.set()
    await rig.until(lambda: rig.router.lookers == 0)
    for _ in range(5):
        await asyncio.sleep(0)
    rig.router.lowering.set()
    await aborting
    await rig.until(lambda: name in rig.loop.ended)
    assert set(rig.router.written) == {ZERO}


async def test_abort_with_a_journal_that_hangs_reaches_the_router_and_is_recorded_later(tmp_path: Path) -> None:
    """I2: the share is zero while the record still waits; the spill journal has who and why."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.journal.faults.hold()
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: rig.world.override == ZERO)
    assert not aborting.done()
    assert rig.spill.read()[0].reason == "drill"
    rig.journal.faults.release()
    await aborting
    await rig.until(lambda: name in rig.loop.ended)


async def test_abort_behind_another_turn_that_hangs_lowers_first(tmp_path: Path) -> None:
    """I2: another record of the same rollout hangs, so the abort cannot even have its turn; the router is lowered."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.journal.faults.hold()
    claiming = asyncio.create_task(rig.loop.audit_refusal(name, "promote", "gate", "no", OPERATOR))
    await asyncio.sleep(0)
    aborting = asyncio.create_task(rig.abort(name))
    await rig.until(lambda: rig.world.override == ZERO)
    rig.journal.faults.release()
    await asyncio.gather(claiming, aborting)
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.world.override == ZERO


async def test_abort_with_a_full_store_lowers_and_is_recorded_when_there_is_space(tmp_path: Path) -> None:
    """I2, I4: the record does not fit; the share goes to zero all the same, and the record follows with its author."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.journal.faults.fail_next(StoreFull("No space."))
    await rig.abort(name)
    await rig.until(lambda: rig.world.override == ZERO)
    await rig.loop.tick(name)
    await rig.until(lambda: name in rig.loop.ended)
    rows = [row async for row in rig.journal.load_all()]
    back = next(row for row in rows if isinstance(row.event, ev.RecedeStarted))
    assert back.actor == OPERATOR
    assert rig.loop.why_not_raise == ""


async def test_once_what_was_behind_is_recorded_nothing_stands_against_increases(tmp_path: Path) -> None:
    """I4, I6, found by seed 604522: with nothing more to record the share that a restart took away never came back."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.journal.faults.fail_next(StoreFull("No space."))
    await rig.loop.audit_refusal(name, "promote", "gate", "no", OPERATOR)
    assert "No space" in rig.loop.why_not_raise
    await rig.loop.catch_up()
    assert rig.loop.why_not_raise == ""
    assert rig.loop.lanes[name].seen.may_raise


async def test_what_was_asked_for_and_never_confirmed_began_no_lease(tmp_path: Path) -> None:
    """I8, found by seed 605466: a share whose lease had run out was told as lowered by somebody."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rollout, keeper = rig.loop.lanes[name].rollout, rig.loop._keeper
    assert rollout.traffic.wanted_at is not None
    assert await keeper.leased_at_ms(rollout) == rollout.traffic.wanted_at.clock_ms
    in_flight = replace(rollout.traffic, wanted=Share(5_000))
    assert await keeper.leased_at_ms(replace(rollout, traffic=in_flight)) is None


async def test_a_full_store_stops_increases_and_ends_nothing(tmp_path: Path) -> None:
    """I4: what cannot be recorded is not done; the daemon goes on, says why, and raises again when there is space."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    name = await rig.start()
    rig.journal.faults.fail_next(StoreFull("No space."))
    await rig.loop.audit_refusal(name, "promote", "gate", "no", OPERATOR)
    assert "No space" in rig.loop.why_not_raise
    assert not rig.loop.lanes[name].seen.may_raise
    await rig.loop.audit_refusal(name, "promote", "gate", "no", OPERATOR)
    assert rig.loop.lanes[name].seen.may_raise


async def test_a_spilled_decrease_is_folded_into_the_journal_at_the_next_start(tmp_path: Path) -> None:
    """I4: the one unrecorded decrease is recorded by the next process, marked as such, and holds."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.spill.write(name, OPERATOR, "disk was full", rig.clock.now())
    rig.world.override = ZERO
    other = await rig.restart()
    assert other.loop.lanes[name].rollout.phase.value == "receding"
    assert other.spill.read() == []
    await other.loop.tick(name)
    await other.until(lambda: name in other.loop.ended)
    assert other.loop.ended[name].end is not None
    assert "carried out before" in str(other.loop.ended[name].end)


async def test_an_abort_at_zero_takes_back_what_a_hand_raised_since_the_last_look(tmp_path: Path) -> None:
    """I2: aborted means that zero was read back after the abort, not before it (simulator seed 5001217)."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.world.override = ZERO
    await rig.loop.tick(name)
    await rig.until(lambda: rig.loop.lanes[name].rollout.phase is Phase.HELD)
    rig.world.override = Share(4_000)
    await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.world.override == ZERO


async def test_a_lost_reply_makes_no_second_event(tmp_path: Path) -> None:
    """I4: the write was applied and its reply lost; reading back decides, with one intent and one outcome."""
    rig = Rig(tmp_path)
    rig.router.lose_replies = True
    name = await rig.start()
    await rig.until(lambda: rig.world.override == Share(100))
    rig.router.lose_replies = False
    await rig.loop.tick(name)
    await rig.until(lambda: rig.loop.lanes[name].rollout.traffic.settled)
    kinds = [type(row.event).__name__ async for row in rig.journal.load_all()]
    assert kinds.count("TrafficWanted") == kinds.count("TrafficConfirmed") == 1


async def test_a_restart_reads_before_it_writes_and_never_raises_a_lower_share(tmp_path: Path) -> None:
    """I1, I8: somebody took the share to zero beside a dead daemon; the new one keeps zero and asks."""
    rig = Rig(tmp_path)
    name = await rig.running()
    rig.world.override = ZERO
    other = await rig.restart()
    for _ in range(3):
        await other.feed(name)
    assert other.world.override == ZERO
    assert other.loop.lanes[name].rollout.phase.value == "held"
    assert Share(100) not in other.router.written


async def test_a_restart_between_intent_and_effect_carries_the_wish_out(tmp_path: Path) -> None:
    """The intent was durable and the router never called: the new process does it."""
    rig = Rig(tmp_path)
    rig.world.reachable = True
    rig.router.gate.clear()
    await rig.start()
    await rig.until(rig.router.entered.is_set)
    rig.world.override = ZERO
    other = await rig.restart()
    (name,) = other.loop.lanes
    await other.loop.tick(name)
    await other.until(lambda: other.world.override == Share(100))


async def test_increases_wait_for_the_chain_to_be_verified(tmp_path: Path) -> None:
    """I13: until the whole journal was checked a restarted process raises nothing, not even what was wanted before."""
    rig = Rig(tmp_path)
    rig.router.gate.clear()
    await rig.start()
    rig.world.override = ZERO
    other = await rig.restart()
    (name,) = other.loop.lanes
    other.loop.set_raising("the journal's chain has not been verified yet")
    for _ in range(3):
        await other.feed(name)
    assert other.world.override == ZERO
    other.loop.set_raising("")
    await other.loop.tick(name)
    await other.until(lambda: other.world.override == Share(100))


async def test_only_one_rollout_lives_on_a_route(tmp_path: Path) -> None:
    """Two starts at once: one is taken, the other is told why."""
    rig = Rig(tmp_path, World())
    twin = replace(a_spec(), name="ranker-v43", challenger="v43")
    one, two = await asyncio.gather(
        rig.loop.start(Start(a_spec(), OPERATOR), None), rig.loop.start(Start(twin, OPERATOR), None)
    )
    refused = [answer for answer in (one, two) if isinstance(answer, Refused)]
    assert len(refused) == 1
    assert "one route carries one rollout" in refused[0].message


async def test_a_reading_that_waits_while_a_write_begins_is_no_reading_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1, I2, found by seed 507699: the old zero stood for the new share, and an abort ended with traffic on it."""
    rig = Rig(tmp_path)
    name = await rig.running()
    await rig.hands.quiet()
    taken: list[Share] = []
    see = rig.loop._see

    async def noting(lane: str, observation: Observation) -> None:
        taken.extend([observation.reading.override] if isinstance(observation, RouteSeen) else [])
        await see(lane, observation)

    monkeypatch.setattr(rig.loop, "_see", noting)
    async with rig.loop._lock(name):
        rig.hands.perform(name, ReadRoute("ranker"))
        for _ in range(50):  # it is read, and waits for the turn that is ours
            await asyncio.sleep(0)
        assert rig.hands.perform(name, SetTraffic("ranker", Slot.B, Share(50), urgent=True))
    await rig.hands.quiet()
    assert taken[0] == Share(50)
