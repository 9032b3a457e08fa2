"""The phase table: a row for every phase, a place for every event, and the three laws above it."""

from __future__ import annotations

import pytest

from rolloutd.core import events as ev
from rolloutd.core.fold import LawBroken, check_laws, evolve
from rolloutd.core.phases import (
    ENDS,
    JOINT,
    LIVE,
    TABLE,
    IllegalEvent,
    Phase,
    columns,
    diagram,
    key_of,
    settle,
    step,
)
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


FACTS = (
    *("TrafficWanted", "TrafficConfirmed", "TrafficNotObeyed", "VerdictReached", "BlindnessBegan", "BlindnessEnded"),
    *("DriftSeen", "LeaseLapsed", "RouterRestarted", "WindowRestarted", "EvidenceSealed", "GateOverridden"),
    *("OverrideProposed", "RolloutClaimed", "CommandRefused", "BaseConfirmed", "MirrorWanted", "MirrorConfirmed"),
    *("SegmentIsolated", "SegmentPutBack", "IsolationConfirmed"),
)
MOVES = """
    preflight: PreflightPassed>running PreflightFailed>preflight RolloutHeld>held RecedeStarted>receding
    preflight: RolloutEnded_refused>refused CheckFinished>preflight
    running: StageEntered>running StageApproved>running StageExtended>running RolloutHeld>held PersonAsked>asking
    running: RecedeStarted>receding PlanAdopted>running
    held: RolloutHeld>held RolloutResumed>running StageEntered>held RecedeStarted>receding PlanAdopted>held
    asking: StageApproved>running StageExtended>running StageEntered>running RolloutHeld>held RecedeStarted>receding
    asking: PlanAdopted>running
    watching: StageApproved>watching StageExtended>watching FinishStarted>finishing RolloutHeld>held PersonAsked>asking
    watching: RecedeStarted>receding PlanAdopted>watching
    finishing: RecedeStarted>receding RolloutEnded_done>done
    receding: RecedeStarted>receding RolloutHeld>held RolloutEnded_aborted>aborted RolloutEnded_rolled_back>rolled_back
    done: RolloutClaimed>done CommandRefused>done RegistryTold>done RecedeStarted>receding
    aborted: RolloutClaimed>aborted CommandRefused>aborted RegistryTold>aborted RolloutReopened>preflight
    rolled_back: RolloutClaimed>rolled_back CommandRefused>rolled_back RegistryTold>rolled_back
    refused: RolloutClaimed>refused CommandRefused>refused RegistryTold>refused
"""


def _expected() -> dict[Phase, dict[str, Phase]]:
    live = ("preflight", "running", "held", "asking", "watching", "finishing", "receding")
    table = {phase: dict.fromkeys(FACTS, phase) if phase.value in live else {} for phase in Phase}
    for line in MOVES.strip().splitlines():
        phase, _, moves = line.strip().partition(": ")
        for move in moves.split():
            event, _, target = move.partition(">")
            table[Phase(phase)][event] = Phase(target)
    return table


def test_the_table_is_the_one_that_was_agreed() -> None:
    """Every cell, by name: whoever changes what may follow what changes it here too, on purpose (I1, I2)."""
    expected = _expected()
    for phase in Phase:
        assert TABLE[phase] == expected[phase], phase
    assert {
        (Phase.RUNNING, "preflight_missing"): Phase.PREFLIGHT,
        (Phase.RUNNING, "last_share_confirmed"): Phase.WATCHING,
    } == JOINT
    assert {Phase.DONE, Phase.ABORTED, Phase.ROLLED_BACK, Phase.REFUSED} == ENDS
    assert set(Phase) - ENDS == LIVE


def test_the_words_of_phases_are_those_on_disk_and_wire() -> None:
    """A journal of last year is read by these words."""
    words = "preflight running held asking watching finishing receding done aborted rolled_back refused"
    assert [phase.value for phase in Phase] == words.split()


def test_an_end_has_a_column_for_each_outcome() -> None:
    """Aborted is not done: what may end how is a cell of its own."""
    for outcome in ev.Outcome:
        assert key_of(ev.RolloutEnded(outcome, "x")) == f"RolloutEnded_{outcome.value}"
    assert key_of(ev.StageEntered(0)) == "StageEntered"
    assert {f"RolloutEnded_{outcome.value}" for outcome in ev.Outcome} <= set(columns())
    assert not {"RolloutEnded", "RolloutRequested", *ev.FLEET_EVENTS} & set(columns())


def test_a_step_follows_its_cell_and_an_empty_cell_says_what_and_where() -> None:
    """The error carries phase and event for whoever reads the log."""
    assert step(Phase.WATCHING, ev.FinishStarted(ev.Basis(ev.BasisKind.PERSON, "x"))) is Phase.FINISHING
    with pytest.raises(IllegalEvent) as refused:
        step(Phase.DONE, ev.RolloutEnded(ev.Outcome.DONE, "again"))
    assert (refused.value.phase, refused.value.event_name) == (Phase.DONE, "RolloutEnded_done")
    assert str(refused.value) == "RolloutEnded_done cannot happen while a rollout is done."
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_joint_conditions_are_followed_to_their_end() -> None:
    """No condition, no move; one that does not hold here moves nothing; what holds moves at once."""
    assert settle(Phase.RUNNING, frozenset()) is Phase.RUNNING
    assert settle(Phase.HELD, frozenset({"last_share_confirmed"})) is Phase.HELD
    assert settle(Phase.RUNNING, frozenset({"last_share_confirmed", "another"})) is Phase.WATCHING
    assert settle(Phase.RUNNING, frozenset({"preflight_missing"})) is Phase.PREFLIGHT


def test_the_diagram_is_the_table() -> None:
    """Each move that leads elsewhere is one arrow, each end has its own, and what stays put has none."""
    drawn = diagram().splitlines()
    assert drawn[:2] == ["stateDiagram-v2", "    [*] --> preflight: RolloutRequested"]
    arrows = [
        f"    {phase} --> {target}: {event}"
        for phase, row in _expected().items()
        for event, target in row.items()
        if target is not phase
    ]
    joint = ["    running --> preflight: [preflight_missing]", "    running --> watching: [last_share_confirmed]"]
    ends = [f"    {phase} --> [*]" for phase in ("done", "aborted", "rolled_back", "refused")]
    assert sorted(drawn[2:]) == sorted([*arrows, *joint, *ends])
