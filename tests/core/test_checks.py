"""Named checks before traffic in a world of values: nothing begins before they passed, and no answer is no pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.checks import Check, CheckFinding, CheckKind, CheckRan, RunCheck, awaiting_approval
from rolloutd.core.commands import Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.fold import fold
from rolloutd.core.incidents import Need, need_of
from rolloutd.core.lane import next_effects
from rolloutd.core.outside_events import CheckFinished
from rolloutd.core.values import Actor, ActorKind, BadValue, Role, Slot
from tests.core.playbook import OPERATOR, Playbook, World, a_spec

PASSED = CheckFinding(answered=True, passed=True, detail="fine")
WRONG = CheckFinding(answered=True, passed=False, detail="auc 0.7 against the champion's 0.8")
SILENT = CheckFinding(answered=False, passed=False, detail="the registry is away")
OTHER = Actor(ActorKind.PERSON, "ops2", 1003, Role.OPERATOR, "cli")
BOTH = (Check("offline"), Check("load", deadline_ms=20_000))


def book(*checks: Check, world: World | None = None) -> Playbook:
    """A rollout with these checks."""
    return Playbook(replace(a_spec(), checks=checks), world)


def asked(of: Playbook) -> list[str]:
    """The checks that are to be carried out on a tick."""
    effects = next_effects(of.lane, tick=True)
    return [effect.check.name for effect in effects if isinstance(effect, RunCheck)]


def answer(of: Playbook, **findings: CheckFinding) -> Playbook:
    """The checks find this; a second passes."""
    for name, finding in findings.items():
        of.see(CheckRan(name, finding))
    return of.run(1)


def test_all_are_carried_out_at_once_and_nothing_begins_before_they_passed() -> None:
    """I3: one that passed does not help the other; with both it goes its way, each on record and not asked again."""
    waiting = book(*BOTH).run(60)
    assert (waiting.phase, waiting.shares(), asked(waiting)) == ("preflight", [], ["offline", "load"])
    answer(waiting, offline=PASSED).run(15)
    assert (waiting.phase, asked(waiting)) == ("preflight", ["load"])
    answer(waiting, load=PASSED).until("done")
    on_record = [row.event for row in waiting.journal if isinstance(row.event, CheckFinished)]
    assert on_record == [CheckFinished("offline", True, "fine"), CheckFinished("load", True, "fine")]


def test_what_does_not_pass_is_refused_with_all_that_was_found_and_abort_works_before() -> None:
    """I3: it never had traffic; every failure is told, once all that runs has come to its end. An abort waits not."""
    ended = answer(book(*BOTH).run(3), offline=WRONG)
    assert ended.phase == "preflight"
    answer(ended, load=replace(WRONG, detail="95% within 900 ms"))
    assert (ended.phase, ended.shares()) == ("refused", [])
    assert ended.lane.rollout.refusals == (
        "check offline did not pass: auc 0.7 against the champion's 0.8",
        "check load did not pass: 95% within 900 ms",
    )
    aborted = book(*BOTH).run(3)
    assert isinstance(aborted.do(Verb.ABORT), Accepted)
    assert aborted.phase == "aborted"


def test_no_answer_is_asked_again_and_is_no_pass_when_its_time_is_over() -> None:
    """I3: silent for its deadline, it has failed; one answer in between begins the time anew."""
    silent = answer(book(BOTH[1]).run(2), load=SILENT)
    for _ in range(15):
        answer(silent, load=SILENT)
    assert (silent.phase, asked(silent)) == ("preflight", ["load"])
    for _ in range(10):
        answer(silent, load=SILENT)
    assert silent.phase == "refused"
    assert "no answer in time: the registry is away" in silent.lane.rollout.refusals[0]


def test_none_is_carried_out_before_route_slots_and_sources_are_in_order() -> None:
    """A load on a server that is not up would say nothing; what is wrong with the slot refuses it as ever."""
    down = book(*BOTH, world=World(up={Slot.A: True, Slot.B: False})).run(3)
    assert asked(down) == []
    assert down.run(10).phase == "refused"


def test_a_restart_carries_out_what_is_not_on_record() -> None:
    """I4, I6: what passed stays passed; what was under way is asked for again."""
    before = answer(book(*BOTH).run(3), offline=PASSED)
    after = before.snapshot()
    after.run(2)
    assert asked(after) == ["load"]
    assert fold(after.journal) == after.lane.rollout


def test_a_persons_yes_comes_last_and_from_somebody_else() -> None:
    """I3, I10: nobody is asked before the rest has passed; who started it is refused with what to do; then it goes."""
    waiting = book(Check("offline"), Check("sign-off", CheckKind.APPROVAL)).run(3)
    assert awaiting_approval(waiting.lane.rollout) is None
    assert isinstance(waiting.do(Verb.APPROVE, OTHER), Refused)
    answer(waiting, offline=PASSED).run(4_000)
    assert (waiting.phase, need_of(waiting.lane.rollout)) == ("preflight", Need.ASKS_YOU)
    refused = waiting.do(Verb.APPROVE, OPERATOR)
    assert isinstance(refused, Refused)
    assert "wants another person's yes" in refused.message
    assert "rollout approve ranker-v42" in refused.next_step
    assert isinstance(waiting.do(Verb.APPROVE, OTHER, reason="looked at it"), Accepted)
    assert (waiting.lane.rollout.checks[-1].by, waiting.lane.rollout.checks[-1].detail) == (OTHER, "looked at it")
    waiting.until("done")


def test_decline_ends_what_waits_for_a_yes_and_who_may_approve_himself_does() -> None:
    """I2: no is always possible; with other_person = false the one who started it may say yes."""
    declined = book(Check("sign-off", CheckKind.APPROVAL)).run(3)
    assert isinstance(declined.do(Verb.DECLINE, OTHER), Accepted)
    assert declined.phase == "aborted"
    alone = book(Check("sign-off", CheckKind.APPROVAL, other_person=False)).run(3)
    assert isinstance(alone.do(Verb.APPROVE, OPERATOR), Accepted)


@pytest.mark.parametrize("held", [False, True])
def test_another_artefact_than_was_checked_goes_back(held: bool) -> None:
    """I3, I4: the digest is fixed by the checks; the server that says another one loses its traffic, a pause or not."""
    running = book()
    running.world.artefact = "sha256:aa"
    running.until("running").run(20)
    assert running.lane.rollout.artefact == "sha256:aa"
    if held:
        running.do(Verb.PAUSE)
    running.world.artefact = "sha256:bb"
    running.until("rolled_back", 30)
    assert running.shares()[-1] == "0%"
    assert running.lane.rollout.end is not None
    assert "sha256:bb, and sha256:aa was checked" in running.lane.rollout.end.reason


def test_a_server_that_says_no_digest_is_believed_on_nothing() -> None:
    """Without a digest at the start there is nothing to hold it to; one that falls silent later is not another one."""
    running = book()
    running.world.artefact = "sha256:aa"
    running.until("running").run(20)
    running.world.artefact = None
    running.run(5)
    assert running.phase == "running"


def test_a_check_has_a_name_and_an_end() -> None:
    """What has none is refused when it is read."""
    for bad in ({"name": "A B"}, {"name": "x", "deadline_ms": 0}):
        with pytest.raises(BadValue):
            Check(**bad)
    with pytest.raises(BadValue):
        book(Check("x"), Check("x"))


def test_a_check_is_told_what_it_is_about() -> None:
    """Versions and the challenger's slot, which is not the one that serves."""
    (effect,) = [e for e in next_effects(book(Check("offline")).run(2).lane, tick=True) if isinstance(e, RunCheck)]
    case = effect.case
    assert (case.rollout, case.champion, case.challenger, case.challenger_slot) == ("ranker-v42", "v41", "v42", Slot.B)
