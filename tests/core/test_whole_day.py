"""A stage that looks at a full day: nothing goes up from it on a part of one, harm goes back at any hour (I3, I9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core.blockers import BlockerKind, blockers
from rolloutd.core.commands import Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.effects import MetricsAnswered, TickPassed
from rolloutd.core.forecast.stages import floor_of
from rolloutd.core.metrics import BlindReason
from rolloutd.core.plan import Plan, Timing
from rolloutd.core.values import BadValue, Slot
from rolloutd.core.whole_day import DAY_MS, HOUR_MS, covered, left_ms, missing
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec

TICK_MS = 300_000
REASON = "it was looked at by night as well"


def a_long_plan() -> Plan:
    """Ticks of five minutes, and a full day on the first stage."""
    plan = a_plan("10%", "90%")
    first, last = plan.stages
    first = replace(first, full_day=True, min_time_ms=HOUR_MS, max_time_ms=5 * DAY_MS)
    timing = Timing(TICK_MS, 1, 200, warm_up_ms=0, window_ticks=2)
    return replace(plan, stages=(first, replace(last, max_time_ms=DAY_MS)), timing=timing)


def pass_hours(book: Playbook, hours: float, *, step_ms: int = TICK_MS, leaving_out: tuple[str, ...] = ()) -> Playbook:
    """Let hours pass, tick by tick; the metrics that are left out are not answered for."""
    for _ in range(round(hours * HOUR_MS / step_ms)):
        book.world.flow(step_ms / 1000)
        book.now = book.now.plus_ms(step_ms)
        book.see(TickPassed())
        for gate in (gate for gate in book.spec.plan.gates if gate.metric not in leaving_out):
            book.see(MetricsAnswered(gate.metric, book._answer(gate)))
        book.settle(tick=True)
    return book


def begun(rates: dict[str, float] | None = None) -> Playbook:
    """On the first stage since an hour."""
    book = Playbook(a_spec(a_long_plan()), World(rates=rates or {"a": 0.01, "b": 0.01}))
    return pass_hours(book.run(5), 1)


def against(book: Playbook) -> set[BlockerKind]:
    """What stands against going up."""
    now_ms = book.now.clock_ms
    return {b.kind for b in blockers(book.lane.rollout, book.lane.picture(now_ms), now_ms)}


def test_what_passed_all_its_gates_waits_for_a_day_and_a_night() -> None:
    """I3: nothing but the rest of the day stands against it for hours, and at its end it goes up by itself."""
    book = pass_hours(begun(), 21)
    assert against(book) == {BlockerKind.FULL_DAY}
    assert book.shares() == ["10%"]
    pass_hours(book, 3)
    assert book.shares() == ["10%", "90%"]


def test_a_night_without_data_is_owed() -> None:
    """I3: three hours in which the source was away are waited for until the next day has them."""
    book = pass_hours(begun(), 11)
    book.world.blind = dict.fromkeys(Slot, BlindReason.UNREACHABLE)
    pass_hours(book, 3)
    book.world.blind = {}
    pass_hours(book, 13)
    assert against(book) == {BlockerKind.FULL_DAY}
    (owed,) = (b for b in blockers(book.lane.rollout, book.lane.picture(book.now.clock_ms), book.now.clock_ms))
    assert "its data must cover 3 hours more" in owed.sentence
    pass_hours(book, 11)
    assert book.shares() == ["10%", "90%"]


def test_a_slow_source_covers_the_time_between_its_answers() -> None:
    """I3: a gate that is asked once in three ticks has its day, too; what its source did not answer for is owed."""
    plan = a_long_plan()
    slow = replace(plan.gates[0], metric="wrong", every_ms=3 * TICK_MS, max_age_ms=6 * TICK_MS)
    book = Playbook(a_spec(replace(plan, gates=(*plan.gates, slow))), World()).run(5)
    for tick in range(round(13 * HOUR_MS / TICK_MS)):
        away = 60 <= tick < 100
        seldom = ("wrong",) if tick % 3 or away else ()
        pass_hours(book, TICK_MS / HOUR_MS, leaving_out=seldom)
    fast, known = book.lane.evidence["errors"], book.lane.evidence["wrong"]
    assert fast.dwell_ms >= 12 * HOUR_MS
    assert 8 * HOUR_MS <= known.dwell_ms <= 10 * HOUR_MS
    assert 14 <= len(missing(known.hours)) <= 16


def test_a_restart_and_a_step_of_the_wall_clock_lose_and_skip_nothing() -> None:
    """I9: a day is counted on the rollout's clock, and what was covered is stored with the evidence."""
    book = pass_hours(begun(), 12)
    book.now = replace(book.now, wall_ms=book.now.wall_ms + 9 * HOUR_MS)
    book.restart()
    pass_hours(book, 10)
    assert against(book) == {BlockerKind.FULL_DAY}
    pass_hours(book, 2)
    assert book.shares() == ["10%", "90%"]


def test_harm_does_not_wait_for_the_morning() -> None:
    """Only going up is for whole days."""
    assert pass_hours(begun({"a": 0.01, "b": 0.2}), 3).phase == "rolled_back"


def test_only_an_override_passes_it() -> None:
    """An operator's reason is not enough, an admin's full form is, as for any dwell."""
    book = pass_hours(begun(), 5)
    assert isinstance(book.do(Verb.PROMOTE, OPERATOR, reason=REASON), Refused)
    full = {"override": True, "confirm": book.spec.name, "reason": REASON}
    assert isinstance(book.do(Verb.PROMOTE, ADMIN, **full), Accepted)


def test_a_plan_says_how_long_it_takes() -> None:
    """A greatest time within the day could never be kept, and the forecast's floor is the day."""
    plan = a_long_plan()
    assert floor_of(plan, plan.stages[0]) == DAY_MS
    with pytest.raises(BadValue, match="max_time above 24h"):
        replace(plan.stages[0], max_time_ms=DAY_MS)


@pytest.mark.parametrize(("minute", "expected_minutes"), [(0, 30), (40, 24 * 60 - 40 + 10), (29, 30)])
def test_the_rest_of_an_hour_counts(minute: int, expected_minutes: int) -> None:
    """Half of an hour is enough to have seen it; a rest that is too short counts, and the next day gives what lacks."""
    now_ms = 7 * HOUR_MS + minute * 60_000
    seen = tuple(0 if hour == 7 else HOUR_MS for hour in range(24))
    assert missing(seen) == (7,)
    assert left_ms(seen, now_ms) == expected_minutes * 60_000
    assert missing(covered(seen, now_ms, HOUR_MS // 2)) == ()
