"""After the end: reopening what was aborted, rolling back what is done, and keeping what somebody set by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.effects import RouteSeen, SlotProbed
from rolloutd.core.fold import LawBroken, check_laws, fold
from rolloutd.core.lane import observe
from rolloutd.core.observed import SlotHealth
from rolloutd.core.revival import decide_revival
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Actor, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World

WHY = "the fault was the load test's"


def revive(
    book: Playbook, verb: Verb, actor: Actor = OPERATOR, others: tuple[Rollout, ...] = (), **more: object
) -> Accepted | Refused:
    """A person takes an ended rollout up again; the route is looked at first, as the daemon does."""
    now_ms = book.now.clock_ms
    lane = observe(replace(book.lane, seen=book.fresh_seen()), RouteSeen(book.world.reading()), now_ms)
    for slot in Slot:
        lane = observe(lane, SlotProbed(slot, SlotHealth(book.world.up[slot], book.world.versions[slot], "")), now_ms)
    act = replace(Act(verb, actor, book.rollout_version, WHY), **more)  # type: ignore[arg-type] # fields of Act
    decision = decide_revival(lane.rollout, act, lane.picture(now_ms), (lane.rollout, *others))
    if isinstance(decision, Accepted):
        book.lane = lane
        book.record(decision.events, actor)
        book.settle(tick=True)
    return decision


def aborted() -> Playbook:
    """At 10 %, then taken back by a person."""
    book = Playbook()
    while "10%" not in book.shares():
        book.run(1)
    book.run(5)
    book.do(Verb.ABORT)
    assert book.phase == "aborted"
    return book


def test_a_reopened_rollout_begins_at_the_first_stage_with_its_harm_evidence() -> None:
    """Design 7.19: checks again, 1 % again; what spoke of harm is kept to the bit, what spoke of safety is void."""
    book = aborted()
    before = book.lane.evidence["errors"]
    assert isinstance(revive(book, Verb.REOPEN), Accepted)
    after = book.lane.evidence["errors"]
    assert (after.harm, after.limit, after.total_sum) == (before.harm, before.limit, before.total_sum)
    assert (after.safe.log_e, after.dwell_ms) == (0.0, 0)
    book.until("done")
    assert book.shares()[-5:] == ["0%", "1%", "10%", "50%", "90%"]


def test_harm_before_and_after_an_abort_adds_up() -> None:
    """A bad challenger that is aborted half-way to the line and reopened needs less to be taken back for good."""
    book = Playbook(world=World(rates={"a": 0.01, "b": 0.03})).run(5)
    while book.lane.picture(book.now.clock_ms).judgement.gates[0].harm_progress < 0.5:
        book.run(1)
    book.do(Verb.ABORT)
    revive(book, Verb.REOPEN)
    assert book.lane.picture(book.now.clock_ms).judgement.gates[0].harm_progress >= 0.5
    book.until("rolled_back", 600)


def test_reopening_needs_an_abort_a_reason_its_revision_and_a_free_route() -> None:
    """What was done, refused by gates or rolled back is not reopened; nor while another rollout is live (I11)."""
    book = aborted()
    other = replace(Playbook().lane.rollout, spec=replace(book.spec, name="other"))
    refusals = {
        "stale": revive(book, Verb.REOPEN, revision=3),
        "short": revive(book, Verb.REOPEN, reason="again"),
        "route": revive(book, Verb.REOPEN, others=(other,)),
    }
    codes = {key: refused.code for key, refused in refusals.items() if isinstance(refused, Refused)}
    assert codes == {"stale": RefusalCode.CONFLICT, "short": RefusalCode.GATE, "route": RefusalCode.CONFLICT}
    back = Playbook(world=World(rates={"a": 0.01, "b": 0.2})).until("rolled_back", 200)
    refused = revive(back, Verb.REOPEN)
    assert isinstance(refused, Refused)
    assert "what a person aborted" in refused.message


def test_what_is_done_is_rolled_back_by_the_base_and_read_back() -> None:
    """One move of the base, confirmed by the router before it is called so; the old side serves everything (I4)."""
    book = Playbook().until("done")
    assert isinstance(revive(book, Verb.ROLLBACK), Accepted)
    assert (book.phase, book.world.base, book.world.override) == ("rolled_back", Slot.A, ZERO)
    said = book.said()
    order = [said.index("RecedeStarted"), len(said) - 1 - said[::-1].index("TrafficWanted")]
    order.append(len(said) - 1 - said[::-1].index("TrafficConfirmed"))
    assert order == sorted(order)
    assert said[-2:] == ["BaseConfirmed", "RolloutEnded"]
    again = fold(book.journal)
    assert again is not None
    assert again == book.lane.rollout


def test_a_rollback_that_a_router_ignores_is_not_called_done() -> None:
    """The base does not move: it goes on asking and says NOT OBEYED; a restart asks again (I6)."""
    book = Playbook().until("done")
    book.world.moves_base = False
    revive(book, Verb.ROLLBACK)
    book.run(10)
    assert book.phase == "receding"
    assert book.lane.rollout.traffic.not_obeyed
    book.restart()
    book.world.moves_base = True
    book.until("rolled_back", 20)
    assert book.world.base is Slot.A


def test_a_previous_version_that_does_not_serve_is_an_override() -> None:
    """Down, or another version in its slot: only an admin with the name typed out, and it stays visible for ever."""
    for fault in ("down", "other"):
        book = Playbook().until("done")
        book.world.up[Slot.A] = fault != "down"
        book.world.versions[Slot.A] = "v43" if fault == "other" else "v41"
        for actor in (OPERATOR, ADMIN):
            for override in (False, True):
                assert isinstance(revive(book, Verb.ROLLBACK, actor, override=override), Refused), (fault, actor.name)
        assert book.phase == "done"
        accepted = revive(book, Verb.ROLLBACK, ADMIN, override=True, confirm=book.spec.name)
        assert isinstance(accepted, Accepted)
        assert book.lane.rollout.overrides[-1].by == ADMIN
        assert book.lane.rollout.overrides[-1].gates[0].startswith("preflight:slot a")


def test_only_the_last_one_on_a_route_is_rolled_back() -> None:
    """A later rollout made another version champion: taking the earlier one back would be about the wrong version."""
    book = Playbook().until("done")
    later = replace(book.lane.rollout, spec=replace(book.spec, name="ranker-v43"), changed_at=book.now.plus_ms(1_000))
    refused = revive(book, Verb.ROLLBACK, others=(later,))
    assert isinstance(refused, Refused)
    assert "rollout rollback ranker-v43" in refused.next_step
    book.world.base = Slot.A
    refused = revive(book, Verb.ROLLBACK)
    assert isinstance(refused, Refused)
    assert "not as ranker-v42 left it" in refused.message


def test_nothing_but_a_rollback_leads_out_of_done() -> None:
    """Harm, blindness or time never take back what is done."""
    book = Playbook().until("done")
    for cause in ev.RecedeCause:
        if cause is not ev.RecedeCause.ROLLBACK:
            with pytest.raises(LawBroken):
                check_laws(book.lane.rollout, ev.RecedeStarted(cause, "because"))


def test_a_share_set_by_hand_can_be_kept() -> None:
    """Lowered by hand is DRIFT; adopting it answers the question: paused there, by name, and resume is still open."""
    book = Playbook()
    while "10%" not in book.shares():
        book.run(1)
    refused = book.do(Verb.ADOPT_SHARE)
    assert isinstance(refused, Refused)
    book.world.override = Share(300)
    book.until("held", 10)
    assert isinstance(book.do(Verb.ADOPT_SHARE, reason="the cache is cold"), Accepted)
    hold = book.lane.rollout.hold
    assert hold is not None
    assert (hold.cause, hold.by) == (ev.HoldCause.PERSON, OPERATOR)
    assert book.run(60).world.override == Share(300)
    assert isinstance(book.do(Verb.RESUME), Accepted)
    assert book.world.override == Share(1_000)


def test_a_share_set_by_hand_can_be_taken_back_to_ours() -> None:
    """I3, I4: lowered by hand it stays low until somebody re-applies ours; then the rollout goes on as it was."""
    book = Playbook()
    while "10%" not in book.shares():
        book.run(1)
    assert isinstance(book.do(Verb.REAPPLY), Refused)
    book.world.override = Share(300)
    book.until("held", 10)
    assert book.run(5).world.override == Share(300)
    assert isinstance(book.do(Verb.REAPPLY, reason="a script was wrong"), Accepted)
    assert book.world.override == Share(1_000)
    assert book.until("done").lane.rollout.hold is None


@pytest.mark.parametrize("verb", [Verb.REOPEN, Verb.ROLLBACK])
def test_a_live_rollout_is_neither_reopened_nor_rolled_back(verb: Verb) -> None:
    """The sentence names what does apply."""
    refused = Playbook().run(5).do(verb, reason=WHY)
    assert isinstance(refused, Refused)
    assert "rollout abort" in refused.next_step
