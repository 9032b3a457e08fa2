"""The fold of what stands beside the share: mirrors, segments, checks, changed plans, the registry; and their laws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken
from rolloutd.core.outside_events import CheckFinished, RegistryTold
from rolloutd.core.phases import Phase
from rolloutd.core.segments import Segments
from rolloutd.core.state import CheckDone, Isolated, LastAct, Mirror, Rollout, StageVisit
from rolloutd.core.values import FULL, THE_DAEMON, ZERO, Actor, Share, Slot
from tests.core.playbook import ADMIN, OPERATOR, a_spec
from tests.core.test_fold import AT, EARLIER, HARM, PERSON, RICH, VERDICT, after, changed, in_phase, traffic

HALF = Share(5_000)
REGIONS = Segments("x-region", "region", ("eu", "us"))
MIRRORS = Mirror(HALF, EARLIER, HALF, EARLIER)
KNOWN = Isolated("eu", HARM, THE_DAEMON, EARLIER)


def acted(word: str) -> LastAct:
    """What the person did just now."""
    return LastAct(word, OPERATOR, AT, 8)


def segmented(*isolated: Isolated, **fields: object) -> Rollout:
    """The rich rollout on a route with two regions."""
    spec = a_spec(replace(RICH.spec.plan, segments=REGIONS))
    return replace(RICH, spec=spec, isolated=isolated, **fields)  # type: ignore[arg-type]


def broken(words: str, event: ev.Event, before: Rollout, actor: Actor = THE_DAEMON) -> None:
    """The law that forbids it, in these words."""
    with pytest.raises(LawBroken) as refused:
        after(event, before, actor)
    assert str(refused.value) == words


def test_a_mirror_is_wanted_and_then_confirmed() -> None:
    """The share stands as it stood; what the router did not obey is asked anew."""
    before, obeyed = replace(RICH, mirror=MIRRORS), traffic(not_obeyed=False)
    less = after(ev.MirrorWanted(ZERO, HALF, HARM), before)
    assert less == changed(before, mirror=replace(MIRRORS, wanted=ZERO, wanted_at=AT), traffic=obeyed)
    asked = replace(before, mirror=replace(MIRRORS, confirmed=ZERO))
    shown = after(ev.MirrorConfirmed(HALF, "engine-1"), asked)
    assert shown == changed(asked, mirror=replace(MIRRORS, confirmed=HALF, confirmed_at=AT), traffic=obeyed)


def test_a_mirror_has_laws_of_its_own() -> None:
    """I1, I4: no other confirmation than of what is wanted, no growth without a ground, no end while it copies."""
    before = replace(RICH, mirror=MIRRORS)
    broken(
        "The router mirrors 100%, but 50% is wanted; that is no confirmation.", ev.MirrorConfirmed(FULL, "e"), before
    )
    harm = "A mirror cannot grow to 100% on the ground of harm."
    broken(harm, ev.MirrorWanted(FULL, HALF, HARM), before)
    back = in_phase(Phase.RECEDING, mirror=MIRRORS, traffic=traffic(confirmed=ZERO))
    ends = "A rollout cannot end while the router mirrors 50% of the requests."
    broken(ends, ev.RolloutEnded(ev.Outcome.ABORTED, "x"), back)


def test_a_segment_is_isolated_and_put_back() -> None:
    """Why, by whom and since when; the router is asked from now on, and the others stay off."""
    before = segmented(KNOWN)
    more = after(ev.SegmentIsolated("us", PERSON), before, OPERATOR)
    mine = Isolated("us", PERSON, OPERATOR, AT)
    word = acted("isolated a segment of")
    assert more == changed(before, isolated=(KNOWN, mine), isolation_asked_ms=50_000, last_act=word)
    both = segmented(KNOWN, mine)
    fewer = after(ev.SegmentPutBack("us", PERSON), both, OPERATOR)
    word = acted("put back a segment of")
    assert fewer == changed(both, isolated=(KNOWN,), isolation_asked_ms=50_000, last_act=word)


def test_users_who_came_back_begin_a_share_anew_and_users_who_went_do_not() -> None:
    """As after every share that grew; and the router is asked until it shows exactly what shall be."""
    before = segmented(KNOWN, recede=None, isolation=("us",), isolation_asked_ms=7)
    came = after(ev.IsolationConfirmed(("eu",)), before)
    assert came == changed(before, isolation=("eu",), isolation_asked_ms=None, traffic=traffic(confirmed_at=AT))
    nobody = replace(before, isolation=())
    assert after(ev.IsolationConfirmed(("eu",)), nobody) == changed(nobody, isolation=("eu",), isolation_asked_ms=None)
    too_many = after(ev.IsolationConfirmed(("eu", "us")), before)
    assert too_many == changed(before, isolation=("eu", "us"))


def test_segments_have_laws_of_their_own() -> None:
    """I4: only what exists, only what is not so already, and nobody is let in but by a person, never on a way back."""
    before = segmented(KNOWN)
    nowhere = "There is no segment mars on ranker."
    broken(nowhere, ev.SegmentIsolated("mars", HARM), before)
    broken(nowhere, ev.SegmentPutBack("mars", PERSON), before)
    broken("There is no segment eu on ranker.", ev.SegmentIsolated("eu", HARM), RICH)
    broken("Segment eu is already isolated.", ev.SegmentIsolated("eu", HARM), before)
    broken("Segment us is not isolated.", ev.SegmentPutBack("us", PERSON), before)
    for basis in (HARM, VERDICT):
        ground = f"A segment cannot be put back on the ground of {basis.kind.value}."
        broken(ground, ev.SegmentPutBack("eu", basis), before)
    back = replace(before, phase=Phase.RECEDING)
    broken("A rollout that goes back cannot get more traffic.", ev.SegmentPutBack("eu", PERSON), back)
    assert after(ev.SegmentIsolated("us", HARM), back).isolated[-1].segment == "us"
    assert after(ev.SegmentIsolated("other", HARM), before).isolated[-1].segment == "other"


def test_checks_before_traffic_are_kept_one_after_the_other() -> None:
    """What came of each, and who said so; the artefact that was checked stays with the rollout."""
    first = CheckDone("schema", True, "fits", THE_DAEMON, EARLIER)
    before = in_phase(Phase.PREFLIGHT, checks=(first,), champion_slot=None)
    done = after(CheckFinished("owner", False, "not yet"), before, OPERATOR)
    mine = CheckDone("owner", False, "not yet", OPERATOR, AT)
    assert done == changed(before, checks=(first, mine), last_act=acted("approved"))
    passed = after(ev.PreflightPassed(Slot.A, "engine-2", "sha256:1"), before)
    assert passed.artefact == "sha256:1"


def test_a_changed_plan_counts_from_the_stages_own_beginning() -> None:
    """Its question is answered; another maximum time is counted from where the stage began, not from now."""
    stages = RICH.spec.plan.stages
    longer = a_spec(replace(RICH.spec.plan, stages=(replace(stages[0], max_time_ms=900_000), *stages[1:])))
    adopted = after(ev.PlanAdopted(longer, "more time"), RICH, OPERATOR)
    word = acted("changed the plan of")
    assert adopted == changed(spec=longer, stage_deadline_ms=20_000 + 900_000, question=None, last_act=word)
    other = a_spec(replace(RICH.spec.plan, stages=(stages[0], replace(stages[1], max_time_ms=1_000_000), *stages[2:])))
    assert after(ev.PlanAdopted(other, "x"), RICH).stage_deadline_ms == 123
    fewer = replace(RICH.spec.plan, gates=(replace(RICH.spec.plan.gates[0], weight=2.0),))
    with pytest.raises(LawBroken):
        after(ev.PlanAdopted(a_spec(fewer), "x"), RICH)


def test_the_registry_is_told_once_of_each_end() -> None:
    """What was told of an end is not told of the next one."""
    ended = in_phase(Phase.ABORTED)
    assert after(RegistryTold(("x",)), ended) == changed(ended, registry_told=True)
    told = in_phase(Phase.RECEDING, registry_told=True, traffic=traffic(confirmed=ZERO))
    assert not after(ev.RolloutEnded(ev.Outcome.ABORTED, "why"), told).registry_told


def test_a_new_stage_leaves_the_one_before_and_keeps_those_before_it() -> None:
    """Every visit stays on record as it was left."""
    first, second = StageVisit(0, EARLIER, EARLIER, EARLIER), StageVisit(1, EARLIER, EARLIER)
    third = after(ev.StageEntered(2), replace(RICH, visits=(first, second)))
    assert third.visits == (first, replace(second, left_at=AT), StageVisit(2, AT))


def test_of_three_visits_the_present_one_is_approved_overridden_and_left() -> None:
    """Not the second, which happens to be the last of two."""
    past, here = (
        (StageVisit(0, EARLIER, EARLIER, EARLIER), StageVisit(1, EARLIER, EARLIER, EARLIER)),
        StageVisit(2, EARLIER),
    )
    before = in_phase(Phase.ASKING, visits=(*past, here), traffic=traffic(confirmed=ZERO))
    assert after(ev.StageApproved("yes"), before).visits == (*past, replace(here, approved=True))
    assert after(ev.GateOverridden(("slow",), "x"), before).visits == (*past, replace(here, overridden=True))
    back = replace(before, phase=Phase.RECEDING)
    assert after(ev.RolloutEnded(ev.Outcome.ABORTED, "x"), back).visits == (*past, replace(here, left_at=AT))


def test_who_reopens_a_rollout_has_not_requested_it() -> None:
    """Whoever asked for it first stays the one who did: checks ask another person's yes than that one's."""
    reopened = after(ev.RolloutReopened("again"), in_phase(Phase.ABORTED), ADMIN)
    assert (reopened.requested_by, reopened.requested_at) == (RICH.requested_by, RICH.requested_at)


def test_a_share_has_laws_too() -> None:
    """I1, I5: on what ground, up to the stage's own; zero before an end, the challenger as base before done."""
    previous = "The share before was 1%, not 0.5%."
    broken(previous, ev.TrafficWanted(ZERO, Share(50), HARM), RICH)
    low = replace(RICH, traffic=traffic(wanted=ZERO, confirmed=ZERO))
    broken("A share cannot grow to 1% on the ground of harm.", ev.TrafficWanted(Share(100), ZERO, HARM), low)
    back = replace(low, phase=Phase.RECEDING)
    broken("A rollout that goes back cannot get more traffic.", ev.TrafficWanted(Share(100), ZERO, PERSON), back)
    broken("2% is more than stage s0 allows (1%).", ev.TrafficWanted(Share(200), ZERO, PERSON), low)
    assert after(ev.TrafficWanted(Share(100), ZERO, VERDICT), low).traffic.wanted == Share(100)
    shown = "The router showed 0.5%, but 1% is wanted; that is no confirmation."
    broken(shown, ev.TrafficConfirmed(Share(50), "e"), RICH)
    away = in_phase(Phase.RECEDING)
    broken("A rollout cannot end aborted while the router shows 1%.", ev.RolloutEnded(ev.Outcome.ABORTED, "x"), away)
    over = in_phase(Phase.FINISHING)
    first = "A rollout cannot be done before the router showed the challenger as its base."
    broken(first, ev.RolloutEnded(ev.Outcome.DONE, "x"), over)
    assert after(ev.RolloutEnded(ev.Outcome.DONE, "x"), replace(over, base_moved=True)).phase is Phase.DONE


def test_what_is_done_is_taken_back_by_a_persons_rollback_alone() -> None:
    """I2: and harm takes back what lives."""
    done = in_phase(Phase.DONE, visits=(StageVisit(3, EARLIER, EARLIER),))
    assert after(ev.RecedeStarted(ev.RecedeCause.ROLLBACK, "x"), done, OPERATOR).phase is Phase.RECEDING
    for cause in set(ev.RecedeCause) - {ev.RecedeCause.ROLLBACK}:
        words = f"What is done is taken back only by a person's rollback, not by {cause.value}."
        broken(words, ev.RecedeStarted(cause, "x"), done)
        assert after(ev.RecedeStarted(cause, "x")).phase is Phase.RECEDING
