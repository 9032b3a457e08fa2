"""What follows from a picture, one matter at a time: each rule at its border, and which of two goes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.observed import SmokeRun
from rolloutd.core.phases import Phase
from rolloutd.core.plan import OnFail
from rolloutd.core.ratio import Window
from rolloutd.core.state import StageVisit
from rolloutd.core.stats.increment import Increment
from rolloutd.core.suspicion import Outside, SplitVerdict
from rolloutd.core.values import ZERO, Instant, Share, Slot
from rolloutd.core.verdict import Judgement, Verdict
from tests.core.pictures import (
    BACK,
    NOW_MS,
    ONE,
    REST,
    SINCE,
    TEN,
    ev_to_zero,
    follows,
    judgement,
    preview,
    quiet,
    rollout,
    said,
    seen,
    showing,
    traffic,
)
from tests.core.playbook import a_gate


def test_nothing_follows_where_nothing_is_due() -> None:
    """In rest, after an end, and before the checks named the champion's slot."""
    assert follows(REST) == ()
    slept = seen(REST, overslept_ms=70_000)
    assert follows(replace(REST, phase=Phase.DONE), slept) == ()
    assert follows(replace(REST, champion_slot=None), slept) == ()


def test_a_long_sleep_is_a_doubt_before_everything() -> None:
    """I8: also before harm."""
    slept = seen(REST, overslept_ms=70_000)
    fired = said(Verdict.FAIL)
    assert follows(REST, slept, judgement(fired, fired=fired)) == (ev.WindowRestarted("nobody looked for 1m10s"),)


# ---- the route


def test_the_wanted_share_on_the_router_is_confirmed_with_its_time() -> None:
    """And how long it took; zero when the clock knows nothing of the wish."""
    wish = traffic(REST, confirmed=ZERO, wanted_at=Instant(NOW_MS - 40, 0))
    assert follows(wish) == (ev.TrafficConfirmed(ONE, "1", 40),)
    assert follows(traffic(wish, wanted_at=None)) == (ev.TrafficConfirmed(ONE, "1", 0),)
    assert follows(traffic(wish, wanted_at=Instant(NOW_MS + 5, 0))) == (ev.TrafficConfirmed(ONE, "1", 0),)


def test_without_a_reading_and_while_finishing_the_route_says_nothing() -> None:
    """What was not seen is not judged."""
    wish = traffic(REST, confirmed=ZERO)
    assert follows(wish, seen(wish, route=None)) == ()
    finishing = traffic(rollout(Phase.FINISHING), confirmed=ZERO)
    assert follows(finishing) == ()


def test_a_restarted_router_is_recorded_with_a_fresh_look() -> None:
    """One that forgot, and one that kept its share; zero kept is nothing to speak of (I8)."""
    forgot = follows(REST, showing(REST, ZERO, "2"))
    fresh = ev.WindowRestarted("the router restarted")
    assert forgot == (ev.RouterRestarted(ZERO, "2"), fresh)
    assert follows(REST, showing(REST, ONE, "2")) == (ev.RouterRestarted(ONE, "2"), fresh)
    unknown = traffic(REST, engine_instance="")
    assert follows(unknown, showing(REST, ONE, "2")) == ()
    nothing = traffic(REST, wanted=ZERO, confirmed=ZERO)
    assert follows(nothing, showing(nothing, ZERO, "2")) == ()


def test_a_lapse_is_held_and_kept_low() -> None:
    """I8: the lease ran out; what the router shows stays until a person resumes."""
    world = showing(REST, ZERO, leases=True, lease_ms=1_000, renewed_at_ms=NOW_MS - 1_000)
    why = "the lease ran out while nobody renewed it; the router gave the traffic back to the champion"
    assert follows(REST, world) == (
        ev.LeaseLapsed(ONE, ZERO), ev.RolloutHeld(ev.HoldCause.LAPSE, why), ev.WindowRestarted(why),
    )  # fmt: skip


def test_a_hand_that_lowered_is_held_and_kept() -> None:
    """I8: unless the rollout goes back, which just goes on."""
    why = "somebody lowered the share to 0.5% outside of rolloutd; it is kept"
    assert follows(REST, showing(REST, Share(50))) == (
        ev.DriftSeen(ONE, Share(50)), ev.RolloutHeld(ev.HoldCause.DRIFT, why), ev.WindowRestarted(why),
    )  # fmt: skip
    assert follows(BACK, showing(BACK, Share(50))) == (ev.DriftSeen(ONE, Share(50)),)


def test_a_hand_that_raised_is_said_once_for_each_share() -> None:
    """It is put back by the hands; the record says it, and that a fresh look is due."""
    doubt = ev.WindowRestarted("somebody raised the share by hand")
    assert follows(REST, showing(REST, Share(300))) == (ev.DriftSeen(ONE, Share(300)), doubt)
    noted = traffic(REST, drift=Share(300))
    assert follows(noted, showing(noted, Share(300))) == ()
    assert follows(noted, showing(noted, Share(400))) == (ev.DriftSeen(ONE, Share(400)), doubt)


def test_what_was_put_back_is_confirmed_again() -> None:
    """After drift, and after a wish that was given up; in plain agreement nothing is said."""
    assert follows(traffic(REST, drift=Share(300))) == (ev.TrafficConfirmed(ONE, "1"),)
    assert follows(traffic(REST, asked=TEN)) == (ev.TrafficConfirmed(ONE, "1"),)


def test_a_preview_begins_by_being_seen_at_zero() -> None:
    """Once."""
    of = rollout(plan=preview(), visits=(StageVisit(0, SINCE),))
    assert follows(of) == (ev.TrafficConfirmed(ZERO, "1"),)
    assert follows(quiet(rollout(plan=preview()))) == ()


def test_while_the_base_is_still_the_challengers_a_way_back_waits() -> None:
    """The champion's base comes first; until then the share on the router is no finding."""
    assert follows(BACK, showing(BACK, Share(300), base=Slot.B)) == ev_to_zero(BACK)


# ---- obedience


def test_more_than_two_ticks_of_asking_in_vain_are_said_once() -> None:
    """I6: at two ticks nothing yet."""
    wish = traffic(REST, confirmed=ZERO, wanted=ONE)
    world = showing(wish, ZERO, differs_since_ms=NOW_MS - 2_000)
    assert follows(wish, world) == ()
    later = replace(world, differs_since_ms=NOW_MS - 2_001)
    assert follows(wish, later) == (ev.TrafficNotObeyed(ONE, ZERO, "asked 1%, the router shows 0%"),)
    refused = replace(later, route_error="refused")
    assert follows(wish, refused) == (ev.TrafficNotObeyed(ONE, ZERO, "refused"),)
    assert follows(traffic(wish, not_obeyed=True), later) == ()


# ---- harm


def fired(on_fail: OnFail = OnFail.ROLLBACK, **changes: object) -> Judgement:
    """A judgement in which one gate fired."""
    gate = said(Verdict.FAIL, gate=a_gate(on_fail=on_fail))
    return judgement(gate, fired=gate, log_e_harm=5.0, **changes)


SUMS = Increment(1_000, 10, 100, 9)
HARM = "errors shows harm: challenger 9 of 100, champion 10 of 1000; evidence e^5.00, line 100"
SPOKE = ev.VerdictReached("errors", "fail", 1.0, 2.0, HARM)


def test_harm_goes_back_at_once() -> None:
    """With the figures in the record; already at zero there is nothing to ask for."""
    assert follows(REST, judged=fired(), total_sum=SUMS) == (
        SPOKE,
        ev.RecedeStarted(ev.RecedeCause.HARM, HARM, "errors"),
        ev.TrafficWanted(ZERO, ONE, ev.Basis(ev.BasisKind.HARM, HARM)),
    )
    low = traffic(REST, wanted=ZERO, confirmed=ZERO)
    assert follows(low, judged=fired(), total_sum=SUMS) == (
        SPOKE,
        ev.RecedeStarted(ev.RecedeCause.HARM, HARM, "errors"),
    )


@pytest.mark.parametrize("phase", [Phase.HELD, Phase.ASKING, Phase.WATCHING, Phase.FINISHING])
def test_harm_goes_back_from_every_phase_with_traffic(phase: Phase) -> None:
    """A pause disarms nothing."""
    of = replace(quiet(rollout(phase)), phase=phase)
    assert any(isinstance(event, ev.RecedeStarted) for event in follows(of, judged=fired(), total_sum=SUMS))


def test_harm_says_nothing_where_nobody_was_served_or_the_way_back_has_begun() -> None:
    """Before any stage there is no traffic to take back; a way back is not begun twice."""
    begun = traffic(rollout(visits=()), wanted=ZERO, confirmed=ZERO)
    assert not any(isinstance(event, ev.RecedeStarted) for event in follows(begun, judged=fired(), total_sum=SUMS))
    assert not any(isinstance(event, ev.RecedeStarted) for event in follows(BACK, judged=fired(), total_sum=SUMS))
    checks = replace(REST, phase=Phase.PREFLIGHT)
    assert not any(isinstance(event, ev.RecedeStarted) for event in follows(checks, judged=fired(), total_sum=SUMS))


def test_a_gate_that_only_holds_holds_once() -> None:
    """Until a person passes it by on this stage; where nothing can be held nothing is said."""
    held = follows(REST, judged=fired(OnFail.HOLD), total_sum=SUMS)
    assert held == (SPOKE, ev.RolloutHeld(ev.HoldCause.GATE, HARM))
    taken_up = replace(REST, said=(("errors", "fail"),))
    assert follows(taken_up, judged=fired(OnFail.HOLD), total_sum=SUMS) == ()
    assert follows(rollout(Phase.FINISHING), judged=fired(OnFail.HOLD), total_sum=SUMS) == ()


def test_both_over_the_limit_holds_and_blames_nobody() -> None:
    """Once; with or without a gate that fired."""
    why = "errors: champion and challenger are both over the limit; this is not the challenger's doing alone"
    alone = follows(REST, judged=judgement(both_over_limit="errors"))
    assert alone == (ev.VerdictReached("errors", "fail", 0.0, 0.0, why), ev.RolloutHeld(ev.HoldCause.CHAMPION, why))
    beside = follows(REST, judged=fired(both_over_limit="errors"), total_sum=SUMS)
    assert beside == (ev.VerdictReached("errors", "fail", 1.0, 2.0, why), ev.RolloutHeld(ev.HoldCause.CHAMPION, why))
    taken_up = replace(REST, said=(("errors", "fail"),))
    collecting = judgement(said(Verdict.COLLECTING), both_over_limit="errors")
    assert follows(taken_up, judged=collecting) == ()
    assert follows(rollout(Phase.FINISHING), judged=judgement(both_over_limit="errors")) == ()
    worse = follows(taken_up, judged=fired(both_over_limit="errors"), total_sum=SUMS)
    assert any(isinstance(event, ev.RecedeStarted) for event in worse)


# ---- the preview's smoke probes


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.HELD])
def test_wrong_smoke_ends_a_preview(phase: Phase) -> None:
    """Three wrong answers one after the other; nobody was served by it."""
    of = quiet(rollout(phase, plan=preview()))
    wrong = seen(of, smokes=(("health", SmokeRun(0, 3, "500", NOW_MS)),))
    why = "smoke probe health was wrong 3 times one after the other: 500"
    assert follows(of, wrong) == (ev.RecedeStarted(ev.RecedeCause.HARM, why),)
    two = seen(of, smokes=(("health", SmokeRun(0, 2, "500", NOW_MS)),))
    assert follows(of, two) == ()
    going = traffic(replace(of, phase=Phase.RECEDING, recede=BACK.recede), confirmed=ONE)
    assert not any(isinstance(event, ev.RecedeStarted) for event in follows(going, wrong))


# ---- suspicion


OUTSIDE = Outside("errors", 0.01, 0.2, both=True)
STRAYS = SplitVerdict("errors", ONE, Window(), 0.2, 0.01, 0.02, 1.0, strays=True)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ASKING, Phase.WATCHING])
def test_an_outside_incident_and_a_stray_split_hold(phase: Phase) -> None:
    """The champion first; a split only while the share is settled."""
    of = quiet(rollout(phase))
    held = (ev.RolloutHeld(ev.HoldCause.CHAMPION, OUTSIDE.sentence),)
    assert follows(of, judged=judgement(outside=OUTSIDE)) == held
    assert follows(of, judged=judgement(outside=OUTSIDE, split=STRAYS)) == held
    assert follows(of, judged=judgement(split=STRAYS)) == (ev.RolloutHeld(ev.HoldCause.RATIO, STRAYS.sentence),)
    assert follows(of, judged=judgement(split=replace(STRAYS, strays=False))) == ()
    wish = traffic(of, confirmed=Share(50), engine_instance="1")
    assert follows(wish, showing(wish, Share(50)), judgement(split=STRAYS)) == ()


@pytest.mark.parametrize("phase", [Phase.HELD, Phase.FINISHING, Phase.RECEDING])
def test_suspicion_holds_nothing_that_is_held_or_on_its_way(phase: Phase) -> None:
    """No hold on a hold, none on a way back."""
    of = replace(REST, phase=phase, recede=BACK.recede if phase is Phase.RECEDING else None)
    found = follows(of, judged=judgement(outside=OUTSIDE, split=STRAYS))
    assert not any(isinstance(event, ev.RolloutHeld) for event in found)
    unvisited = traffic(rollout(visits=()), wanted=ZERO, confirmed=ZERO)
    assert not any(isinstance(e, ev.RolloutHeld) for e in follows(unvisited, judged=judgement(outside=OUTSIDE)))


# ---- speech


def test_a_pass_is_said_once_a_stage() -> None:
    """Only a pass, only when it was not the last word, only once the share stands."""
    silent = replace(REST, said=())
    spoke = (ev.VerdictReached("errors", "pass", 1.0, 2.0, "errors is shown to stay within its margin"),)
    assert follows(silent) == spoke
    assert follows(replace(REST, said=(("errors", "fail"),))) == spoke
    assert follows(replace(silent, phase=Phase.WATCHING)) == spoke
    assert follows(REST) == ()
    assert follows(silent, judged=judgement(said(Verdict.COLLECTING))) == ()
    assert follows(replace(silent, phase=Phase.HELD, hold=rollout(Phase.HELD).hold)) == ()
    assert follows(replace(silent, visits=(StageVisit(0, SINCE),))) == ()
    second = follows(
        replace(REST, said=(("a", "pass"),)), judged=judgement(said(Verdict.PASS, "a"), said(Verdict.PASS, "b"))
    )
    assert second == (ev.VerdictReached("b", "pass", 1.0, 2.0, "b is shown to stay within its margin"),)


# ---- blindness


def blind(for_ms: int, metric: str = "errors") -> Judgement:
    """A gate that has seen nothing for so long."""
    return judgement(said(Verdict.BLIND, metric, blind_for_ms=for_ms))


def test_blindness_is_recorded_after_a_tick_and_goes_back_after_twenty() -> None:
    """I7: both at their borders."""
    assert follows(REST, judged=blind(999)) == ()
    assert follows(REST, judged=blind(1_000)) == (ev.BlindnessBegan("errors", "timeout", "no answer"),)
    known = replace(REST, blind=(("errors", "no answer"),))
    assert follows(known, judged=blind(19_999)) == ()
    why = "errors had no usable data for 20s: no answer"
    assert follows(known, judged=blind(20_000)) == (
        ev.RecedeStarted(ev.RecedeCause.BLINDNESS, why, "errors"),
        ev.TrafficWanted(ZERO, ONE, ev.Basis(ev.BasisKind.BLINDNESS, why)),
    )


def test_sight_that_comes_back_is_recorded() -> None:
    """The gate's own, another's goes on; and what it had shown before is no pass: a fresh look begins (I3, I8)."""
    known = replace(REST, blind=(("errors", "no answer"),))
    assert follows(known) == (ev.BlindnessEnded("errors"), ev.WindowRestarted("errors had no usable data"))
    assert follows(known, judged=blind(1_500)) == ()
    two = replace(REST, blind=(("a", "x"), ("errors", "x")))
    seen_again = (ev.BlindnessEnded("a"), ev.WindowRestarted("a had no usable data"))
    assert follows(two, judged=blind(1_500)) == seen_again


def test_blindness_matters_while_there_is_traffic() -> None:
    """Not at zero, not on the way back, not while the base moves."""
    low = quiet(traffic(rollout(), wanted=ZERO, confirmed=ZERO))
    assert follows(low, judged=blind(50_000)) == ()
    assert follows(rollout(Phase.FINISHING), judged=blind(50_000)) == ()
    assert follows(BACK, judged=blind(50_000)) == ev_to_zero(BACK)
