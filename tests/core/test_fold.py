"""The fold, event by event: exactly what each changes in a rollout that has everything, and what the laws forbid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, evolve, fold
from rolloutd.core.phases import IllegalEvent, Phase
from rolloutd.core.state import End, Hold, LastAct, Overridden, Recede, Rollout, StageVisit, Traffic
from rolloutd.core.values import FULL, THE_DAEMON, ZERO, Actor, Instant, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, a_plan, a_spec

AT = Instant(50_000, 1_700_000_050_000)
EARLIER = Instant(20_000, 1_700_000_020_000)
HARM = ev.Basis(ev.BasisKind.HARM, "harm")
VERDICT = ev.Basis(ev.BasisKind.VERDICT, "all gates")
PERSON = ev.Basis(ev.BasisKind.PERSON, "somebody")
NOTE = Overridden(("errors",), "because", ADMIN, EARLIER)
ACT = LastAct("paused", OPERATOR, EARLIER, 5)

RICH = Rollout(
    spec=a_spec(),
    phase=Phase.RUNNING,
    version=7,
    requested_at=Instant(1_000, 1_000),
    requested_by=OPERATOR,
    changed_at=EARLIER,
    champion_slot=Slot.A,
    traffic=Traffic(
        Share(100),
        EARLIER,
        VERDICT,
        Share(100),
        EARLIER,
        "engine-1",
        not_obeyed=True,
        drift=Share(777),
        asked=Share(90),
    ),
    visits=(StageVisit(0, EARLIER, EARLIER, approved=True),),
    stage_deadline_ms=123,
    hold=Hold(ev.HoldCause.PERSON, "held", OPERATOR, EARLIER),
    question=ev.Question.UNDECIDED,
    recede=Recede(ev.RecedeCause.HARM, "harm", "errors", THE_DAEMON, EARLIER),
    blind=(("errors", "gone"), ("slow", "gone too")),
    said=(("errors", "pass"), ("slow", "fail")),
    window_from_ms=1,
    window_why="earlier",
    overrides=(NOTE,),
    claimed_by="ops9",
    sealed_tick=3,
    rule="a rule",
    end=End(ev.Outcome.ABORTED, "once", EARLIER),
    last_act=ACT,
)
"""A rollout with something in every field, so that what an event forgets or clears is seen."""


def row(event: ev.Event, version: int = 8, actor: Actor = THE_DAEMON) -> ev.Recorded:
    """The event as the journal has it."""
    return ev.Recorded(99, "ranker-v42", version, AT, actor, 1, event)


def after(event: ev.Event, before: Rollout = RICH, actor: Actor = THE_DAEMON) -> Rollout:
    """The rollout after this event."""
    return evolve(before, row(event, actor=actor))


def changed(before: Rollout = RICH, **fields: object) -> Rollout:
    """What it must be: the next revision, now, and these fields."""
    return replace(before, **{"version": 8, "changed_at": AT, **fields})  # type: ignore[arg-type]


def traffic(before: Rollout = RICH, **fields: object) -> Traffic:
    """The traffic with these fields changed."""
    return replace(before.traffic, **fields)  # type: ignore[arg-type]


def in_phase(phase: Phase, **fields: object) -> Rollout:
    """The rich rollout in another phase."""
    return replace(RICH, phase=phase, **fields)  # type: ignore[arg-type]


def test_a_request_begins_a_rollout() -> None:
    """Before its checks, by whom and when it was asked for, with the forecast's rule."""
    begun = evolve(None, row(ev.RolloutRequested(a_spec(), "a rule"), 1, OPERATOR))
    assert begun == Rollout(a_spec(), Phase.PREFLIGHT, 1, AT, OPERATOR, AT, rule="a rule")
    with pytest.raises(LawBroken, match="A rollout begins with RolloutRequested, not with StageEntered"):
        evolve(None, row(ev.StageEntered(0)))


def test_passed_checks_name_the_champions_slot_and_the_engine() -> None:
    """And the rollout runs."""
    before = in_phase(Phase.PREFLIGHT, champion_slot=None)
    passed = after(ev.PreflightPassed(Slot.B, "engine-2"), before)
    moved = traffic(engine_instance="engine-2")
    assert passed == changed(before, phase=Phase.RUNNING, champion_slot=Slot.B, traffic=moved)
    failed = after(ev.PreflightFailed(("no route",)), before)
    assert failed == changed(before, refusals=("no route",))


def test_a_stage_is_entered_and_the_one_before_is_left() -> None:
    """Its clock has not begun, what was said and asked of the last one is over."""
    entered = after(ev.StageEntered(1))
    left = replace(RICH.visits[0], left_at=AT)
    assert entered == changed(visits=(left, StageVisit(1, AT)), stage_deadline_ms=None, question=None, said=())
    first = after(ev.StageEntered(0), replace(RICH, visits=()))
    assert first.visits == (StageVisit(0, AT),)


def test_a_wanted_share_is_wanted_and_not_yet_confirmed() -> None:
    """What was confirmed stays; an unconfirmed wish that it replaces is kept as asked, the highest of them (I1)."""
    down = after(ev.TrafficWanted(Share(40), Share(100), HARM))
    assert down == changed(traffic=traffic(wanted=Share(40), wanted_at=AT, basis=HARM, not_obeyed=False))
    pending = replace(RICH, traffic=traffic(confirmed=Share(50)))
    again = after(ev.TrafficWanted(Share(40), Share(100), HARM), pending)
    assert again.traffic.asked == Share(100)
    higher = replace(RICH, traffic=traffic(confirmed=Share(50), asked=Share(300)))
    assert after(ev.TrafficWanted(Share(40), Share(100), HARM), higher).traffic.asked == Share(300)


def test_a_confirmed_share_starts_the_stages_clock_once() -> None:
    """When it is the stage's own; what was doubtful about the router is settled."""
    before = replace(RICH, traffic=traffic(confirmed=ZERO), visits=(StageVisit(0, EARLIER),))
    settled = traffic(
        confirmed=Share(100), confirmed_at=AT, engine_instance="engine-2", not_obeyed=False, drift=None, asked=ZERO
    )
    confirmed = after(ev.TrafficConfirmed(Share(100), "engine-2"), before)
    assert confirmed == changed(
        before, traffic=settled, visits=(StageVisit(0, EARLIER, AT),), stage_deadline_ms=50_000 + 600_000
    )
    twice = after(ev.TrafficConfirmed(Share(100), "engine-2"))
    assert twice == changed(traffic=settled)
    less = replace(before, traffic=traffic(wanted=Share(60), confirmed=ZERO))
    lower = after(ev.TrafficConfirmed(Share(60), "engine-2"), less)
    assert lower.visits == (StageVisit(0, EARLIER),)
    assert lower.stage_deadline_ms == 123
    nowhere = replace(RICH, visits=(), traffic=traffic(wanted=ZERO, confirmed=ZERO))
    assert after(ev.TrafficConfirmed(ZERO, "engine-2"), nowhere).visits == ()


def test_of_several_visits_only_the_present_one_begins() -> None:
    """The stages that were left stay as they were left."""
    past = StageVisit(0, EARLIER, EARLIER, EARLIER)
    before = replace(
        RICH, visits=(past, StageVisit(1, EARLIER)), traffic=traffic(wanted=Share(1_000), confirmed=Share(100))
    )
    confirmed = after(ev.TrafficConfirmed(Share(1_000), "e"), before)
    assert confirmed.visits == (past, StageVisit(1, EARLIER, AT))


def test_the_watch_begins_when_the_last_share_is_confirmed() -> None:
    """A joint move: by no event alone."""
    before = replace(
        RICH, visits=(StageVisit(3, EARLIER),), traffic=traffic(wanted=Share(9_000), confirmed=Share(5_000))
    )
    assert after(ev.TrafficConfirmed(Share(9_000), "e"), before).phase is Phase.WATCHING


def test_what_gates_say_is_kept_one_word_a_gate() -> None:
    """The last word of each; the others' stay."""
    quiet = replace(RICH, traffic=traffic(not_obeyed=False))
    assert after(ev.TrafficNotObeyed(Share(100), None, "x"), quiet) == changed(quiet, traffic=RICH.traffic)
    spoke = after(ev.VerdictReached("errors", "fail", 1.0, 0.0, "x"))
    assert spoke == changed(said=(("slow", "fail"), ("errors", "fail")))
    blinded = after(ev.BlindnessBegan("errors", "timeout", "new"))
    assert blinded == changed(blind=(("slow", "gone too"), ("errors", "new")))
    sees = after(ev.BlindnessEnded("errors"))
    assert sees == changed(blind=(("slow", "gone too"),))


def test_holds_questions_and_their_answers() -> None:
    """Who, why and when; a hold ends a way back, an answer ends the question."""
    held = after(ev.RolloutHeld(ev.HoldCause.DRIFT, "why"))
    assert held == changed(
        phase=Phase.HELD, hold=Hold(ev.HoldCause.DRIFT, "why", THE_DAEMON, AT), question=None, recede=None
    )
    resumed = after(ev.RolloutResumed("go"), in_phase(Phase.HELD))
    assert resumed == changed(phase=Phase.RUNNING, hold=None)
    asked = after(ev.PersonAsked(ev.Question.APPROVAL, "well?"))
    assert asked == changed(phase=Phase.ASKING, question=ev.Question.APPROVAL)
    longer = after(ev.StageExtended(99_000), in_phase(Phase.ASKING))
    assert longer == changed(phase=Phase.RUNNING, stage_deadline_ms=99_000, question=None)


def test_an_approval_is_of_the_present_stage() -> None:
    """Not of those before it."""
    past, here = StageVisit(0, EARLIER, EARLIER, EARLIER), StageVisit(1, EARLIER, EARLIER)
    before = in_phase(Phase.ASKING, visits=(past, here))
    approved = after(ev.StageApproved("yes"), before)
    expected = changed(before, phase=Phase.RUNNING, visits=(past, replace(here, approved=True)), question=None)
    assert approved == expected


def test_an_override_stays_on_record_and_on_its_stage() -> None:
    """For ever: gates, reason, who and when; and who had asked for it."""
    past, here = StageVisit(0, EARLIER, EARLIER, EARLIER), StageVisit(1, EARLIER, EARLIER)
    before = replace(RICH, visits=(past, here))
    passed_by = after(ev.GateOverridden(("slow",), "a good reason", "ops3"), before, ADMIN)
    note = Overridden(("slow",), "a good reason", ADMIN, AT, asked_by="ops3")
    assert passed_by == changed(before, overrides=(NOTE, note), visits=(past, replace(here, overridden=True)))
    early = after(ev.GateOverridden(("slow",), "a good reason"), replace(RICH, visits=()), ADMIN)
    assert early.visits == ()
    proposed = after(ev.OverrideProposed(("slow",), "a good reason", "resume"), before, ADMIN)
    request = Overridden(("slow",), "a good reason", ADMIN, AT, proposed_only=True, verb="resume")
    word = LastAct("asked to override", ADMIN, AT, 8)
    assert proposed == changed(before, overrides=(NOTE, request), last_act=word)


def test_a_way_back_ends_holds_and_questions() -> None:
    """With its cause, the gate, who and when."""
    back = after(ev.RecedeStarted(ev.RecedeCause.HARM, "why", "slow"))
    recede = Recede(ev.RecedeCause.HARM, "why", "slow", THE_DAEMON, AT)
    assert back == changed(phase=Phase.RECEDING, recede=recede, hold=None, question=None, end=None)


ROUTER_HAS_LESS = "The router shows less than was recorded; a lower share is never raised."


@pytest.mark.parametrize("event", [ev.DriftSeen(Share(100), Share(30)), ev.LeaseLapsed(Share(100), Share(30))])
def test_less_on_the_router_becomes_what_is_wanted(event: ev.Event) -> None:
    """A lower share is never raised (I8): wanted and confirmed are what the router shows."""
    basis = ev.Basis(ev.BasisKind.ROUTER, ROUTER_HAS_LESS)
    lost = traffic(wanted=Share(30), wanted_at=AT, basis=basis, confirmed=Share(30), confirmed_at=AT, asked=ZERO)
    assert after(event) == changed(traffic=lost)


def test_more_on_the_router_is_drift_and_changes_nothing_that_is_wanted() -> None:
    """It is put back by whoever reconciles; and what equals the record is no loss."""
    assert after(ev.DriftSeen(Share(100), Share(300))) == changed(traffic=traffic(drift=Share(300)))
    assert after(ev.DriftSeen(Share(100), Share(100))) == changed(traffic=traffic(drift=Share(100)))


def test_a_restarted_router_confirms_what_it_shows_and_is_asked_again() -> None:
    """What was wanted stays wanted."""
    restarted = after(ev.RouterRestarted(ZERO, "engine-2"))
    assert restarted == changed(traffic=traffic(confirmed=ZERO, confirmed_at=AT, engine_instance="engine-2"))


def test_a_doubt_begins_a_window() -> None:
    """With its reason, on the rollout clock (I8, I9)."""
    assert after(ev.WindowRestarted("slept")) == changed(window_from_ms=50_000, window_why="slept")


def test_a_moved_base_confirms_everything_and_one_that_moved_back_nothing() -> None:
    """The challenger's slot as the base is full share; the champion's is the base given back."""
    before = in_phase(Phase.FINISHING)
    moved = after(ev.BaseConfirmed(Slot.B, "v42"), before)
    everything = traffic(confirmed=FULL, confirmed_at=AT, wanted=FULL, asked=ZERO)
    assert moved == changed(before, base_moved=True, traffic=everything)
    before = in_phase(Phase.RECEDING, base_moved=True)
    assert after(ev.BaseConfirmed(Slot.A, None), before) == changed(before, base_moved=False)


def test_seals_and_claims() -> None:
    """The sealed tick; who has it, and nobody after a release."""
    assert after(ev.EvidenceSealed(12, "digest")) == changed(sealed_tick=12)
    claimed = after(ev.RolloutClaimed(), actor=OPERATOR)
    assert claimed == changed(claimed_by="ops1", last_act=LastAct("claimed", OPERATOR, AT, 8))
    assert after(ev.RolloutClaimed(released=True)) == changed(claimed_by=None)


def test_an_end_closes_the_visit() -> None:
    """With outcome, reason and time; nothing is held or asked any more."""
    past = StageVisit(0, EARLIER, EARLIER, EARLIER)
    before = in_phase(Phase.RECEDING, visits=(past, StageVisit(1, EARLIER)), traffic=traffic(confirmed=ZERO))
    ended = after(ev.RolloutEnded(ev.Outcome.ABORTED, "why"), before)
    assert ended == changed(
        before,
        phase=Phase.ABORTED,
        end=End(ev.Outcome.ABORTED, "why", AT),
        visits=(past, StageVisit(1, EARLIER, left_at=AT)),
        hold=None,
        question=None,
    )
    never = in_phase(Phase.PREFLIGHT, visits=(), traffic=traffic(confirmed=ZERO))
    assert after(ev.RolloutEnded(ev.Outcome.REFUSED, "why"), never).visits == ()


def test_a_reopened_rollout_is_as_requested_but_for_what_stays_for_ever() -> None:
    """Overrides, claim, seal and the request itself stay; everything else begins anew."""
    before = in_phase(Phase.ABORTED)
    reopened = after(ev.RolloutReopened("again"), before, OPERATOR)
    assert reopened == Rollout(
        spec=RICH.spec,
        phase=Phase.PREFLIGHT,
        version=8,
        requested_at=RICH.requested_at,
        requested_by=RICH.requested_by,
        changed_at=AT,
        overrides=(NOTE,),
        claimed_by="ops9",
        sealed_tick=3,
        rule="a rule",
        last_act=LastAct("reopened", OPERATOR, AT, 8),
    )


WORDS = {
    ev.RolloutHeld(ev.HoldCause.PERSON, "x"): ("paused", Phase.RUNNING),
    ev.RolloutResumed("x"): ("resumed", Phase.HELD),
    ev.StageExtended(1): ("extended", Phase.RUNNING),
    ev.StageApproved("x"): ("approved", Phase.RUNNING),
    ev.OverrideProposed((), "x"): ("asked to override", Phase.RUNNING),
    ev.StageEntered(1): ("promoted", Phase.RUNNING),
    ev.FinishStarted(PERSON): ("finished", Phase.WATCHING),
    ev.RecedeStarted(ev.RecedeCause.PERSON, "x"): ("aborted", Phase.RUNNING),
    ev.RecedeStarted(ev.RecedeCause.ROLLBACK, "x"): ("rolled back", Phase.DONE),
    ev.RolloutReopened("x"): ("reopened", Phase.ABORTED),
    ev.RolloutClaimed(): ("claimed", Phase.RUNNING),
}


@pytest.mark.parametrize("event", WORDS, ids=lambda event: type(event).__name__)
def test_the_last_act_is_a_persons_and_has_a_word(event: ev.Event) -> None:
    """The loser of a race is told who did what; the daemon's own events are nobody's act."""
    word, phase = WORDS[event]
    before = in_phase(phase)
    assert after(event, before, OPERATOR).last_act == LastAct(word, OPERATOR, AT, 8)
    assert after(event, before, THE_DAEMON).last_act == ACT
    unworded = ev.WindowRestarted("x")
    assert after(unworded, RICH, OPERATOR).last_act == ACT


def test_facts_that_concern_no_field_change_only_the_revision() -> None:
    """A refusal on record."""
    assert after(ev.CommandRefused("promote", "gate", "x")) == changed()


def test_folding_is_evolving_one_by_one() -> None:
    """No events, no rollout; an illegal one raises and the rollout before it is untouched."""
    assert fold([]) is None
    asked = row(ev.RolloutRequested(a_spec()), 1)
    assert fold([asked]) == evolve(None, asked)
    two = fold([asked, row(ev.PreflightPassed(Slot.A, "e"), 2)])
    assert two is not None
    assert (two.version, two.phase) == (2, Phase.RUNNING)
    with pytest.raises(IllegalEvent):
        after(ev.RolloutResumed("x"))


def test_the_plan_says_when_a_stage_ends() -> None:
    """The deadline comes from the stage that was entered, not from the first one."""
    plan = a_plan()
    stages = (plan.stages[0], replace(plan.stages[1], max_time_ms=77_000), *plan.stages[2:])
    before = replace(
        RICH,
        spec=a_spec(replace(plan, stages=stages)),
        visits=(StageVisit(0, EARLIER, EARLIER, EARLIER), StageVisit(1, EARLIER)),
        traffic=traffic(wanted=Share(1_000), confirmed=Share(100)),
    )
    assert after(ev.TrafficConfirmed(Share(1_000), "e"), before).stage_deadline_ms == 127_000
