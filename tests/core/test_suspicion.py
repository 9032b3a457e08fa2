"""What is wrong and not the challenger's doing: the proxy gives another share than it says, or the champion is sick."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.codec import decode, encode
from rolloutd.core import events as ev
from rolloutd.core.commands import Verb
from rolloutd.core.effects import MetricsAnswered
from rolloutd.core.evidence import GateEvidence
from tests.core.playbook import ADMIN, Playbook, World, a_gate, a_plan, a_spec


def _held(book: Playbook, most_s: int = 300) -> ev.RolloutHeld:
    book.until("held", most_s)
    return next(row.event for row in reversed(book.journal) if isinstance(row.event, ev.RolloutHeld))


@pytest.mark.parametrize("gives", [0.0, 0.3, 2.0])
def test_a_proxy_that_gives_another_share_holds_the_rollout(gives: float) -> None:
    """I3: fewer or more requests than the share says is nothing to climb on; both figures are in the reason."""
    book = Playbook()
    book.run(12)
    book.world.gives = gives
    held = _held(book)
    assert held.cause is ev.HoldCause.RATIO
    assert "asked 1%" in held.reason
    assert "of the requests reach the challenger" in held.reason
    assert book.shares() == ["1%"]


@pytest.mark.parametrize("gives", [0.93, 1.07])
def test_a_small_deviation_holds_nothing_however_many_requests_show_it(gives: float) -> None:
    """A practical size: within a tenth of the share nobody would act, with ten million requests as with ten."""
    plan = a_plan("10%", "50%", "90%")
    book = Playbook(a_spec(plan), World(rps=1_000_000, gives=gives)).until("watching")
    assert "RolloutHeld" not in book.said()


def test_a_user_who_stays_on_one_side_widens_what_counts_as_the_share() -> None:
    """Sticky by user, a share of the users is not one of the requests: too few of them are not the proxy's fault."""
    plan = a_plan("10%", "40%", "90%")
    split = {sticky: Playbook(a_spec(plan), World(sticky=sticky, gives=0.7)) for sticky in (True, False)}
    assert _held(split[False]).cause is ev.HoldCause.RATIO
    split[True].until("done")
    assert "RolloutHeld" not in split[True].said()


def test_a_share_change_is_not_held_against_the_split() -> None:
    """The tick that straddles a change counts for neither share, and with slow counters the next one that is new."""
    book = Playbook(a_spec(a_plan("1%", "50%", "90%", gates=(a_gate(max_age_ms=14_000, every_ms=7_000),))))
    sampled = book.world.answer(book.now.wall_ms)
    for second in range(700):
        if second % 7 == 0:
            sampled = book.world.answer(book.now.wall_ms)
        book.see(MetricsAnswered("errors", sampled))
        book.run(1, metrics=False)
    assert book.shares() == ["1%", "50%", "90%"]
    assert "RolloutHeld" not in book.said()


def test_after_a_person_lets_it_go_on_the_split_is_watched_anew() -> None:
    """What was mended is not held against it again; what was not is found again."""
    book = Playbook(world=World(gives=0.3))
    _held(book)
    book.world.gives = 1.0
    book.do(Verb.RESUME, ADMIN, reason="weights were mended")
    book.run(30)
    assert book.phase == "running"
    book.world.gives = 0.2
    assert _held(book).cause is ev.HoldCause.RATIO


def test_a_split_that_strays_does_not_stop_harm_from_going_back() -> None:
    """I2's sister: a hold keeps its triggers armed; harm relative to the champion still goes to zero."""
    book = Playbook(world=World(gives=0.3))
    _held(book)
    book.world.rates["b"] = 0.5
    book.until("rolled_back", 400)


def test_at_full_share_without_a_holdback_no_split_is_checked() -> None:
    """There is no champion traffic by plan; that is not a proxy that lies."""
    plan = a_plan("10%", "100%")
    book = Playbook(a_spec(plan)).until("watching")
    book.run(5)
    assert book.lane.picture(book.now.clock_ms).judgement.split is None
    book.until("done")


def test_evidence_of_the_split_is_bit_equal_after_a_restart() -> None:
    """Stored and read back at any tick it goes on with the same bits; a store without it begins it anew."""
    book = Playbook(world=World(gives=0.95)).run(25)
    known = book.lane.evidence["errors"]
    assert known.ratio is not None
    assert known.ratio.evidence.restart.ticks > 10
    again = decode(GateEvidence, encode(known))
    assert again == known
    assert encode(again) == encode(known)
    twin = book.snapshot()
    twin.lane = replace(twin.lane, evidence={"errors": again.on_doubt()})
    book.restart()
    after, twins = book.run(10).lane.evidence["errors"], twin.run(10).lane.evidence["errors"]
    assert (after.ratio, after.jump) == (twins.ratio, twins.jump)
    assert after.ratio != known.ratio
    older = encode(known).replace(encode(known.ratio), "null")
    assert decode(GateEvidence, older).ratio is None


def test_a_champion_that_jumps_against_its_own_past_is_an_outside_incident_when_both_do() -> None:
    """Both arms move together: it holds, says so and blames nobody; when it is over a person lets it go on."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%")), World(rps=10_000))
    book.run(15)
    book.world.rates = {"a": 0.15, "b": 0.15}
    held = _held(book)
    assert held.cause is ev.HoldCause.CHAMPION
    assert "outside of both" in held.reason
    assert "1.00% to 15.0" in held.reason
    book.world.rates = {"a": 0.01, "b": 0.01}
    book.run(10)
    book.do(Verb.RESUME, ADMIN, reason="the database is back")
    book.until("done")


def test_a_sick_champion_alone_holds_too() -> None:
    """A comparison with a sick champion says nothing for the challenger."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%")), World(rps=10_000))
    book.run(15)
    book.world.rates["a"] = 0.15
    held = _held(book)
    assert held.cause is ev.HoldCause.CHAMPION
    assert "the champion is sick" in held.reason


def test_harm_relative_to_the_champion_goes_back_in_an_incident_as_well() -> None:
    """Both are hit and the challenger far worse: the incident excuses nothing beyond the champion's own rate."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%", gates=(a_gate(limit=None),))), World(rps=10_000))
    book.run(15)
    book.world.rates = {"a": 0.08, "b": 0.6}
    book.until("rolled_back", 200)


def test_the_time_of_day_is_no_incident() -> None:
    """Twice the usual errors, slowly come, hold nothing."""
    book = Playbook(a_spec(a_plan("10%", "50%", "90%")), World(rps=10_000))
    for step in range(100):
        book.world.rates = {"a": 0.01 + step * 0.00012, "b": 0.01 + step * 0.00012}
        book.run(1)
    assert "RolloutHeld" not in book.said()
