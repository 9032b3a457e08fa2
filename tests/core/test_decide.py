"""Commands on pictures, verb by verb: what each records, when it is refused and with which code and way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Refused, Start, Verb
from rolloutd.core.decide import Accepted, Decision, decide, decide_start
from rolloutd.core.observed import Seen
from rolloutd.core.phases import ENDS, LIVE, Phase
from rolloutd.core.plan import Spec
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.state import End, Hold, LastAct, Recede, Rollout
from rolloutd.core.values import THE_DAEMON, ZERO, Actor, ActorKind, Role, Share
from rolloutd.core.verdict import Judgement, Verdict
from tests.core.pictures import AT_ZERO, BACK, NOW_MS, ONE, SINCE, TEN, judgement, picture, rollout, said, seen, traffic
from tests.core.playbook import ADMIN, OPERATOR, a_plan, a_spec

SECOND = Actor(ActorKind.PERSON, "sr2", 1003, Role.ADMIN, "cli")
REASON = "a very good reason"
BAD = judgement(said(Verdict.FAIL))
OPEN = judgement(said(Verdict.COLLECTING))
NAME = "ranker-v42"


def ask(
    of: Rollout,
    verb: Verb,
    actor: Actor = OPERATOR,
    *,
    world: Seen | None = None,
    judged: Judgement | None = None,
    **more: object,
) -> Decision:
    """One verb on the present revision."""
    act = Act(verb, actor, **{"revision": of.version, **more})  # type: ignore[arg-type]
    return decide(of, act, picture(of, world, judged), NOW_MS)


def refused(decision: Decision, code: RefusalCode, message: str, hint: str = "") -> Refused:
    """The refusal, with this code and these words."""
    assert isinstance(decision, Refused)
    assert (decision.code, decision.message) == (code, message)
    if hint:
        assert decision.next_step == hint
    return decision


def without(of: Rollout) -> Rollout:
    """The same before any stage."""
    return traffic(replace(of, visits=(), stage_deadline_ms=None), wanted=ZERO, confirmed=ZERO)


# ---- start


def start(spec: Spec, *live: Rollout, rules: Rules | None = None, ended: tuple[Rollout, ...] = ()) -> Decision:
    """Ask for a start."""
    return decide_start(Start(spec, OPERATOR, "a rule"), live, ended, rules or Rules())


OTHER = rollout(spec=Spec("other", "other", "v1", "v2", "other", a_plan()))


def test_a_start_is_recorded_with_its_rule() -> None:
    """Beside others on other routes and models."""
    spec = a_spec()
    assert start(spec, OTHER) == Accepted((ev.RolloutRequested(spec, "a rule"),), "ranker-v42 requested")


def test_a_name_a_route_and_a_model_carry_one_rollout() -> None:
    """The name for ever, route and model while it lives."""
    spec = a_spec()
    taken = f"There is already a rollout called {NAME}."
    refused(start(spec, ended=(rollout(Phase.DONE),)), RefusalCode.CONFLICT, taken, "Give this one another name.")
    refused(start(spec, OTHER, rollout()), RefusalCode.CONFLICT, taken)
    same_route = replace(OTHER, spec=replace(OTHER.spec, route="ranker"))
    words = "other is a live rollout on route ranker; one route carries one rollout at a time."
    refused(start(spec, same_route), RefusalCode.CONFLICT, words, "Wait for it, or: rollout abort other")
    same_model = replace(OTHER, spec=replace(OTHER.spec, model="ranker"))
    words = "other is a live rollout on model ranker; one model carries one rollout at a time."
    refused(start(spec, same_model), RefusalCode.CONFLICT, words)
    assert isinstance(start(spec, ended=(replace(same_route, phase=Phase.DONE),)), Accepted)


def test_the_policy_stands_before_everything_else() -> None:
    """A held fleet, a freeze, too many, and what it comes after."""
    spec = a_spec()
    assert start(spec, rollout(), rules=Rules(fleet_hold="by ops1")).message == "The fleet is held by ops1."
    crowded = start(spec, OTHER, rules=Rules(limits=Limits(live=1)))
    assert isinstance(crowded, Refused)
    assert crowded.code is RefusalCode.GATE
    assert isinstance(start(spec, OTHER, rules=Rules(limits=Limits(live=2))), Accepted)
    after = replace(spec, after=("gone",))
    lost = start(after, OTHER, rules=Rules(limits=Limits(live=1)))
    assert "it comes after gone" in lost.message
    assert isinstance(start(replace(spec, after=("other",)), OTHER), Accepted)
    assert isinstance(start(replace(spec, after=("other",)), ended=(replace(OTHER, phase=Phase.DONE),)), Accepted)


# ---- claim, ends, revisions


def test_a_claim_is_taken_and_given_back_in_any_phase() -> None:
    """By the same person a second time it is a release."""
    for phase in Phase:
        of = replace(rollout(), phase=phase)
        assert ask(of, Verb.CLAIM) == Accepted((ev.RolloutClaimed(released=False),), "claimed")
        mine = replace(of, claimed_by="ops1")
        assert ask(mine, Verb.CLAIM) == Accepted((ev.RolloutClaimed(released=True),), "released")
        assert ask(mine, Verb.CLAIM, ADMIN) == Accepted((ev.RolloutClaimed(released=False),), "claimed")


def test_nothing_changes_what_has_ended() -> None:
    """Abort of what is at zero already is what already is; of a done one it is not."""
    end = End(ev.Outcome.ROLLED_BACK, "harm", SINCE)
    last = LastAct("paused", OPERATOR, SINCE, 3)
    for phase in ENDS - {Phase.DONE}:
        of = replace(rollout(), phase=phase, end=end, last_act=last)
        for verb in (Verb.ABORT, Verb.DECLINE):
            words = f"{NAME} has already ended: rolled back. The champion has all traffic."
            assert ask(of, verb) == Accepted((), words)
        words = f"{NAME} has ended: rolled back (ops1 paused it 40s ago). Nothing can be changed on it."
        refused(ask(of, Verb.PROMOTE, revision=None), RefusalCode.NOT_NOW, words, "rollout list")
    done = replace(rollout(), phase=Phase.DONE)
    words = f"{NAME} has ended: done. Nothing can be changed on it."
    refused(ask(done, Verb.ABORT), RefusalCode.NOT_NOW, words, f"rollout rollback {NAME}")


RAISING = (Verb.RESUME, Verb.REAPPLY, Verb.PROMOTE, Verb.APPROVE, Verb.PUTBACK, Verb.ADOPT_PLAN)
LOWERING = (Verb.ABORT, Verb.DECLINE, Verb.PAUSE, Verb.EXTEND)


@pytest.mark.parametrize("verb", RAISING)
def test_what_raises_needs_the_present_revision(verb: Verb) -> None:
    """I11: none, an old one and one of the future are refused; the loser hears who was first."""
    of = rollout(last_act=LastAct("paused", ADMIN, SINCE, 9))
    words = f"{verb.value} raises exposure and must name the revision it was decided on."
    refused(ask(of, verb, revision=None), RefusalCode.BAD_INPUT, words, f"rollout status {NAME}, then --if-revision N")
    first = f"{NAME} changed since revision 8: sr1 paused it 40s ago. It is at 10 now."
    refused(ask(of, verb, revision=8), RefusalCode.CONFLICT, first, f"Look again: rollout status {NAME}")
    itself = f"{NAME} changed since revision 9: the daemon has gone on by itself. It is at 10 now."
    refused(ask(of, verb, revision=9), RefusalCode.CONFLICT, itself)
    nobody = f"{NAME} changed since revision 11: the daemon has gone on by itself. It is at 10 now."
    refused(ask(replace(of, last_act=None), verb, revision=11), RefusalCode.CONFLICT, nobody)


@pytest.mark.parametrize("verb", LOWERING)
def test_what_lowers_or_freezes_needs_none(verb: Verb) -> None:
    """I2: nobody is too late for it."""
    assert isinstance(ask(rollout(), verb, revision=None), Accepted)
    assert isinstance(ask(rollout(), verb, revision=3), Accepted)


@pytest.mark.parametrize("verb", [Verb.REOPEN, Verb.ROLLBACK])
def test_what_is_for_ended_ones_is_refused_on_live_ones(verb: Verb) -> None:
    """With the way to give traffic back."""
    words = f"{NAME} has not ended; {verb.value} is for what has."
    hint = f"To give all traffic back: rollout abort {NAME}"
    refused(ask(rollout(), verb, revision=None), RefusalCode.NOT_NOW, words, hint)


# ---- abort and decline


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.DECLINE])
@pytest.mark.parametrize("phase", sorted(LIVE - {Phase.RECEDING}))
def test_abort_is_accepted_in_every_live_phase(verb: Verb, phase: Phase) -> None:
    """I2: with all traffic back to the champion, in the words of whoever asked."""
    of = replace(rollout(), phase=phase)
    basis = ev.Basis(ev.BasisKind.PERSON, "drill")
    back = (ev.RecedeStarted(ev.RecedeCause.PERSON, "drill"), ev.TrafficWanted(ZERO, ONE, basis))
    assert ask(of, verb, reason="drill") == Accepted(back, f"{NAME}: all traffic goes back to v41")


def test_an_abort_without_a_reason_names_the_person_and_without_traffic_ends_at_once() -> None:
    """Nothing is waited for that was never given; at zero nothing is asked of the router."""
    began = ev.RecedeStarted(ev.RecedeCause.PERSON, "ops1 aborted")
    ended = ask(without(rollout(Phase.PREFLIGHT)), Verb.ABORT)
    assert isinstance(ended, Accepted)
    assert ended.events == (began, ev.RolloutEnded(ev.Outcome.ABORTED, "ops1 aborted"))
    assert ended.message == f"{NAME} ended before it had any traffic; its route is as it was found."
    at_zero = ask(traffic(rollout(), wanted=ZERO), Verb.ABORT)
    assert isinstance(at_zero, Accepted)
    assert at_zero.events == (began,)


def test_a_persons_abort_takes_over_from_the_daemons_own_way_back() -> None:
    """Once; after a person's own it is what already is."""
    taken = ask(AT_ZERO, Verb.ABORT)
    assert isinstance(taken, Accepted)
    assert taken.events == (ev.RecedeStarted(ev.RecedeCause.PERSON, "ops1 aborted"),)
    for cause in (ev.RecedeCause.PERSON, ev.RecedeCause.ROLLBACK):
        mine = replace(BACK, recede=Recede(cause, "x", None, OPERATOR, SINCE))
        assert ask(mine, Verb.ABORT) == Accepted((), f"{NAME} is already going back.")
    stale = rollout(recede=Recede(ev.RecedeCause.PERSON, "x", None, OPERATOR, SINCE))
    assert ask(stale, Verb.ABORT) != Accepted((), f"{NAME} is already going back.")
    assert ask(replace(BACK, recede=None), Verb.ABORT) != Accepted((), f"{NAME} is already going back.")


# ---- pause


def test_a_pause_holds_on_the_present_share() -> None:
    """Of a hold that is not a person's it makes one; of a person's it is what already is."""
    held = Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, "lunch"),), f"{NAME} stays at 1%")
    for phase in (Phase.RUNNING, Phase.ASKING, Phase.WATCHING, Phase.PREFLIGHT):
        assert ask(replace(rollout(), phase=phase), Verb.PAUSE, reason="lunch") == held
    assert ask(rollout(), Verb.PAUSE) == Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, "ops1 paused"),), held.message)
    assert ask(rollout(Phase.HELD), Verb.PAUSE) == Accepted((), f"{NAME} is already paused by ops1.")
    drift = rollout(Phase.HELD, hold=Hold(ev.HoldCause.DRIFT, "x", THE_DAEMON, SINCE))
    assert ask(drift, Verb.PAUSE, reason="lunch") == held
    stale = rollout(hold=Hold(ev.HoldCause.PERSON, "x", OPERATOR, SINCE))
    assert ask(stale, Verb.PAUSE, reason="lunch") == held
    assert ask(rollout(Phase.HELD, hold=None), Verb.PAUSE, reason="lunch") == held


@pytest.mark.parametrize(("phase", "words"), [(Phase.RECEDING, "going back"), (Phase.FINISHING, "being finished")])
def test_no_way_is_paused_half_way(phase: Phase, words: str) -> None:
    """Only an abort is possible there."""
    message = f"{NAME} is {words}; that is not paused half-way."
    refused(ask(rollout(phase), Verb.PAUSE), RefusalCode.NOT_NOW, message, f"rollout abort {NAME}")


# ---- resume


FRESH = ev.WindowRestarted("resumed by a person")


def test_a_resume_goes_on_with_a_fresh_look() -> None:
    """I8: also where nothing was in doubt; open gates are no obstacle to standing where one stands."""
    message = f"{NAME} goes on at 1%"
    assert ask(rollout(Phase.HELD), Verb.RESUME) == Accepted((ev.RolloutResumed("ops1 resumed"), FRESH), message)
    open_gate = ask(rollout(Phase.HELD), Verb.RESUME, judged=OPEN, reason="go")
    assert open_gate == Accepted((ev.RolloutResumed("go"), FRESH), message)
    never = without(rollout(Phase.HELD))
    assert ask(never, Verb.RESUME, reason="go") == Accepted((ev.RolloutResumed("go"), FRESH), message)


@pytest.mark.parametrize("of", [rollout(), rollout(Phase.HELD, hold=None), rollout(hold=rollout(Phase.HELD).hold)])
def test_only_what_is_paused_is_resumed(of: Rollout) -> None:
    """With what to look at."""
    refused(ask(of, Verb.RESUME), RefusalCode.NOT_NOW, f"{NAME} is not paused.", f"rollout status {NAME}")


def test_a_resume_that_raises_the_share_again_says_so_and_needs_the_world_in_order() -> None:
    """Back to the stage's share, on the ground of a person; not while router or champion are in doubt."""
    low = traffic(rollout(Phase.HELD), wanted=Share(40), confirmed=Share(40))
    raised = ev.TrafficWanted(ONE, Share(40), ev.Basis(ev.BasisKind.PERSON, "go"))
    assert ask(low, Verb.RESUME, reason="go") == Accepted(
        (ev.RolloutResumed("go"), FRESH, raised), f"{NAME} goes on at 1%"
    )
    away = ask(low, Verb.RESUME, world=seen(low, route_error="refused"))
    message = f"{NAME} cannot go up: the router does not agree (refused)."
    refused(away, RefusalCode.GATE, message, "This cannot be overridden. Mend it first: rollout doctor")
    stays = rollout(Phase.HELD)
    assert isinstance(ask(stays, Verb.RESUME, world=seen(stays, route_error="refused")), Accepted)


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [(BAD, "errors shows harm"), (judgement(said(Verdict.BLIND)), "errors has no usable data: no answer")],
)
def test_a_resume_against_harm_or_blindness_is_an_override(judged: Judgement, sentence: str) -> None:
    """Its flag, an admin, the name typed out, a reason."""
    of = rollout(Phase.HELD)
    how = f'rollout resume {NAME} --override --confirm {NAME} --reason "..."'
    by_operator = f"{NAME} is refused by: {sentence}. Overriding needs role admin; you are operator."
    refused(ask(of, Verb.RESUME, judged=judged), RefusalCode.GATE, by_operator, how)
    plain = refused(
        ask(of, Verb.RESUME, ADMIN, judged=judged), RefusalCode.GATE, f"{NAME} is refused by: {sentence}.", how
    )
    assert plain.needs is Role.ADMIN
    full = ask(of, Verb.RESUME, ADMIN, judged=judged, override=True, confirm=NAME, reason=REASON)
    noted = ev.GateOverridden(("gate:errors",), REASON)
    assert full == Accepted((noted, ev.RolloutResumed(REASON), FRESH), f"{NAME} goes on at 1%")


def test_from_half_of_the_traffic_on_a_resume_against_harm_is_asked_for() -> None:
    """And nothing is done yet."""
    of = rollout(Phase.HELD, stage=2)
    words = f"asked for, not done: an override to 50% needs a second admin within 10m: rollout approve {NAME}"
    asked = ask(of, Verb.RESUME, ADMIN, judged=BAD, override=True, confirm=NAME, reason=REASON)
    assert asked == Accepted((ev.OverrideProposed(("gate:errors",), REASON, "resume"),), words)


# ---- promote


def steps(of: Rollout, why: str) -> tuple[ev.Event, ...]:
    """One stage up from the first, in somebody's name."""
    return (ev.StageEntered(1), ev.TrafficWanted(TEN, ONE, ev.Basis(ev.BasisKind.PERSON, why)))


def test_a_promotion_with_nothing_against_it_needs_nothing_more() -> None:
    """From the stage, from a question and from a pause."""
    up = f"{NAME} goes up"
    of = rollout()
    assert ask(of, Verb.PROMOTE) == Accepted(steps(of, "ops1 promoted"), up)
    assert ask(of, Verb.PROMOTE, reason="go") == Accepted(steps(of, "go"), up)
    asking = rollout(Phase.ASKING)
    assert ask(asking, Verb.PROMOTE, reason="go") == Accepted((ev.StageApproved("go"), *steps(asking, "go")), up)
    held = rollout(Phase.HELD)
    assert ask(held, Verb.PROMOTE, reason="go") == Accepted((ev.RolloutResumed("go"), *steps(held, "go")), up)
    watch = rollout(Phase.WATCHING, stage=3)
    over = ev.FinishStarted(ev.Basis(ev.BasisKind.PERSON, "go"))
    assert ask(watch, Verb.PROMOTE, reason="go") == Accepted((over,), up)


@pytest.mark.parametrize("phase", [Phase.PREFLIGHT, Phase.RECEDING, Phase.FINISHING])
def test_there_is_no_stage_to_go_up_from(phase: Phase) -> None:
    """Before the first, on a way back, at the end."""
    message = f"{NAME} is {phase.value}; there is no stage to go up from."
    refused(ask(rollout(phase), Verb.PROMOTE), RefusalCode.NOT_NOW, message, f"rollout status {NAME}")


def test_nothing_is_promoted_before_its_first_stage_or_below_its_last() -> None:
    """The watch begins at its own share."""
    message = f"{NAME} is running; there is no stage to go up from."
    refused(ask(without(rollout()), Verb.PROMOTE), RefusalCode.NOT_NOW, message)
    low = traffic(rollout(Phase.HELD, stage=3), wanted=TEN, confirmed=TEN)
    message = f"{NAME} is at 10%, less than the 90% of its last stage."
    refused(ask(low, Verb.PROMOTE), RefusalCode.NOT_NOW, message, f"First: rollout resume {NAME}")
    middle = traffic(rollout(Phase.HELD), wanted=Share(40), confirmed=Share(40))
    assert isinstance(ask(middle, Verb.PROMOTE), Accepted)


def test_an_undecided_stage_is_passed_with_a_reason_of_ten_letters() -> None:
    """An operator may; it stays on record."""
    of = rollout()
    message = f"{NAME} is undecided: errors has not seen enough. Going up early needs a reason of 10 or more letters."
    hint = f'rollout promote {NAME} --reason "..."'
    refused(ask(of, Verb.PROMOTE, judged=OPEN, reason="too short"), RefusalCode.GATE, message, hint)
    noted = ev.GateOverridden(("gate:errors",), "ten letter")
    passed = ask(of, Verb.PROMOTE, judged=OPEN, reason="ten letter")
    assert passed == Accepted((noted, *steps(of, "ten letter")), f"{NAME} goes up")


def test_a_promotion_past_anything_worse_is_an_override() -> None:
    """Everything that stands against it is named; what a person approves or holds is not."""
    judged = judgement(said(Verdict.FAIL), said(Verdict.COLLECTING, "slow"))
    of = rollout()
    full = ask(of, Verb.PROMOTE, ADMIN, judged=judged, override=True, confirm=NAME, reason=REASON)
    noted = ev.GateOverridden(("gate:errors", "gate:slow"), REASON)
    assert full == Accepted((noted, *steps(of, REASON)), f"{NAME} goes up")
    words = f"{NAME} is refused by: errors shows harm; slow has not seen enough."
    plain = refused(ask(of, Verb.PROMOTE, ADMIN, judged=judged, reason=REASON), RefusalCode.GATE, words)
    assert plain.needs is Role.ADMIN
    by_operator = ask(of, Verb.PROMOTE, judged=judged, override=True, confirm=NAME, reason=REASON)
    assert isinstance(by_operator, Refused)
    assert by_operator.code is RefusalCode.NOT_PERMITTED
    for more in ({"confirm": "another"}, {"reason": "short one"}):
        form = {"override": True, "confirm": NAME, "reason": REASON, **more}
        message = "An override needs the rollout's name typed out and a reason of 10 or more letters."
        refused(ask(of, Verb.PROMOTE, ADMIN, judged=judged, **form), RefusalCode.GATE, message)  # type: ignore[arg-type]
