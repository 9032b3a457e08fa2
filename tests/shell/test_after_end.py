"""Verbs on rollouts that have ended, through the loop and the hands: reopened, rolled back, claimed, aborted again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.phases import Phase
from rolloutd.core.values import ZERO, Actor, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, a_plan, a_spec
from tests.shell.rig import Rig

SECOND = replace(ADMIN, name="sr2", uid=1004)
WHY = "the load test was at fault"


async def say(rig: Rig, name: str, verb: Verb, actor: Actor = OPERATOR, **more: object) -> Accepted | Refused:
    """A command on the present revision."""
    rollout = rig.loop.lanes[name].rollout if name in rig.loop.lanes else rig.loop.ended[name]
    act = replace(Act(verb, actor, rollout.version, WHY), **more)  # type: ignore[arg-type] # fields of Act
    decision, _ = await rig.loop.command(name, act, None)
    return decision


async def done(rig: Rig) -> str:
    """A rollout that two people took all the way at once."""
    name = await rig.start(a_spec(a_plan("90%")))
    await rig.until(lambda: rig.world.override == Share(9_000) and rig.loop.lanes[name].rollout.traffic.settled)
    for admin in (ADMIN, SECOND):
        assert isinstance(await say(rig, name, Verb.PROMOTE, admin, override=True, confirm=name), Accepted)
    await rig.until(lambda: name in rig.loop.ended)
    assert rig.loop.ended[name].phase is Phase.DONE
    return name


async def aborted(rig: Rig) -> str:
    """A rollout that had its first share and was taken back."""
    name = await rig.start()
    await rig.until(lambda: rig.world.override == Share(100) and rig.loop.lanes[name].rollout.traffic.settled)
    await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)
    return name


async def test_rollback_moves_the_base_back_once_it_is_on_record(tmp_path: Path) -> None:
    """I1, I4: intent durable, base moved, read back, ended; the rollout's two ends are both in its record."""
    rig = Rig(tmp_path)
    name = await done(rig)
    assert rig.world.base is Slot.B
    assert isinstance(await say(rig, name, Verb.ROLLBACK), Accepted)
    await rig.until(lambda: name in rig.loop.ended)
    assert (rig.world.base, rig.world.override) == (Slot.A, ZERO)
    ends = [row.event for row in await rig.journal.load(name) if isinstance(row.event, ev.RolloutEnded)]
    assert [end.outcome for end in ends] == [ev.Outcome.DONE, ev.Outcome.ROLLED_BACK]
    other = await rig.restart()
    assert other.loop.ended[name].phase is Phase.ROLLED_BACK


async def test_a_rollback_that_died_half_way_goes_on_after_the_restart(tmp_path: Path) -> None:
    """I6: the intent is durable and the base was never moved; the next process moves it."""
    rig = Rig(tmp_path)
    name = await done(rig)
    rig.router.moves_base = False
    assert isinstance(await say(rig, name, Verb.ROLLBACK), Accepted)
    assert rig.loop.lanes[name].rollout.phase is Phase.RECEDING
    other = await rig.restart()
    assert other.loop.lanes[name].rollout.phase is Phase.RECEDING
    await other.loop.tick(name)
    await other.until(lambda: name in other.loop.ended)
    assert other.world.base is Slot.A
    rig.loop.lanes.clear()  # the process that died


async def test_a_reopened_rollout_has_its_checks_and_its_first_share_again(tmp_path: Path) -> None:
    """The route was free: preflight once more, then 1 %; nobody else may start on it meanwhile (I5)."""
    rig = Rig(tmp_path)
    name = await aborted(rig)
    assert isinstance(await say(rig, name, Verb.REOPEN), Accepted)
    assert name in rig.loop.lanes
    twin = replace(a_spec(), name="twin")
    assert isinstance(await rig.loop.start(Start(twin, OPERATOR), None), Refused)
    await rig.feed(name)
    await rig.until(lambda: rig.world.override == Share(100))
    other = await rig.restart()
    assert other.loop.lanes[name].rollout.phase is Phase.RUNNING


async def test_the_route_is_not_taken_from_a_later_rollout(tmp_path: Path) -> None:
    """Reopening waits for whoever has the route now, and the refusal is in the ended rollout's record (I10)."""
    rig = Rig(tmp_path)
    name = await aborted(rig)
    await rig.loop.start(Start(replace(a_spec(), name="twin"), OPERATOR), None)
    refused = await say(rig, name, Verb.REOPEN)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.CONFLICT
    assert name in rig.loop.ended
    last = (await rig.journal.load(name))[-1]
    assert isinstance(last.event, ev.CommandRefused)
    assert last.actor == OPERATOR


async def test_after_the_end_a_claim_is_kept_and_an_abort_is_no_news(tmp_path: Path) -> None:
    """A claim is recorded; an abort is answered at once and writes nothing, whatever the journal does (I2)."""
    rig = Rig(tmp_path)
    name = await aborted(rig)
    await say(rig, name, Verb.CLAIM)
    assert rig.loop.ended[name].claimed_by == "ops1"
    written = len(rig.journal.rows)
    rig.journal.faults.hold()
    again = await say(rig, name, Verb.ABORT)
    assert isinstance(again, Accepted)
    assert "already ended" in again.message
    assert len(rig.journal.rows) == written
    rig.journal.faults.release()
