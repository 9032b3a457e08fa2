"""What follows beside the share: segments that show harm, artefacts, mirrors, probes, and the words of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.advance import advance, enter
from rolloutd.core.averages import Sums
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import GateKind
from rolloutd.core.observed import RouteReading, Seen, SlotHealth, SlotSeen, SmokeRun
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnFail, OnSegment, OnUndecided, Plan
from rolloutd.core.rules import Rules
from rolloutd.core.segments import Segments
from rolloutd.core.state import Isolated, Mirror, Recede, Rollout, StageVisit
from rolloutd.core.stats.increment import Increment
from rolloutd.core.values import FULL, THE_DAEMON, ZERO, Instant, Share, Slot
from rolloutd.core.verdict import Judgement, Verdict
from tests.core.pictures import (
    AT_ZERO,
    BACK,
    NOW_MS,
    ONE,
    REST,
    SINCE,
    ev_to_zero,
    follows,
    judgement,
    picture,
    preview,
    quiet,
    rollout,
    said,
    seen,
    showing,
    traffic,
)
from tests.core.playbook import TEMPLATE, a_gate, a_plan
from tests.core.test_advance_ends import BEGUN
from tests.core.test_shadow import PAIRED, shadowed

HALF = Share(5_000)
REGIONS = Segments("x-region", "region", ("eu", "us"))
BY = a_gate(by="region", limit=None)


# ---- the route


def test_a_base_that_is_not_the_champions_is_somebodys_hand_while_nothing_goes_back() -> None:
    """I8: all traffic on the challenger is more than was wanted, whoever did it."""
    doubt = ev.WindowRestarted("somebody raised the share by hand")
    assert follows(REST, showing(REST, ZERO, base=Slot.B)) == (ev.DriftSeen(ONE, FULL), doubt)


def test_an_engine_that_restarts_while_a_share_is_on_its_way_is_waited_for() -> None:
    """The reading that confirms the wish names the new instance; until then nothing is known to be kept."""
    going_down = traffic(REST, wanted=ZERO)
    assert follows(going_down, showing(going_down, ONE, "2")) == ()


def test_a_hand_that_raises_one_segment_and_lowers_another_is_held() -> None:
    """What it lowers is kept (I8): nobody's share grows by being found."""
    wanted = Share(0, (("eu", 5_000), ("us", 2_000)))
    of = traffic(quiet(rollout(plan=a_plan(segments=REGIONS))), wanted=wanted, confirmed=wanted)
    mixed = Share(0, (("eu", 7_000), ("us", 1_000)))
    why = f"somebody set the share to {mixed} outside of rolloutd; what that lowers is kept"
    held = (ev.DriftSeen(wanted, mixed), ev.RolloutHeld(ev.HoldCause.DRIFT, why), ev.WindowRestarted(why))
    assert follows(of, showing(of, mixed)) == held


# ---- mirrors


def mirroring(of: Rollout, shown: Share, **changes: object) -> Seen:
    """The world in which the router mirrors this part."""
    slot = Slot.B if shown > ZERO else None
    return seen(of, route=RouteReading(Slot.A, None, ZERO, None, "1", mirror=shown, mirror_slot=slot), **changes)


def shadow(wanted: Share, confirmed: Share, **changes: object) -> Rollout:
    """On a shadow whose clock does not run yet."""
    of = rollout(plan=shadowed(PAIRED), visits=(StageVisit(0, SINCE),), **changes)  # type: ignore[arg-type]
    return replace(of, mirror=Mirror(wanted, Instant(NOW_MS - 70, 0), confirmed, SINCE))


def test_a_shadow_begins_when_its_mirror_stands() -> None:
    """I5: wanted, shown and the stage's own; the mirror is confirmed first, with how long it took."""
    of = shadow(FULL, FULL)
    assert follows(of, mirroring(of, FULL)) == (ev.TrafficConfirmed(ZERO, "1"),)
    asked = shadow(FULL, ZERO)
    assert follows(asked, mirroring(asked, FULL)) == (ev.MirrorConfirmed(FULL, "1", 70),)
    assert follows(asked, mirroring(asked, ZERO)) == ()
    less = shadow(HALF, HALF)
    assert follows(less, mirroring(less, HALF)) == ()
    done = replace(of, visits=(StageVisit(0, SINCE, Instant(NOW_MS, 0)),), said=(("errors", "pass"),))
    assert follows(done, mirroring(done, FULL)) == ()


def test_a_mirror_that_is_asked_for_in_vain_is_said_in_its_own_words() -> None:
    """I6: the router's error where it gives one, else what it shows."""
    of = shadow(FULL, ZERO)
    since_ms = NOW_MS - 2_001
    said_once = ev.TrafficNotObeyed(ZERO, ZERO, "asked to mirror 100%, the router mirrors 0%")
    assert follows(of, mirroring(of, ZERO, differs_since_ms=since_ms)) == (said_once,)
    cannot = ev.TrafficNotObeyed(ZERO, ZERO, "asked to mirror 100%, the router mirrors nothing")
    assert follows(of, showing(of, ZERO, differs_since_ms=since_ms)) == (cannot,)
    refused = mirroring(of, ZERO, route_error="refused", differs_since_ms=since_ms)
    assert follows(of, refused) == (ev.TrafficNotObeyed(ZERO, ZERO, "refused"),)


def test_a_way_back_ends_the_copies_too_and_waits_for_that() -> None:
    """I2: no copy is left behind; what is still shown is not over."""
    ground = ev.Basis(ev.BasisKind.HARM, "harm")
    copying = replace(AT_ZERO, spec=shadow(FULL, FULL).spec, mirror=Mirror(FULL, SINCE, FULL, SINCE))
    assert follows(copying, mirroring(copying, FULL)) == (ev.MirrorWanted(ZERO, FULL, ground),)
    asked = replace(copying, mirror=Mirror(ZERO, SINCE, FULL, SINCE))
    assert follows(asked, mirroring(asked, FULL)) == ()


# ---- harm in segments, and in words


def split(on_segment: OnSegment = OnSegment.ISOLATE, segment: str = "eu", **gate: object) -> Judgement:
    """One gate fired, in one region alone."""
    found = said(Verdict.FAIL, gate=replace(BY, on_segment=on_segment, **gate), segment=segment)  # type: ignore[arg-type]
    return judgement(found, fired=found, log_e_harm=5.0)


def harmed(of: Rollout, judged: Judgement) -> tuple[ev.Event, ...]:
    """What follows where eu has requests of its own."""
    known = GateEvidence.start(of.spec.plan, of.spec.plan.gates[0]).by
    assert known is not None
    total = tuple((name, Increment(100, 1, 50, 9) if name == "eu" else each) for name, each in known.total)
    return follows(of, judged=judged, by=replace(known, total=total), total_sum=Increment(1_000, 10, 100, 9))


SPLIT: Plan = a_plan(segments=REGIONS, gates=(BY,))
IN_EU = (
    "errors shows harm in region=eu: challenger 9 of 50, champion 1 of 100; evidence e^5.00, line 100"  # of eu alone
)
IN_ALL = "errors shows harm: challenger 9 of 100, champion 10 of 1000; evidence e^5.00, line 100"


def test_harm_in_one_segment_takes_it_off_where_the_gate_says_so() -> None:
    """Once, and while there is a stage to go on with; otherwise everybody goes back."""
    of = quiet(rollout(plan=SPLIT))
    basis = ev.Basis(ev.BasisKind.HARM, IN_EU)
    spoke = ev.VerdictReached("errors", "fail", 1.0, 2.0, IN_EU)
    assert harmed(of, split()) == (spoke, ev.SegmentIsolated("eu", basis))
    held = replace(of, phase=Phase.HELD, hold=rollout(Phase.HELD).hold)
    assert harmed(held, split()) == (spoke, ev.SegmentIsolated("eu", basis))
    gone = (spoke, ev.RecedeStarted(ev.RecedeCause.HARM, IN_EU, "errors"), ev.TrafficWanted(ZERO, ONE, basis))
    finishing = replace(of, phase=Phase.FINISHING)
    assert harmed(finishing, split()) == gone
    assert harmed(of, split(OnSegment.AS_ON_FAIL)) == gone
    everywhere = harmed(of, split(segment=""))
    assert everywhere[0] == ev.VerdictReached("errors", "fail", 1.0, 2.0, IN_ALL)
    unknown = follows(of, judged=split(), by=None, total_sum=Increment(1_000, 10, 100, 9))
    assert unknown[0] == ev.VerdictReached("errors", "fail", 1.0, 2.0, IN_ALL)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.WATCHING, Phase.HELD])
def test_a_gate_that_holds_does_so_wherever_a_stage_is(phase: Phase) -> None:
    """Also one that is held for something else: the newer ground is the one that a person must look at."""
    of = replace(quiet(rollout()), phase=phase, hold=rollout(phase).hold)
    found = said(Verdict.FAIL, gate=a_gate(on_fail=OnFail.HOLD))
    events = follows(of, judged=judgement(found, fired=found))
    assert [type(event) for event in events] == [ev.VerdictReached, ev.RolloutHeld]


def test_a_hand_that_isolated_is_recorded_and_kept() -> None:
    """I8: whoever somebody keeps on the champion stays there."""
    of = quiet(rollout(plan=SPLIT))
    why = "somebody isolated us on the router, outside of rolloutd; it is kept"
    off = replace(seen(of), route=RouteReading(Slot.A, Slot.B, ONE, None, "1", isolated=("us",)))
    assert follows(of, off) == (ev.SegmentIsolated("us", ev.Basis(ev.BasisKind.ROUTER, why)),)


def test_drift_speaks_of_harm_in_its_own_figures() -> None:
    """The size, and what moved most."""
    template = replace(TEMPLATE, kind=GateKind.DRIFT, classes=("yes", "no"), class_label="class")
    drifts = a_gate(metric="answers", template=template, limit=None, psi=0.1)
    of = quiet(rollout(plan=a_plan(gates=(a_gate(), drifts))))
    known = GateEvidence.start(of.spec.plan, drifts).drift
    assert known is not None
    known = known.with_tick((50, 50, 0), (10, 90, 0)).counted(gross_only=False)
    found = said(Verdict.FAIL, gate=replace(drifts, metric="errors"))
    spoke = follows(of, judged=judgement(found, fired=found, log_e_harm=5.0), drift=known)[0]
    assert isinstance(spoke, ev.VerdictReached)
    assert spoke.detail.startswith("errors shows harm: the answers drift")
    assert spoke.detail.endswith("; evidence e^5.00, line 100")


def test_a_mean_speaks_of_harm_in_its_own_figures() -> None:
    """Averages, with the evidence and the line."""
    mean = a_gate(metric="cost", template=replace(TEMPLATE, kind=GateKind.MEAN), limit=None)
    of = quiet(rollout(plan=a_plan(gates=(a_gate(), mean))))
    known = GateEvidence.start(of.spec.plan, mean).averages
    assert known is not None
    known = replace(known, total=Sums(10, 20.0, 5, 15.0))
    found = said(Verdict.FAIL)
    spoke = follows(of, judged=judgement(found, fired=found, log_e_harm=5.0), averages=known)[0]
    assert isinstance(spoke, ev.VerdictReached)
    assert spoke.detail == f"errors shows harm: {known.words}; evidence e^5.00, line 100"


# ---- the artefact


def serving(of: Rollout, artefact: str | None, up: bool = True) -> Seen:
    """The challenger's server says this digest."""
    return seen(of, slots=((Slot.B, SlotSeen(SlotHealth(up, "v42", "200", artefact=artefact), NOW_MS)),))


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.HELD, Phase.WATCHING, Phase.FINISHING])
def test_another_artefact_than_the_checked_one_goes_back(phase: Phase) -> None:
    """From every phase with traffic; what was not checked, is not said or comes from a dead server is no finding."""
    of = replace(quiet(rollout(phase)), phase=phase, artefact="sha256:1")
    why = "the challenger serves artefact sha256:2, and sha256:1 was checked before the start"
    back = (
        ev.RecedeStarted(ev.RecedeCause.HARM, why),
        ev.TrafficWanted(ZERO, ONE, ev.Basis(ev.BasisKind.HARM, why)),
    )
    assert follows(of, serving(of, "sha256:2")) == back
    for world in (serving(of, "sha256:1"), serving(of, None), serving(of, "sha256:2", up=False), seen(of, slots=())):
        assert not any(isinstance(event, ev.RecedeStarted) for event in follows(of, world))
    unchecked = replace(of, artefact="")
    assert not any(isinstance(event, ev.RecedeStarted) for event in follows(unchecked, serving(of, "sha256:2")))


def test_an_artefact_matters_only_while_somebody_is_served() -> None:
    """Not before the first stage, and a way back is not begun twice."""
    for of in (replace(BEGUN, artefact="sha256:1"), replace(AT_ZERO, artefact="sha256:1")):
        found = follows(of, serving(of, "sha256:2"))
        assert not any(isinstance(event, ev.RecedeStarted) for event in found)
    checking = replace(quiet(rollout()), phase=Phase.PREFLIGHT, artefact="sha256:1")
    assert follows(checking, serving(checking, "sha256:2")) == ()


# ---- probes


def test_no_way_back_is_begun_twice_by_probes() -> None:
    """What has begun just ends."""
    of = replace(AT_ZERO, spec=rollout(plan=preview()).spec)
    run = (("health", SmokeRun(0, 3, "500", NOW_MS)),)
    assert follows(of, seen(of, smokes=run)) == (ev.RolloutEnded(ev.Outcome.ROLLED_BACK, "harm"),)


# ---- ends, hours and times


def test_only_what_goes_back_ends_so() -> None:
    """A way back of once is over; one that waits for its zero goes on waiting."""
    stale = replace(AT_ZERO, phase=Phase.RUNNING, visits=(StageVisit(0, SINCE, Instant(NOW_MS, 0)),))
    assert follows(replace(stale, said=(("errors", "pass"),))) == ()
    assert follows(BACK, showing(BACK, ONE)) == ev_to_zero(BACK)
    raised = traffic(AT_ZERO, drift=Share(30))
    assert follows(raised, showing(raised, Share(30))) == ()
    other_base = RouteReading(Slot.B, Slot.A, FULL, None, "1")
    assert follows(AT_ZERO, seen(AT_ZERO, route=other_base)) == ()


def test_what_a_person_isolated_is_freed_before_the_end_and_after_blindness_it_is_not() -> None:
    """I4: the next rollout on the route begins with everybody; blindness only holds, and whoever is off stays off."""
    mine = Isolated("eu", ev.Basis(ev.BasisKind.PERSON, "x"), THE_DAEMON, SINCE)
    spec = replace(AT_ZERO.spec, plan=SPLIT)
    of = replace(AT_ZERO, spec=spec, isolated=(mine,), isolation=("eu",))
    route = RouteReading(Slot.A, None, ZERO, None, "1", isolated=("eu",))
    assert follows(of, seen(of, route=route)) == ()
    blind = replace(of, recede=Recede(ev.RecedeCause.BLINDNESS, "x", None, THE_DAEMON, SINCE))
    assert follows(blind, seen(blind, route=route))[0] == ev.RolloutHeld(ev.HoldCause.BLINDNESS, "x")


def test_what_is_held_before_its_first_stage_stays_there() -> None:
    """A pause is a pause, also where no share has been given yet."""
    held = replace(BEGUN, phase=Phase.HELD, hold=rollout(Phase.HELD).hold)
    assert follows(held) == ()


def test_the_checks_hold_only_when_every_gate_was_looked_at() -> None:
    """I8: one that this process has not read yet is enough to wait for."""
    pic = picture(BEGUN, seen(BEGUN, watching_from_ms=NOW_MS))
    known = pic.evidence["errors"]
    assert advance(BEGUN, pic, NOW_MS)[0] == ev.StageEntered(0)
    both = replace(pic, evidence={"errors": known, "slow": replace(known, metric="slow", fresh_at_ms=NOW_MS - 1)})
    both.__dict__["judgement"] = judgement()
    assert advance(BEGUN, both, NOW_MS) == ()


def test_a_stage_is_entered_with_its_copies() -> None:
    """Wanted before the router hears of it, on the same ground; a shadow asks for no share."""
    of = traffic(rollout(plan=shadowed(PAIRED), visits=()), wanted=ZERO, confirmed=ZERO)
    basis = ev.Basis(ev.BasisKind.VERDICT, "x")
    assert enter(of, 0, basis) == (ev.StageEntered(0), ev.MirrorWanted(FULL, ZERO, basis))


def test_nothing_begins_while_nobody_is_there() -> None:
    """And a stage is not given up for the night alone; what is undecided is, in it too."""
    night = Rules(unstaffed="until 8:00")
    assert follows(BEGUN, seen(BEGUN, rules=night)) == ()
    plan = a_plan()
    stages = tuple(replace(s, max_time_ms=40_000, on_undecided=OnUndecided.ASK) for s in plan.stages)
    of = rollout(plan=replace(plan, stages=stages), said=(("errors", "pass"),))
    assert follows(of, seen(of, rules=night)) == ()
    open_gate = judgement(said(Verdict.COLLECTING))
    assert isinstance(follows(of, seen(of, rules=night), open_gate)[0], ev.PersonAsked)


def test_a_stage_below_its_mirror_does_not_climb() -> None:
    """A mirror that somebody lowered is not the stage that was agreed."""
    of = replace(
        shadow(FULL, FULL), visits=(StageVisit(0, SINCE, SINCE),), said=(("errors", "pass"), ("paired", "pass"))
    )
    both = judgement(said(Verdict.PASS), said(Verdict.PASS, "paired"))
    first = follows(of, mirroring(of, FULL), both)
    assert first[0] == ev.StageEntered(1)
    less = replace(of, mirror=Mirror(HALF, SINCE, HALF, SINCE))
    assert follows(less, mirroring(less, HALF), both) == ()
