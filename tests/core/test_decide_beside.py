"""Commands on what stands beside the share: owed checks, segments, mirrors, changed plans; and nobody served yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core import overrides
from rolloutd.core.checks import Check, CheckKind
from rolloutd.core.commands import RefusalCode, Refused, Verb
from rolloutd.core.decide import Accepted
from rolloutd.core.observed import RouteReading
from rolloutd.core.outside_events import CheckFinished
from rolloutd.core.phases import Phase
from rolloutd.core.rules import Rules
from rolloutd.core.segments import Segments
from rolloutd.core.state import End, Isolated, LastAct, Mirror, Rollout
from rolloutd.core.values import FULL, ZERO, Share, Slot
from tests.core.pictures import ONE, SINCE, rollout, seen, traffic
from tests.core.playbook import ADMIN, OPERATOR, a_plan
from tests.core.test_decide import FRESH, NAME, OPEN, OTHER, REASON, SECOND, ask, refused, start, without
from tests.core.test_decide_people import asked
from tests.core.test_shadow import PAIRED, shadowed

REGIONS = Segments("x-region", "region", ("eu", "us"))
BY_PERSON = ev.Basis(ev.BasisKind.PERSON, "drill")
EU = Isolated("eu", BY_PERSON, OPERATOR, SINCE)


def test_each_conflict_names_its_own_route_or_model() -> None:
    """Where the two are called differently, too."""
    spec = replace(rollout().spec, route="r1", model="m1")
    route = replace(OTHER, spec=replace(OTHER.spec, route="r1", model="m2"))
    model = replace(OTHER, spec=replace(OTHER.spec, route="r2", model="m1"))
    words = "other is a live rollout on route r1; one route carries one rollout at a time."
    refused(start(spec, route), RefusalCode.CONFLICT, words)
    words = "other is a live rollout on model m1; one model carries one rollout at a time."
    refused(start(spec, model), RefusalCode.CONFLICT, words)


def test_a_decision_without_words_says_nothing() -> None:
    """No word is made up for it."""
    assert Accepted((ev.RolloutClaimed(),)).message == ""


# ---- checks before traffic


def owing(*checks: Check, phase: Phase = Phase.PREFLIGHT) -> Rollout:
    """Before its traffic, with these checks to pass."""
    of = without(rollout(phase))
    return replace(of, spec=replace(of.spec, checks=checks))


def test_a_check_that_a_person_owes_is_passed_by_another_one() -> None:
    """Who started the rollout is not the one who says yes, unless the check allows it."""
    strict, lax = (Check("owner", CheckKind.APPROVAL, other_person=other) for other in (True, False))
    message = f"ops1 started {NAME}; check owner wants another person's yes."
    hint = f"Ask somebody else for: rollout approve {NAME}"
    refused(ask(owing(strict), Verb.APPROVE, OPERATOR, reason="fine"), RefusalCode.GATE, message, hint)
    told = f"check owner of {NAME} is passed"
    yes = Accepted((CheckFinished("owner", True, "sr2 approved"),), told)
    assert ask(owing(strict), Verb.APPROVE, SECOND) == yes
    assert ask(owing(lax), Verb.APPROVE, reason="fine") == Accepted((CheckFinished("owner", True, "fine"),), told)
    assert ask(owing(lax), Verb.APPROVE, SECOND, reason="ok") == Accepted((CheckFinished("owner", True, "ok"),), told)


def test_a_check_is_owed_before_traffic_only_and_never_one_that_runs() -> None:
    """No yes of a person stands for what the daemon looks at."""
    of = rollout()
    message = "Stage s0 asks for no approval, and no override is asked for."
    refused(ask(owing(Check("load")), Verb.APPROVE, SECOND), RefusalCode.NOT_NOW, message)
    late = replace(of, spec=replace(of.spec, checks=(Check("owner", CheckKind.APPROVAL),)))
    refused(ask(late, Verb.APPROVE, SECOND), RefusalCode.NOT_NOW, message, f"rollout why {NAME}")


# ---- aborts of what nobody was served by


def test_an_abort_ends_at_once_only_where_the_router_was_never_written_to() -> None:
    """I2: an isolation that was asked for or is still shown must be read back as gone; a wish is taken back first."""
    before = without(rollout())
    for of in (replace(before, isolated=(EU,)), replace(before, isolation=("eu",))):
        found = ask(of, Verb.ABORT)
        assert isinstance(found, Accepted)
        assert found.events == (ev.RecedeStarted(ev.RecedeCause.PERSON, "ops1 aborted"),)
    unknown = replace(before, champion_slot=None, isolated=(EU,))
    began, over = ev.RecedeStarted(ev.RecedeCause.PERSON, "drill"), ev.RolloutEnded(ev.Outcome.ABORTED, "drill")
    found = ask(unknown, Verb.ABORT, reason="drill")
    assert isinstance(found, Accepted)
    assert found.events == (began, over)
    wished = ask(traffic(before, wanted=ONE), Verb.ABORT, reason="drill")
    assert isinstance(wished, Accepted)
    assert wished.events == (began, ev.TrafficWanted(ZERO, ONE, BY_PERSON), over)


# ---- mirrors


def test_a_resume_wants_the_stages_copies_again() -> None:
    """On a stage of a mirror, past nothing that is hard; before any stage there is none to want."""
    of = replace(rollout(Phase.HELD, shadowed(PAIRED)), mirror=Mirror())
    again = ev.MirrorWanted(FULL, ZERO, BY_PERSON)
    goes_on = Accepted((ev.RolloutResumed("drill"), FRESH, again), f"{NAME} goes on at 0%")
    assert ask(of, Verb.RESUME, reason="drill") == goes_on
    away = ask(of, Verb.RESUME, world=seen(of, route_error="refused"))
    refused(away, RefusalCode.GATE, f"{NAME} cannot go up: the router does not agree (refused).")
    copies = replace(of, mirror=Mirror(FULL, SINCE, FULL, SINCE))
    stands = Accepted((ev.RolloutResumed("drill"), FRESH), f"{NAME} goes on at 0%")
    assert ask(copies, Verb.RESUME, reason="drill", world=seen(copies, route_error="refused")) == stands
    assert ask(without(of), Verb.RESUME, reason="drill") == stands


def test_whoever_promotes_is_there() -> None:
    """Hours in which nobody is there hold the daemon, not a person."""
    of = rollout()
    alone = seen(of, rules=Rules(unstaffed="until 8:00"))
    assert isinstance(ask(of, Verb.PROMOTE, world=alone), Accepted)


# ---- segments and plans


def segmented(*isolated: Isolated, shown: tuple[str, ...] = (), **changes: object) -> Rollout:
    """A rollout on a route with two regions."""
    of = rollout(plan=a_plan(segments=REGIONS), **changes)  # type: ignore[arg-type]
    return replace(of, isolated=isolated, isolation=shown)


def test_a_segment_is_taken_off_and_let_in_again() -> None:
    """Off at once and by anybody; in again past nothing that is hard, with a reason; another's isolation is no bar."""
    off = Accepted((ev.SegmentIsolated("us", BY_PERSON),), "us goes back to the champion")
    assert ask(segmented(), Verb.ISOLATE, segment="us", reason="drill", revision=None) == off
    nowhere = "There is no segment mars on route ranker."
    refused(ask(segmented(), Verb.ISOLATE, segment="mars"), RefusalCode.BAD_INPUT, nowhere)
    both = segmented(EU, replace(EU, segment="us"), shown=("eu", "us"))
    off_now = replace(seen(both), route=RouteReading(Slot.A, Slot.B, ONE, None, "1", isolated=("eu", "us")))
    back = ask(both, Verb.PUTBACK, segment="eu", reason=REASON, world=off_now)
    assert isinstance(back, Accepted)
    assert back.events[0] == ev.SegmentPutBack("eu", ev.Basis(ev.BasisKind.PERSON, REASON))
    away = ask(both, Verb.PUTBACK, segment="eu", reason=REASON, world=replace(off_now, route_error="refused"))
    refused(away, RefusalCode.GATE, "eu cannot be put back: the router does not agree (refused).")
    refused(ask(both, Verb.PUTBACK, segment="other"), RefusalCode.NOT_NOW, "other is not isolated.")


def test_a_second_persons_yes_to_a_segment_counts_no_gate_that_collects() -> None:
    """What a segment showed is passed by; a gate that has not seen enough is no new objection to letting it in."""
    harmed = replace(EU, basis=ev.Basis(ev.BasisKind.HARM, "bad in eu"))
    of = segmented(harmed, shown=("eu",), stage=2)
    world = replace(seen(of), route=RouteReading(Slot.A, Slot.B, of.traffic.wanted, None, "1", isolated=("eu",)))
    found = ask(asked(of, overrides.of_segment("eu"), verb="putback"), Verb.APPROVE, SECOND, world=world, judged=OPEN)
    assert isinstance(found, Accepted)
    assert [type(event) for event in found.events] == [ev.GateOverridden, ev.SegmentPutBack, ev.WindowRestarted]


def test_what_ended_at_zero_has_everybody_isolated_already() -> None:
    """And what is done does not."""
    end = End(ev.Outcome.ABORTED, "x", SINCE)
    already = Accepted((), f"{NAME} has already ended: aborted. The champion has all traffic.")
    assert ask(segmented(phase=Phase.ABORTED, end=end), Verb.ISOLATE, segment="us") == already
    assert isinstance(ask(segmented(phase=Phase.DONE), Verb.ISOLATE, segment="us"), Refused)


def test_a_changed_plan_is_adopted_or_refused_with_why() -> None:
    """What is still to come may change; what is behind may not."""
    of = rollout()
    stages = of.spec.plan.stages
    slower = replace(
        of.spec, plan=replace(of.spec.plan, stages=(*stages[:2], replace(stages[2], share=Share(2_000)), stages[3]))
    )
    found = ask(of, Verb.ADOPT_PLAN, ADMIN, spec=slower, reason=REASON)
    assert isinstance(found, Accepted)
    assert found.events[0] == ev.PlanAdopted(slower, REASON)
    message = "Changing a running plan needs a reason of 10 or more letters; it stays in the record."
    refused(ask(of, Verb.ADOPT_PLAN, ADMIN, spec=slower), RefusalCode.GATE, message)


@pytest.mark.parametrize("version", [9, 11])
def test_the_loser_of_a_race_hears_of_a_person_only_who_was_later(version: int) -> None:
    """At the very revision that was looked at nobody has come in between."""
    of = rollout(last_act=LastAct("paused", ADMIN, SINCE, version), version=12)
    found = ask(of, Verb.PROMOTE, revision=9)
    assert ("sr1 paused it" in found.message) is (version > 9)
