"""The phase table: a row for every phase, a place for every event, and the three laws above it."""

from __future__ import annotations

import pytest

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, check_laws, evolve
from rolloutd.core.phases import ENDS, JOINT, LIVE, TABLE, IllegalEvent, Phase, columns, diagram
from rolloutd.core.values import FULL, THE_DAEMON, ZERO, Instant, Share
from tests.core.playbook import Playbook


def test_every_phase_has_a_row_and_every_cell_is_an_event_that_exists() -> None:
    """Nothing is legal by being forgotten: each phase has its row, each column is a real event."""
    assert set(TABLE) == set(Phase)
    known = set(columns())
    assert all(set(row) <= known for row in TABLE.values())


def test_every_event_has_a_place_somewhere() -> None:
    """An event that no phase allows could never be recorded; RolloutRequested begins a stream and has no column."""
    placed = {event for row in TABLE.values() for event in row}
    assert set(columns()) == placed


@pytest.mark.parametrize("phase", sorted(LIVE))
def test_abort_is_legal_in_every_live_phase(phase: Phase) -> None:
    """The first law: going back can begin in any live phase."""
    assert TABLE[phase]["RecedeStarted"] is Phase.RECEDING


@pytest.mark.parametrize("phase", sorted(ENDS))
def test_an_end_is_an_end_for_all_but_a_person(phase: Phase) -> None:
    """Two events lead out of an end, both a person's: reopening what was aborted, rolling back what is done."""
    out = {event: target for event, target in TABLE[phase].items() if target is not phase}
    reopen, rollback = {"RolloutReopened": Phase.PREFLIGHT}, {"RecedeStarted": Phase.RECEDING}
    assert out == {Phase.ABORTED: reopen, Phase.DONE: rollback}.get(phase, {})


def test_joint_conditions_start_in_live_phases() -> None:
    """Joint moves never revive an ended rollout."""
    assert all(phase in LIVE and target in LIVE for (phase, _), target in JOINT.items())


def test_the_diagram_names_every_phase() -> None:
    """The manual's picture is made from the table."""
    assert all(phase.value in diagram() for phase in Phase)


def _try(book: Playbook, event: ev.Event) -> None:
    row = ev.Recorded(0, book.spec.name, book.rollout_version + 1, book.now, THE_DAEMON, 1, event)
    evolve(book.lane.rollout, row)


def test_an_illegal_event_is_refused_and_changes_nothing() -> None:
    """A missing cell raises with phase and event, and the state is as before."""
    book = Playbook().run(3)
    before = book.lane.rollout
    with pytest.raises(IllegalEvent, match=r"PreflightPassed.*running"):
        _try(book, ev.PreflightPassed(before.champion_slot or next(iter(())), "1"))
    assert book.lane.rollout is before


@pytest.mark.parametrize("kind", [k for k in ev.BasisKind if k not in (ev.BasisKind.VERDICT, ev.BasisKind.PERSON)])
def test_exposure_grows_only_on_a_verdict_or_a_person(kind: ev.BasisKind) -> None:
    """The second law: no other ground raises a share."""
    book = Playbook().run(3)
    more = ev.TrafficWanted(Share(100), Share(50), ev.Basis(kind, "because"))
    lower = book.lane.rollout.traffic.wanted
    with pytest.raises(LawBroken):
        check_laws(book.lane.rollout, ev.TrafficWanted(FULL, lower, ev.Basis(kind, "because")))
    with pytest.raises(LawBroken):
        check_laws(book.lane.rollout, more)


def test_a_share_above_the_stage_is_refused_even_for_a_person() -> None:
    """Nobody wants more than the present stage allows; going up means entering the next one."""
    book = Playbook().run(3)
    basis = ev.Basis(ev.BasisKind.PERSON, "because")
    with pytest.raises(LawBroken, match="allows"):
        check_laws(book.lane.rollout, ev.TrafficWanted(FULL, book.lane.rollout.traffic.wanted, basis))


def test_only_the_wanted_share_is_a_confirmation() -> None:
    """The third law: what the router shows is confirmed only when it is what was wanted."""
    book = Playbook().run(3)
    with pytest.raises(LawBroken, match="no confirmation"):
        check_laws(book.lane.rollout, ev.TrafficConfirmed(Share(777), "1"))


def test_a_rollout_cannot_end_with_traffic_on_the_challenger() -> None:
    """Aborted and rolled back mean that the router showed zero."""
    book = Playbook().run(3)
    with pytest.raises(LawBroken, match="cannot end"):
        check_laws(book.lane.rollout, ev.RolloutEnded(ev.Outcome.ABORTED, "x"))
    assert book.lane.rollout.traffic.confirmed > ZERO


def test_a_stream_begins_with_its_request() -> None:
    """A journal whose first event is something else is not acted on."""
    row = ev.Recorded(1, "x", 1, Instant(0, 0), THE_DAEMON, 1, ev.StageEntered(0))
    with pytest.raises(LawBroken, match="begins"):
        evolve(None, row)
