"""Second people, approvals, more time and adopted shares: who may pass what by, and what nobody may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.observed import SlotHealth, SlotSeen
from rolloutd.core.phases import Phase
from rolloutd.core.rules import Rules
from rolloutd.core.state import Hold, Overridden, Rollout
from rolloutd.core.values import THE_DAEMON, Instant, Role, Share, Slot
from rolloutd.core.verdict import Verdict
from tests.core.pictures import NOW_MS, SINCE, TEN, judgement, rollout, said, seen, traffic
from tests.core.playbook import ADMIN, a_plan
from tests.core.test_decide import BAD, FRESH, NAME, OPEN, REASON, SECOND, ask, refused

FULL_FORM = {"override": True, "confirm": NAME, "reason": REASON}
HALF = Share(5_000)


def asked(of: Rollout, *gates: str, verb: str = "promote", at_ms: int = NOW_MS - 1_000) -> Rollout:
    """The same with an open request of sr1."""
    note = Overridden(gates, REASON, ADMIN, Instant(at_ms, at_ms), proposed_only=True, verb=verb)
    return replace(of, overrides=(note,))


@pytest.mark.parametrize(
    ("changes", "sentence", "way_on"),
    [
        ({"route_error": "refused"}, "the router does not agree (refused)", "Mend it first: rollout doctor"),
        (
            {"slots": tuple((s, SlotSeen(SlotHealth(s is Slot.B, None, "no"), NOW_MS)) for s in Slot)},
            "the champion is not known to be up (no)",
            "Mend it first: rollout doctor",
        ),
        (
            {"rules": Rules(fleet_hold="by ops1")},
            "the fleet is held by ops1",
            "Ask whoever holds it: rollout hold --release",
        ),
        (
            {"rules": Rules(frozen="until noon")},
            "the policy's freeze lasts until noon",
            "Wait for its end; the windows are [policy.freeze] of the configuration",
        ),
        ({"may_raise": False, "why_not_raise": "the journal is damaged"}, "the journal is damaged", "Mend it first"),
    ],
    ids=["router", "champion", "fleet", "freeze", "journal"],
)
def test_what_nobody_may_pass_by(changes: dict[str, object], sentence: str, way_on: str) -> None:
    """Not with the full form of an override either."""
    of = rollout()
    found = ask(of, Verb.PROMOTE, ADMIN, world=seen(of, **changes), **FULL_FORM)  # type: ignore[arg-type]
    assert isinstance(found, Refused)
    assert found.code is RefusalCode.GATE
    assert found.message == f"{NAME} cannot go up: {sentence}."
    assert found.next_step.startswith(f"This cannot be overridden. {way_on}")


def test_a_hold_and_a_missing_approval_are_a_persons_to_pass() -> None:
    """Promoting is approving."""
    plan = a_plan()
    wanting = replace(plan, stages=tuple(replace(stage, approval=True) for stage in plan.stages))
    assert isinstance(ask(rollout(Phase.HELD, wanting), Verb.PROMOTE), Accepted)


def test_from_half_of_the_traffic_on_one_admin_only_asks() -> None:
    """Below it he may; where the plan needs no second person he may too."""
    below = ask(rollout(), Verb.PROMOTE, ADMIN, judged=BAD, **FULL_FORM)  # type: ignore[arg-type]
    assert isinstance(below, Accepted)
    assert isinstance(below.events[0], ev.GateOverridden)
    of = rollout(stage=1)
    words = f"asked for, not done: an override to 50% needs a second admin within 10m: rollout approve {NAME}"
    only = Accepted((ev.OverrideProposed(("gate:errors",), REASON, "promote"),), words)
    assert ask(of, Verb.PROMOTE, ADMIN, judged=BAD, **FULL_FORM) == only  # type: ignore[arg-type]
    assert ask(asked(of, "gate:errors"), Verb.PROMOTE, ADMIN, judged=BAD, **FULL_FORM) == only  # type: ignore[arg-type]
    alone = rollout(stage=1, plan=a_plan(second_person=False))
    done = ask(alone, Verb.PROMOTE, ADMIN, judged=BAD, **FULL_FORM)  # type: ignore[arg-type]
    assert isinstance(done, Accepted)
    assert done.events[0] == ev.GateOverridden(("gate:errors",), REASON)


def stepped(why: str) -> tuple[ev.Event, ...]:
    """From 10 % to 50 %."""
    return (ev.StageEntered(2), ev.TrafficWanted(HALF, TEN, ev.Basis(ev.BasisKind.PERSON, why)))


def test_a_second_admin_approves_what_was_asked_for() -> None:
    """In the asker's words, with both names on record."""
    of = asked(rollout(stage=1), "gate:errors")
    found = ask(of, Verb.APPROVE, SECOND, judged=BAD)
    noted = ev.GateOverridden(("gate:errors",), REASON, "sr1")
    assert found == Accepted((noted, *stepped(REASON)), f"{NAME} goes up")


def test_only_another_admin_approves_and_only_what_stood_then() -> None:
    """Not oneself, not an operator, not past a gate that turned since."""
    of = asked(rollout(stage=1), "gate:errors")
    own = "This is your own request; an override to 50% or more needs a second person, who approves it."
    refused(ask(of, Verb.APPROVE, ADMIN, judged=BAD), RefusalCode.NOT_PERMITTED, own, "Ask another admin.")
    low = "sr1 asks for an override; only another admin approves it, you are operator."
    assert refused(ask(of, Verb.APPROVE, judged=BAD), RefusalCode.NOT_PERMITTED, low).needs is Role.ADMIN
    worse = judgement(said(Verdict.FAIL), said(Verdict.FAIL, "slow"))
    more = "Since sr1 asked for the override, gate:slow speaks against it too."
    hint = f"Look again: rollout why {NAME}; then ask anew"
    refused(ask(of, Verb.APPROVE, SECOND, judged=worse), RefusalCode.CONFLICT, more, hint)
    better = ask(asked(rollout(stage=1), "gate:errors", "gate:slow"), Verb.APPROVE, SECOND, judged=BAD)
    assert isinstance(better, Accepted)


def test_a_request_is_open_for_ten_minutes() -> None:
    """After that there is nothing to approve."""
    plan = a_plan()
    for age_ms, is_open in ((600_000, True), (600_001, False)):
        of = asked(rollout(plan=plan, stage=1), "gate:errors", at_ms=NOW_MS - age_ms)
        early = Instant(NOW_MS - 700_000, 0)
        of = replace(of, visits=(replace(of.visits[0], entered_at=early),))
        found = ask(of, Verb.APPROVE, SECOND, judged=BAD)
        assert isinstance(found, Accepted) is is_open


@pytest.mark.parametrize("verb", ["resume", "reapply"])
def test_an_approved_resume_counts_only_what_stands_against_resuming(verb: str) -> None:
    """A gate that collects is no new objection to standing where one stands."""
    drift = Hold(ev.HoldCause.DRIFT, "x", THE_DAEMON, SINCE)
    of = asked(rollout(Phase.HELD, stage=2, hold=drift), "gate:errors", verb=verb)
    judged = judgement(said(Verdict.FAIL), said(Verdict.COLLECTING, "slow"))
    found = ask(of, Verb.APPROVE, SECOND, judged=judged)
    noted = ev.GateOverridden(("gate:errors",), REASON, "sr1")
    assert found == Accepted((noted, ev.RolloutResumed(REASON), FRESH), f"{NAME} goes on at 50%")
    blind = judgement(said(Verdict.FAIL), said(Verdict.BLIND, "slow"))
    more = "Since sr1 asked for the override, gate:slow speaks against it too."
    refused(ask(of, Verb.APPROVE, SECOND, judged=blind), RefusalCode.CONFLICT, more)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.WATCHING])
def test_a_stage_that_wants_a_yes_gets_it(phase: Phase) -> None:
    """No gate is passed by it."""
    plan = a_plan()
    wanting = replace(plan, stages=tuple(replace(stage, approval=True) for stage in plan.stages))
    of = rollout(phase, wanting)
    assert ask(of, Verb.APPROVE, judged=OPEN) == Accepted((ev.StageApproved("ops1 approved"),), "s0 approved")
    assert ask(of, Verb.APPROVE, reason="fine") == Accepted((ev.StageApproved("fine"),), "s0 approved")
    message = "Stage s0 asks for no approval, and no override is asked for."
    refused(ask(rollout(phase), Verb.APPROVE), RefusalCode.NOT_NOW, message, f"rollout why {NAME}")
    refused(ask(rollout(Phase.HELD, wanting), Verb.APPROVE), RefusalCode.NOT_NOW, message)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.WATCHING])
def test_a_stage_gets_its_time_once_more(phase: Phase) -> None:
    """From now on, where a stage runs."""
    given = Accepted((ev.StageExtended(NOW_MS + 600_000),), "s0 has its time again")
    assert ask(rollout(phase), Verb.EXTEND, revision=None) == given
    message = f"{NAME} has no running stage."
    refused(ask(rollout(Phase.HELD), Verb.EXTEND), RefusalCode.NOT_NOW, message, f"rollout status {NAME}")
    refused(ask(rollout(phase, visits=()), Verb.EXTEND), RefusalCode.NOT_NOW, message)


def test_a_share_set_by_hand_is_adopted_as_a_pause() -> None:
    """Only where a hand lowered it."""
    drift = Hold(ev.HoldCause.DRIFT, "x", THE_DAEMON, SINCE)
    of = traffic(rollout(Phase.HELD, hold=drift), wanted=Share(40), confirmed=Share(40))
    words = f"{NAME} stays at 0.4%, paused; resume would go to 1%"
    assert ask(of, Verb.ADOPT_SHARE, reason="fine") == Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, "fine"),), words)
    why = "ops1 keeps the share that was set by hand"
    assert ask(of, Verb.ADOPT_SHARE) == Accepted((ev.RolloutHeld(ev.HoldCause.PERSON, why),), words)
    message = f"Nobody's hand has lowered the share of {NAME}; there is nothing to adopt."
    for other in (rollout(Phase.HELD), rollout(Phase.HELD, hold=None), rollout(hold=drift)):
        refused(ask(other, Verb.ADOPT_SHARE), RefusalCode.NOT_NOW, message, f"rollout why {NAME}")


def test_our_share_is_re_applied_only_where_a_hand_has_lowered_it() -> None:
    """I3, I4: as a resume of DRIFT alone: at a revision, past what is hard by nobody, past bad gates by an override."""
    drift = Hold(ev.HoldCause.DRIFT, "x", THE_DAEMON, SINCE)
    of = traffic(rollout(Phase.HELD, hold=drift), wanted=Share(40), confirmed=Share(40))
    why = "ops1 re-applied our share"
    again = ev.TrafficWanted(Share(100), Share(40), ev.Basis(ev.BasisKind.PERSON, why))
    assert ask(of, Verb.REAPPLY) == Accepted((ev.RolloutResumed(why), FRESH, again), f"{NAME} goes on at 1%")
    unseen = "reapply raises exposure and must name the revision it was decided on."
    refused(ask(of, Verb.REAPPLY, revision=None), RefusalCode.BAD_INPUT, unseen)
    away = ask(of, Verb.REAPPLY, world=seen(of, route_error="refused"))
    refused(away, RefusalCode.GATE, f"{NAME} cannot go up: the router does not agree (refused).")
    for more, words in (({}, "is refused by"), ({"override": True, "confirm": NAME}, "a reason of 10 or more letters")):
        found = ask(of, Verb.REAPPLY, ADMIN, judged=BAD, **more)  # type: ignore[arg-type]
        assert isinstance(found, Refused)
        assert (found.code, words in found.message) == (RefusalCode.GATE, True)
    full = ask(of, Verb.REAPPLY, ADMIN, judged=BAD, **FULL_FORM)  # type: ignore[arg-type]
    assert isinstance(full, Accepted)
    assert isinstance(full.events[0], ev.GateOverridden)
    message = f"Nobody's hand has lowered the share of {NAME}; there is nothing to re-apply."
    for other in (rollout(Phase.HELD), rollout(Phase.HELD, hold=None), rollout(hold=drift)):
        refused(ask(other, Verb.REAPPLY), RefusalCode.NOT_NOW, message, f"rollout why {NAME}")
