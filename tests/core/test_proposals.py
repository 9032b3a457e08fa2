"""Proposals as values: open until a person answers or they no longer stand; never a second time after an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutd.core import events as ev
from rolloutd.core.commands import Act, RefusalCode, Verb
from rolloutd.core.outside_events import ProposalClosed, VersionProposed
from rolloutd.core.proposals import (
    FIRST_REVISION,
    Asked,
    Closing,
    Proposals,
    answered,
    decide_accept,
    fold_proposals,
    is_new,
    no_rollout,
    overtaken,
)
from rolloutd.core.values import Instant
from tests.core.playbook import OPERATOR

V43 = VersionProposed("ranker-v43", "models", "ranker", "ranker", "v41", "v43", "standard", "enough traffic", "2h")
V44 = replace(V43, name="ranker-v44", challenger="v44")
STANDS = Asked("ranker", "ranker-v43", "v41", "v43")


def after(*events: ev.Event) -> Proposals:
    """The proposals after these events of the fleet's stream."""
    rows = [
        ev.Recorded(0, ev.FLEET_STREAM, number, Instant(number, number), OPERATOR, 1, event)
        for number, event in enumerate(events, start=1)
    ]
    return fold_proposals(Proposals(), rows)


def nobody(_name: str) -> bool:
    """There is no rollout."""
    return False


def test_an_open_one_has_the_number_that_an_approval_names() -> None:
    """A hold in between is nobody's concern."""
    found = after(ev.FleetHeld("sale"), V43).find("ranker-v43")
    assert found is not None
    assert (found.revision, found.says) == (FIRST_REVISION + 2, V43)
    assert decide_accept(found, Act(Verb.APPROVE, OPERATOR, FIRST_REVISION + 2)) is None
    stale = decide_accept(found, Act(Verb.APPROVE, OPERATOR, 1))
    assert stale is not None
    assert (stale.code, f"revision {FIRST_REVISION + 2}" in stale.message) == (RefusalCode.CONFLICT, True)
    assert "not started; there is nothing to promote" in no_rollout(found, "promote").message


@pytest.mark.parametrize("closing", list(Closing))
def test_what_a_person_answered_is_not_proposed_again(closing: Closing) -> None:
    """What was merely outdated is, when it asks anew."""
    found = after(V43, ProposalClosed("ranker-v43", closing, "x"))
    assert found.open == ()
    assert is_new(found, "ranker-v43", "v43", nobody) is (closing is Closing.OUTDATED)
    assert is_new(found, "ranker-v43", "V43", nobody), "another version, whose name is made the same"


def test_an_answer_has_its_reason_or_says_that_there_is_none() -> None:
    """I4: who is in the envelope, why in the event."""
    proposal = after(V43).open[0]
    assert answered(proposal, Closing.DECLINED, OPERATOR, "not this week").reason == "not this week"
    assert "gave no reason" in answered(proposal, Closing.DECLINED, OPERATOR, "").reason


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (STANDS, ""),
        (Asked("other"), ""),
        (replace(STANDS, name="ranker-v44"), "ranker-v44 is newer and asks too"),
        (replace(STANDS, version="V43"), "version V43 asks instead, under the same name"),
        (replace(STANDS, name=""), "no longer the newest version that asks"),
        (replace(STANDS, champion="v42"), "champion is v42 now, not v41"),
        (replace(STANDS, champion=""), "champion is nobody now, not v41"),
    ],
)
def test_one_that_no_longer_stands_is_closed_with_why(asked: Asked, why: str) -> None:
    """Of its own route alone, and while it stands nothing happens."""
    closed = overtaken(after(V43), asked, nobody)
    assert len(closed) == bool(why)
    assert all(one.outcome == Closing.OUTDATED and why in one.reason for one in closed)


def test_one_whose_rollout_is_there_was_accepted() -> None:
    """A daemon that died between the start and the note of it says so at the next look."""
    (closed,) = overtaken(after(V43), STANDS, lambda name: name == "ranker-v43")
    assert closed.outcome == Closing.ACCEPTED
    assert not is_new(after(), "ranker-v43", "v43", lambda name: name == "ranker-v43")


def test_two_routes_keep_theirs_in_order() -> None:
    """The oldest first; a second word on one name replaces the first."""
    other = replace(V44, route="ranker-eu")
    assert [one.name for one in after(V43, other).open] == ["ranker-v43", "ranker-v44"]
    assert [one.revision - FIRST_REVISION for one in after(V43, other, V43).open] == [2, 3]
