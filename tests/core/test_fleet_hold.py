"""The hold of the fleet in the core: nothing goes up, whatever lowers works, and who may end it."""

from __future__ import annotations

from dataclasses import replace

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted, decide_start
from rolloutd.core.fleet_hold import Holds, decide_hold, decide_release, fold_holds, sentence
from rolloutd.core.plan import OnUndecided
from rolloutd.core.rules import Rules
from rolloutd.core.values import Actor, ActorKind, Instant, Role
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec

RULES = Rules(fleet_hold="by ops2: sale")
OTHER = Actor(ActorKind.PERSON, "ops2", 1003, Role.OPERATOR, "cli")


def held(book: Playbook, by: str = "by ops2: sale") -> Playbook:
    """The same rollout in a fleet that is held, or no longer."""
    book.lane = replace(book.lane, seen=replace(book.lane.seen, rules=Rules(fleet_hold=by)))
    return book


def test_nothing_goes_up_while_it_lasts_and_everything_may_afterwards() -> None:
    """A rollout whose gates pass stays where it is for as long as the fleet is held (I3), then goes its way."""
    book = held(Playbook().run(5)).run(900)
    assert book.shares() == ["1%"]
    assert book.phase == "running"
    held(book, "").until("done")
    assert book.shares() == ["1%", "10%", "50%", "90%"]


def test_not_even_the_first_share_is_given() -> None:
    """A rollout that was requested before the hold waits after its checks."""
    book = held(Playbook()).run(60)
    assert (book.phase, book.shares()) == ("running", [])


def test_triggers_stay_armed_and_abort_works() -> None:
    """Harm takes a held fleet's rollout back by itself, and so does a person (I2)."""
    harmful = held(Playbook(world=World(rates={"a": 0.01, "b": 0.2})).run(5)).until("rolled_back", 200)
    assert harmful.shares()[-1] == "0%"
    aborted = held(Playbook().run(5))
    assert isinstance(aborted.do(Verb.ABORT), Accepted)
    assert aborted.phase == "aborted"


def test_nobody_promotes_past_it_and_nobody_starts() -> None:
    """Not even an admin with an override: policy is nobody's to pass by; the refusal says who holds it."""
    book = held(Playbook().run(5))
    override = {"override": True, "confirm": book.spec.name, "reason": "it really must go up"}
    for refused in (book.do(Verb.PROMOTE, ADMIN, **override), decide_start(_start(), [], (), RULES)):
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.GATE
        assert "by ops2: sale" in refused.message
        assert "--release" in refused.next_step


def _start() -> Start:
    return Start(replace(a_spec(), name="other"), OPERATOR)


def test_a_stage_is_not_given_up_because_the_fleet_stands_still() -> None:
    """The plan says go back when undecided; a hold that outlasts the stage's greatest time is no reason for that."""
    stages = tuple(replace(s, max_time_ms=60_000, on_undecided=OnUndecided.ROLLBACK) for s in a_plan().stages)
    book = held(Playbook(a_spec(a_plan(stages=stages))).run(5)).run(200)
    assert (book.phase, book.shares()) == ("running", ["1%"])


def recorded(actor: Actor, decision: Accepted | Refused) -> list[ev.Recorded]:
    """The rows that a decision makes."""
    assert isinstance(decision, Accepted)
    at = Instant(1, 1)
    return [ev.Recorded(n, ev.FLEET_STREAM, n, at, actor, 1, event) for n, event in enumerate(decision.events, 1)]


def test_everybody_has_a_hold_of_his_own() -> None:
    """Two people hold; one releases; the fleet stays held by the other."""
    holds: Holds = ()
    for actor, reason in ((OPERATOR, "sale"), (OTHER, "incident")):
        holds = fold_holds(holds, recorded(actor, decide_hold(holds, actor, reason)))
    assert sentence(holds) == "by ops1: sale (and 1 more)"
    again = decide_hold(holds, OTHER, "another reason")
    assert isinstance(again, Accepted)
    assert again.events == ()
    holds = fold_holds(holds, recorded(OPERATOR, decide_release(holds, OPERATOR, "sale is over")))
    assert sentence(holds) == "by ops2: incident"


def test_only_who_set_it_or_an_admin_ends_it() -> None:
    """Another operator is refused with the name to ask; an admin ends all of them; no release without a reason."""
    holds = fold_holds((), recorded(OTHER, decide_hold((), OTHER, "incident")))
    refused = decide_release(holds, OPERATOR, "I want to go up")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.needs) == (RefusalCode.NOT_PERMITTED, Role.ADMIN)
    assert "ops2" in refused.next_step
    without = decide_release(holds, ADMIN, "")
    assert isinstance(without, Refused)
    assert without.code is RefusalCode.BAD_INPUT
    assert fold_holds(holds, recorded(ADMIN, decide_release(holds, ADMIN, "ops2 is asleep"))) == ()
