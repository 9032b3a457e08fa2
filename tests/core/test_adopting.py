"""A changed plan for a running rollout: only what is still to come changes, after a fresh look, and on the record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.fold import LawBroken, check_laws
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Plan, Spec, Stage
from rolloutd.core.values import Share
from tests.core.playbook import ADMIN, Playbook, a_gate, a_plan, a_spec

REASON = "a small step more before the half of it"


def on_second() -> Playbook:
    """A rollout on the second of three stages, 10 %."""
    book = Playbook(a_spec(a_plan("1%", "10%", "90%")))
    while book.lane.rollout.stage_index < 1:
        book.run(1)
    return book.run(3)


def with_stages(book: Playbook, *stages: Stage) -> Spec:
    """Its spec with other stages."""
    spec = book.lane.rollout.spec
    return replace(spec, plan=replace(spec.plan, stages=stages))


def adopt(book: Playbook, wanted: Spec, **more: object) -> Accepted | Refused:
    """An admin adopts this."""
    return book.do(Verb.ADOPT_PLAN, ADMIN, **{"spec": wanted, "reason": REASON, **more})


def test_the_ladder_to_come_changes_after_a_fresh_look() -> None:
    """I8, I14: the event has the whole plan; nothing goes up at once; then the rollout climbs by the new one."""
    book = on_second()
    first, second, watch = book.lane.rollout.spec.plan.stages
    between = replace(second, name="third", share=Share(3_000))
    before, evidence = book.lane.rollout.traffic, book.lane.evidence
    done = adopt(book, with_stages(book, first, replace(second, max_time_ms=second.max_time_ms * 2), between, watch))
    assert isinstance(done, Accepted)
    assert "1% > 10% > 90% becomes 1% > 10% > 30% > 90%" in done.message
    rollout = book.lane.rollout
    assert rollout.traffic == before
    assert rollout.window_why == "a changed plan was adopted"
    assert {name: known.harm for name, known in book.lane.evidence.items()} == {n: k.harm for n, k in evidence.items()}
    assert rollout.visits[-1].confirmed_at is not None
    assert rollout.stage_deadline_ms == rollout.visits[-1].confirmed_at.clock_ms + 2 * second.max_time_ms
    assert rollout.last_act is not None
    assert rollout.last_act.did == "changed the plan of"
    book.run(400)
    assert book.lane.rollout.phase is Phase.DONE
    assert [share for share in book.shares() if share != "0%"][:4] == ["1%", "10%", "30%", "90%"]


def test_the_same_plan_is_no_change() -> None:
    """It is accepted and nothing is recorded; the reason in the file is not the plan."""
    book = on_second()
    events = len(book.journal)
    done = adopt(book, replace(book.lane.rollout.spec, reason="written later"))
    assert isinstance(done, Accepted)
    assert "already" in done.message
    assert len(book.journal) == events


def changed_plan(plan: Plan, **changes: object) -> Plan:
    """The plan with other fields."""
    return replace(plan, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: replace(s, challenger="v43"), "challenger"),
        (lambda s: replace(s, plan=changed_plan(s.plan, alpha=0.05)), "alpha"),
        (lambda s: replace(s, plan=changed_plan(s.plan, gates=(a_gate(limit=0.5),))), "gates"),
        (
            lambda s: replace(
                s, plan=changed_plan(s.plan, stages=(replace(s.plan.stages[0], min_time_ms=0), *s.plan.stages[1:]))
            ),
            "min_time_ms of stage s0, which is behind it",
        ),
        (
            lambda s: replace(
                s,
                plan=changed_plan(
                    s.plan, stages=(s.plan.stages[0], replace(s.plan.stages[1], share=Share(2_000)), s.plan.stages[2])
                ),
            ),
            "share of the present stage",
        ),
        (
            lambda s: replace(
                s,
                plan=changed_plan(s.plan, stages=(replace(s.plan.stages[2], share=Share(9_000)),)),
            ),
            "it is on stage 2",
        ),
    ],
)
def test_what_is_behind_and_what_evidence_is_judged_by_stays(change: object, says: str) -> None:
    """I3, I14: refused whole, and the law stands in the way of a record that says otherwise."""
    book = on_second()
    spec = change(book.lane.rollout.spec)  # type: ignore[operator]
    refused = adopt(book, spec)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.GATE
    assert says in refused.message
    assert "PlanAdopted" not in book.said()
    with pytest.raises(LawBroken):
        check_laws(book.lane.rollout, ev.PlanAdopted(spec, REASON))


def test_the_watch_stays_the_watch() -> None:
    """A stage after it would make it a canary again; leaving all later ones out would make a canary the watch."""
    book = on_second()
    first, second, watch = book.lane.rollout.spec.plan.stages
    half = replace(second, share=Share(5_000))
    book_at_half = Playbook(a_spec(a_plan("1%", "50%", "90%")))
    while book_at_half.lane.rollout.stage_index < 1:
        book_at_half.run(1)
    refused = adopt(book_at_half, with_stages(book_at_half, *book_at_half.lane.rollout.spec.plan.stages[:2]))
    assert isinstance(refused, Refused)
    assert "watch" in refused.message
    assert half.share < watch.share
    while book.lane.rollout.phase is not Phase.WATCHING:
        book.run(1)
    more = replace(watch, name="more", share=Share(9_500))
    refused = adopt(book, with_stages(book, first, second, watch, more))
    assert isinstance(refused, Refused)
    assert "watch" in refused.message


def test_its_form_and_its_moment() -> None:
    """A revision, a reason, a plan; on a stage; and abort works as always."""
    book = on_second()
    first, second, watch = book.lane.rollout.spec.plan.stages
    spec = with_stages(book, first, second, replace(watch, max_time_ms=watch.max_time_ms * 2))
    for wrong, code in (
        ({"reason": "hm"}, RefusalCode.GATE),
        ({"revision": 2}, RefusalCode.CONFLICT),
        ({"spec": None}, RefusalCode.BAD_INPUT),
    ):
        refused = adopt(book, spec, **wrong)
        assert isinstance(refused, Refused)
        assert refused.code is code
    assert isinstance(adopt(book, spec), Accepted)
    assert isinstance(book.do(Verb.ABORT, revision=None), Accepted)
    refused = adopt(book, spec)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.NOT_NOW
    book.run(5)
    assert book.lane.rollout.phase is Phase.ABORTED


def test_a_question_about_the_time_is_answered_by_more_of_it() -> None:
    """Whoever gives a stage more time has answered what was asked of its end."""
    book = on_second()
    book.record((ev.PersonAsked(ev.Question.UNDECIDED, "its time is over"),), ADMIN)
    first, second, watch = book.lane.rollout.spec.plan.stages
    assert isinstance(
        adopt(book, with_stages(book, first, replace(second, max_time_ms=10 * second.max_time_ms), watch)), Accepted
    )
    assert book.lane.rollout.question is None
    assert book.lane.rollout.phase is Phase.RUNNING
