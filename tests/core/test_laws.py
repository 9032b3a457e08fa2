"""The three laws above the phase table, case by case: what may never be recorded, whatever the table says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, check_laws
from rolloutd.core.phases import Phase
from rolloutd.core.state import Rollout
from rolloutd.core.values import ZERO, Share
from tests.core.test_fold import HARM, PERSON, RICH, VERDICT, after, in_phase, traffic


def lawful(event: ev.Event, before: Rollout) -> bool:
    """Whether the laws let this event pass."""
    try:
        check_laws(before, event)
    except LawBroken:
        return False
    return True


def test_a_share_grows_only_from_what_was_wanted_on_good_grounds_and_within_the_stage() -> None:
    """The second law, case by case (I1, I3)."""
    low = replace(RICH, traffic=traffic(wanted=Share(40), confirmed=Share(40)))
    for basis in (VERDICT, PERSON):
        assert lawful(ev.TrafficWanted(Share(100), Share(40), basis), low)
        assert not lawful(ev.TrafficWanted(Share(101), Share(40), basis), low)
        assert not lawful(ev.TrafficWanted(Share(100), Share(41), basis), low)
        assert not lawful(ev.TrafficWanted(Share(100), Share(40), basis), replace(low, phase=Phase.RECEDING))
    for kind in set(ev.BasisKind) - {ev.BasisKind.VERDICT, ev.BasisKind.PERSON}:
        basis = ev.Basis(kind, "x")
        assert not lawful(ev.TrafficWanted(Share(100), Share(40), basis), low)
        assert lawful(ev.TrafficWanted(Share(40), Share(40), basis), low)
        assert lawful(ev.TrafficWanted(ZERO, Share(40), basis), replace(low, phase=Phase.RECEDING))


def test_more_than_the_stage_may_stay_wanted_while_it_falls() -> None:
    """A law about growing: a stage whose share is lower than what stands on the router may be asked for less."""
    high = replace(RICH, traffic=traffic(wanted=Share(5_000), confirmed=Share(5_000)))
    assert lawful(ev.TrafficWanted(Share(3_000), Share(5_000), HARM), high)


def test_only_a_person_takes_back_what_is_done() -> None:
    """An ended rollout goes back by rollback alone, a live one by any cause (I2)."""
    done = in_phase(Phase.DONE)
    for cause in ev.RecedeCause:
        assert lawful(ev.RecedeStarted(cause, "x"), RICH)
        assert lawful(ev.RecedeStarted(cause, "x"), done) is (cause is ev.RecedeCause.ROLLBACK)


def test_a_confirmation_is_of_what_is_wanted() -> None:
    """The third law (I1)."""
    assert lawful(ev.TrafficConfirmed(Share(100), "e"), RICH)
    assert not lawful(ev.TrafficConfirmed(Share(99), "e"), RICH)
    assert not lawful(ev.TrafficConfirmed(Share(101), "e"), RICH)


def test_no_end_while_traffic_stands_where_it_must_not() -> None:
    """Done needs the challenger as base, every other end needs zero on the router."""
    for outcome in ev.Outcome:
        done = outcome is ev.Outcome.DONE
        assert not lawful(ev.RolloutEnded(outcome, "x"), RICH)
        assert lawful(ev.RolloutEnded(outcome, "x"), replace(RICH, traffic=traffic(confirmed=ZERO))) is not done
        assert lawful(ev.RolloutEnded(outcome, "x"), replace(RICH, base_moved=True)) is done


def test_evolving_checks_the_laws() -> None:
    """What a law forbids is never folded, whatever the table says."""
    with pytest.raises(LawBroken, match="The share before was 1%, not 2%"):
        after(ev.TrafficWanted(ZERO, Share(200), HARM))
