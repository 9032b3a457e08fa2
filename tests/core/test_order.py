"""Rollouts in an order: one waits before any traffic for those that it comes after; limits by team and by router."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.commands import RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.phases import Phase
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.values import BadValue, Slot
from tests.core.playbook import OPERATOR, Playbook, World, a_spec
from tests.core.test_most_live import live

FIRST = "ranker-eu-v42"


def later(phase: Phase | None, world: World | None = None) -> Playbook:
    """A rollout that comes after another one, which is in this phase."""
    book = Playbook(replace(a_spec(), after=(FIRST,)), world)
    return told(book, phase)


def told(book: Playbook, phase: Phase | None) -> Playbook:
    """The other one is in this phase now."""
    earlier = {} if phase is None else {FIRST: phase}
    book.lane = replace(book.lane, seen=replace(book.lane.seen, earlier=earlier))
    return book


def test_it_waits_for_its_turn_however_long_and_then_goes_its_way() -> None:
    """Before its turn nothing is judged: not even a server that is not there yet. Then the checks have their time."""
    book = later(Phase.RUNNING, World(up={Slot.A: True, Slot.B: False})).run(120)
    assert (book.phase, book.said()) == ("preflight", ["RolloutRequested"])
    told(book, Phase.DONE).run(5)
    assert book.phase == "preflight"
    book.world.up[Slot.B] = True
    book.until("done")


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ABORTED, Phase.REFUSED])
def test_it_is_refused_when_what_it_waits_for_ends_otherwise_and_says_why(phase: Phase) -> None:
    """What was to come first is not there, so this one never gets traffic (I3)."""
    book = told(later(Phase.RUNNING).run(5), phase).run(2)
    assert (book.phase, book.shares()) == ("refused", [])
    assert f"{FIRST}, which ended {phase.value.replace('_', ' ')}" in book.lane.rollout.refusals[0]


def test_abort_works_while_it_waits() -> None:
    """I2: nothing has begun, so it ends at once."""
    book = later(Phase.RUNNING).run(5)
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert book.phase == "aborted"


def test_a_start_after_what_never_will_be_done_is_refused_and_why_and_what_to_do() -> None:
    """A name that nobody has, and a rollout that went back; after one that is live or done it starts."""
    (other,) = live(1)
    start = Start(replace(a_spec(), after=(other.name,)), OPERATOR)
    back = replace(other, phase=Phase.ROLLED_BACK)
    for ended, why in (((), "there is no rollout of that name"), ((back,), "ended rolled back")):
        refused = decide_start(start, [], ended)
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.GATE
        assert why in refused.message
        assert "after = [...]" in refused.next_step
    assert isinstance(decide_start(start, [other]), Accepted)
    assert isinstance(decide_start(start, [], [replace(other, phase=Phase.DONE)]), Accepted)


def test_nobody_comes_after_himself_or_twice_after_one() -> None:
    """What could never begin is no spec."""
    for after in ((a_spec().name,), ("x", "x")):
        with pytest.raises(BadValue):
            replace(a_spec(), after=after)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(team=2), "2 rollouts are live in team ranking, and the policy's max_concurrent_team is 2"),
        (Limits(router=2), "2 rollouts are live behind router edge, and the policy's max_concurrent_router is 2"),
    ],
)
def test_one_more_of_a_team_or_behind_a_router_is_refused_and_why_and_what_to_do(limits: Limits, says: str) -> None:
    """Only those of the same team, or behind the same router, are counted; the oldest is named."""
    mine = {"ranker": "x", "route-0": "x", "route-1": "x"}
    same = replace(
        limits, team_of=dict.fromkeys(mine, "ranking"), router_of=dict.fromkeys(mine, "edge") | {"route-2": "gateway"}
    )
    start = Start(a_spec(), OPERATOR)
    refused = decide_start(start, live(3), (), Rules(limits=same))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.GATE
    assert says in refused.message
    assert "the oldest is other-0" in refused.next_step
    elsewhere = replace(same, team_of={**same.team_of, "route-1": "ads"}, router_of={**same.router_of, "route-1": "y"})
    assert isinstance(decide_start(start, live(3), (), Rules(limits=elsewhere)), Accepted)


def test_what_goes_back_is_never_counted_by_team_or_router() -> None:
    """I2: an abort works however many are live."""
    book = Playbook().run(5)
    crowded = Rules(limits=Limits(1, 1, 1, {"ranker": "ranking"}, {"ranker": "edge"}))
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=crowded))
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert book.phase == "aborted"


def test_one_model_carries_one_rollout_at_a_time_and_abort_ends_the_first() -> None:
    """Another route, the same model: refused with the live one's name and what to do; after its abort not (I2)."""
    book = Playbook().run(5)
    start = Start(replace(a_spec(), name="ranker-v43", route="elsewhere", challenger="v43"), OPERATOR)
    refused = decide_start(start, [book.lane.rollout])
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.CONFLICT
    assert "ranker-v42 is a live rollout on model ranker" in refused.message
    assert "rollout abort ranker-v42" in refused.next_step
    assert isinstance(book.do(Verb.ABORT), Accepted)
    assert isinstance(decide_start(start, [], [book.lane.rollout]), Accepted)
