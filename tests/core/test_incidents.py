"""One incident a rollout: opened when it needs a person, acknowledged by a claim, resolved when it was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import Verb
from rolloutd.core.fold import evolve
from rolloutd.core.incidents import Incident, Message, Need, Turn, follow, need_of, succeeded
from rolloutd.core.metrics import BlindReason
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import Instant
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec

SENDER = "rolloutd/edge-1"
BAD = {"a": 0.01, "b": 0.2}


def told(rows: list[ev.Recorded]) -> tuple[Incident | None, list[Message]]:
    """What people hear of a whole record."""
    rollout: Rollout | None = None
    incident: Incident | None = None
    messages: list[Message] = []
    for row in rows:
        rollout = evolve(rollout, row)
        incident, new = follow(incident, rollout, row, SENDER)
        messages += new
    return incident, messages


def turns(book: Playbook) -> list[tuple[str, str]]:
    """The turns and needs that a record tells."""
    return [(message.turn.value, message.need) for message in told(book.journal)[1]]


def test_a_rollback_by_harm_opens_one_incident_that_a_claim_ends() -> None:
    """It goes back by itself, it has gone back, and whoever claims it afterwards has seen it; one key throughout."""
    book = Playbook(world=World(rates=BAD)).until("rolled_back", 300)
    assert turns(book) == [("opened", "going_back"), ("changed", "rolled_back")]
    book.record((ev.RolloutClaimed(),), OPERATOR)
    incident, messages = told(book.journal)
    assert incident is None
    assert turns(book)[-1] == ("resolved", "rolled_back")
    assert {message.incident for message in messages} == {"rolloutd/edge-1/ranker-v42"}
    assert messages[-1].by == "ops1"
    assert all(message.critical for message in messages)
    assert "v41 serves all traffic" in messages[1].what
    assert {(message.cause, message.versions) for message in messages} == {("harm", "v41 > v42")}


def test_a_claim_before_the_end_acknowledges_and_the_end_was_seen() -> None:
    """Whoever looks at a rollout that waits is named; its end by him needs nobody else."""
    book = Playbook()
    book.world.blind["b"] = BlindReason.NO_SERIES
    book.run(30)
    assert turns(book)[-1] == ("changed", "blind")
    assert told(book.journal)[1][-1].cause == "blindness"
    book.do(Verb.CLAIM)
    assert turns(book)[-1] == ("acknowledged", "blind")
    book.do(Verb.ABORT)
    book.until("aborted", 10)
    assert turns(book)[-1] == ("resolved", "blind")


def test_a_claim_that_is_given_back_is_told() -> None:
    """Nobody looks any more: whoever gets messages must know."""
    book = Playbook()
    book.world.blind["b"] = BlindReason.NO_SERIES
    book.run(30)
    book.do(Verb.CLAIM)
    book.do(Verb.CLAIM)
    assert [turn for turn, _ in turns(book)][-2:] == ["acknowledged", "changed"]


def test_what_waits_for_a_person_resolves_when_it_goes_on() -> None:
    """An undecided stage asks; the answer ends the incident."""
    plan = a_plan()
    stages = tuple(replace(stage, approval=number == 0) for number, stage in enumerate(plan.stages))
    book = Playbook(a_spec(replace(plan, stages=stages))).until("asking", 900)
    assert turns(book) == [("opened", "asks_you")]
    book.do(Verb.APPROVE, ADMIN)
    assert [turn for turn, _ in turns(book)] == ["opened", "resolved"]


def test_a_router_that_does_not_obey_opens_one() -> None:
    """And resolves once the router shows what was asked."""
    book = Playbook()
    book.run(2)
    book.world.obeys = False
    book.do(Verb.ABORT)
    book.run(10)
    assert turns(book) == [("opened", "not_obeyed")]
    book.world.obeys = True
    book.until("aborted", 30)
    assert [turn for turn, _ in turns(book)] == ["opened", "resolved"]


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.PAUSE])
def test_what_a_person_does_himself_opens_nothing(verb: Verb) -> None:
    """He knows."""
    book = Playbook()
    book.run(3)
    book.do(verb)
    book.run(10)
    assert turns(book) == []


def test_a_good_rollout_tells_nobody() -> None:
    """No news is good news."""
    assert turns(Playbook().until("done")) == []


def test_the_next_rollout_on_the_route_ends_the_incident_of_the_last() -> None:
    """Whoever starts it has seen how the one before ended; on another route nobody has."""
    book = Playbook(world=World(rates=BAD)).until("rolled_back", 300)
    incident, _ = told(book.journal)
    assert incident is not None
    following = replace(a_spec(), name="ranker-v43")
    row = ev.Recorded(900, "ranker-v43", 1, Instant(5, 5), OPERATOR, 1, ev.RolloutRequested(following))
    message = succeeded(incident, following, row)
    assert message is not None
    assert (message.turn, message.incident) == (Turn.RESOLVED, incident.key)
    assert message.at_wall_ms >= message.opened_wall_ms
    assert succeeded(incident, replace(following, route="search"), row) is None
    assert succeeded(replace(incident, ended=False), following, row) is None


def test_the_same_record_makes_the_same_messages() -> None:
    """Ids are made of the record, so that what is derived twice can be told apart from what happened twice (I11)."""
    book = Playbook(world=World(rates=BAD)).until("rolled_back", 300)
    book.record((ev.RolloutClaimed(),), OPERATOR)
    first, again = told(book.journal)[1], told(list(book.journal))[1]
    assert first == again
    assert len({message.id for message in first}) == len(first)


def test_every_kind_of_need_is_critical_or_not_for_good() -> None:
    """A pager that hears only of what is critical hears the end of it too, whatever it turned into meanwhile."""
    book = Playbook(world=World(rates=BAD)).until("rolled_back", 300)
    rollout, row = book.lane.rollout, book.journal[-1]
    worse = Incident("k", "n", "m", "r", "v", Need.GOING_BACK, "w", 1, 1, critical=True)
    incident, messages = follow(worse, replace(rollout, phase=Phase.ASKING), row, SENDER)
    assert incident is not None
    assert (incident.need, incident.critical, messages[0].critical) == (Need.ASKS_YOU, True, True)


def test_every_phase_has_an_answer() -> None:
    """Also the phases that no story here reaches."""
    rollout = Playbook().lane.rollout
    assert {
        phase: need_of(replace(rollout, phase=phase)) for phase in Phase if phase is not Phase.ASKING
    } == dict.fromkeys(phase for phase in Phase if phase is not Phase.ASKING)
