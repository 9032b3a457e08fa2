"""Blue-green in a world of values: no traffic before the smoke probes are right, all of it at once after, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.blockers import BlockerKind, blockers
from rolloutd.core.commands import Refused, Verb
from rolloutd.core.metrics import BlindReason
from rolloutd.core.plan import OnUndecided, Plan, Smoke, Stage
from rolloutd.core.values import FULL, ZERO, BadValue, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, Playbook, World, a_plan, a_spec

PROBE = Smoke("predicts", "/predict", answer="score", body="{}")
PREVIEW = Stage("preview", ZERO, 3_000, 60_000, min_ticks=5, smoke=(PROBE, Smoke("ready")))
REASON = "smoke probes looked at by hand"


def blue_green(**preview: object) -> Plan:
    """A preview, then all of it at once."""
    first = replace(PREVIEW, **preview)  # type: ignore[arg-type]
    return replace(a_plan(), stages=(first, Stage("watch", FULL, 10_000, 600_000, min_ticks=5)))


def book(world: World | None = None, **preview: object) -> Playbook:
    """A rollout of it."""
    return Playbook(a_spec(blue_green(**preview)), world)


def kinds(of: Playbook) -> set[BlockerKind]:
    """What stands against it now."""
    now_ms = of.now.clock_ms
    return {blocker.kind for blocker in blockers(of.lane.rollout, of.lane.picture(now_ms), now_ms)}


def test_all_at_once_after_the_preview_and_done_after_the_watch() -> None:
    """I1, I4: no share is asked for on the preview; then 100 % on the ground of a verdict, in one step."""
    done = book().until("done")
    assert done.shares() == ["0%", "100%"]
    wanted = [row.event for row in done.journal if isinstance(row.event, ev.TrafficWanted)]
    assert [(str(event.share), event.basis.kind) for event in wanted] == [("100%", ev.BasisKind.VERDICT)]
    assert done.world.base is Slot.B


@pytest.mark.parametrize("smoke", ["silent", "wrong"])
def test_what_is_not_right_gets_no_traffic(smoke: str) -> None:
    """I3: no answer is no pass, and neither is a wrong one; both stand in the way under their own name."""
    waiting = book(World(smoke=smoke)).run(3)
    assert BlockerKind.SMOKE in kinds(waiting)
    assert waiting.world.override == ZERO
    assert "TrafficWanted" not in waiting.said()


def test_wrong_answers_end_it_before_anybody_was_served() -> None:
    """Three in a row are no hiccup; the record says which probe and what it said."""
    ended = book(World(smoke="wrong")).until("rolled_back", 20)
    assert ended.lane.rollout.end is not None
    assert "smoke probe predicts was wrong 3 times one after the other" in ended.lane.rollout.end.reason
    assert ended.shares() == ["0%"]


def test_one_wrong_answer_only_begins_the_count_anew() -> None:
    """It does not end the rollout, and the right ones before it count no more."""
    shaken = book().run(4)
    shaken.world.smoke = "wrong"
    shaken.run(1)
    shaken.world.smoke = "right"
    shaken.run(4)
    assert shaken.shares() == ["0%"]
    shaken.run(2)
    assert shaken.shares() == ["0%", "100%"]


def test_silence_ends_as_the_plan_says() -> None:
    """At the preview's greatest time: a person is asked, or it goes back."""
    assert book(World(smoke="silent")).until("asking", 90).world.override == ZERO
    back = book(World(smoke="silent"), on_undecided=OnUndecided.ROLLBACK).until("rolled_back", 90)
    assert back.shares() == ["0%"]


def test_a_restart_on_the_preview_asks_for_all_rounds_again() -> None:
    """I8: what another process saw is not this one's to go up by; nothing else keeps it."""
    again = book().run(4)
    again.restart()
    again.run(4)
    assert again.shares() == ["0%"]
    assert again.until("done").shares() == ["0%", "100%"]


def test_the_gates_must_see_before_all_traffic_moves() -> None:
    """I3: a metric that cannot be read on the preview would be blind at 100 %."""
    blind = book()
    blind.run(2)
    blind.world.blind["a"] = BlindReason.NO_SERIES
    blind.run(30)
    assert blind.shares() == ["0%"]
    assert BlockerKind.GATE_BLIND in kinds(blind)


def test_harm_after_the_switch_goes_back_at_once_and_alone() -> None:
    """The limit is judged without a champion to compare with; the old side was warm all the time."""
    broken = book()
    while broken.shares() != ["0%", "100%"]:
        broken.run(1)
    broken.world.rates["b"] = 0.6
    broken.until("rolled_back", 200)
    assert broken.shares() == ["0%", "100%", "0%"]
    assert broken.world.reading().share_of(Slot.A).basis_points == 10_000


@pytest.mark.parametrize("seconds", [1, 3, 9])
def test_one_key_is_the_way_back_from_every_place(seconds: int) -> None:
    """I2: on the preview, while it is confirmed, and at 100 %."""
    gone = book().run(seconds)
    gone.do(Verb.ABORT, revision=None)
    gone.run(2)
    assert gone.phase == "aborted"
    assert gone.world.reading().share_of(Slot.A).basis_points == 10_000


def test_past_a_preview_goes_only_an_override() -> None:
    """An operator's reason does not do; an admin's name, word and reason do, and are kept."""
    waiting = book(World(smoke="silent")).run(2)
    assert isinstance(waiting.do(Verb.PROMOTE, OPERATOR, reason=REASON), Refused)
    assert waiting.shares() == ["0%"]
    waiting.do(Verb.PROMOTE, ADMIN, reason=REASON, override=True, confirm="ranker-v42")
    assert waiting.lane.rollout.overrides


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(PREVIEW, smoke=()), "needs smoke probes"),
        (lambda: replace(PREVIEW, share=Share(100)), "judge only a stage of 0%"),
        (lambda: replace(PREVIEW, smoke=(PROBE, PROBE)), "are called predicts"),
        (lambda: replace(PROBE, path="predict"), "begins with /"),
        (lambda: replace(PROBE, path="/a b"), "visible ASCII"),
        (lambda: replace(PROBE, status=99), "between 100 and 599"),
        (lambda: replace(PROBE, deadline_ms=0), "above zero"),
        (lambda: replace(a_plan(), stages=(PREVIEW,)), "cannot be under 50%"),
        (lambda: replace(a_plan(), stages=(a_plan().stages[0], PREVIEW, a_plan().stages[3])), "must grow"),
    ],
)
def test_a_preview_that_is_none_is_refused(make: object, said: str) -> None:
    """It stands first, has no traffic and at least one probe; a probe is a request that can be sent."""
    assert callable(make)
    with pytest.raises(BadValue, match=said):
        make()
