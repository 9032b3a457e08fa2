"""What each action key leads to, as a table: sent at once, asked, or refused in words."""

from __future__ import annotations

import pytest

from rollout_tui.actions import NeedsStatus, Say, lead
from rollout_tui.strip import Send, Step, Strip
from rolloutd.verbs import BY_NAME
from rolloutd.wire import Status
from tests.tui import worlds
from tests.tui.test_pages import facts

YES, WHY, OVERRIDE = (Step.YES,), (Step.REASON, Step.YES), (Step.NAME, Step.REASON, Step.YES)


def led(
    verb: str, status: Status | None, role: str = "operator", now_s: float = 101.0, *, in_fleet: bool = False
) -> object:
    """What ``verb``'s key does on the ranker."""
    known = facts(status or worlds.status(), role=role)
    return lead(BY_NAME[verb], known, "ranker", in_fleet=in_fleet, status=status, now_s=now_s)


@pytest.mark.parametrize(
    ("status", "role", "steps"),
    [
        (worlds.ready(), "operator", YES),
        (worlds.ready([worlds.CTR, worlds.ERRORS]), "operator", WHY),
        (worlds.ready([worlds.CTR, worlds.ERRORS]), "admin", WHY),
        (worlds.ready([worlds.FAIL]), "operator", ()),
        (worlds.ready([worlds.FAIL]), "admin", OVERRIDE),
        (worlds.ready([worlds.BLIND]), "operator", ()),
        (worlds.ready([worlds.BLIND]), "admin", OVERRIDE),
        (worlds.status("collecting", [worlds.CTR]), "operator", ()),  # minimum time is not over
        (worlds.status("collecting", [worlds.CTR]), "admin", OVERRIDE),
        (worlds.ready([worlds.gate("ctr", "overridden", 0.1, 0.2)]), "operator", YES),
        (worlds.ready([worlds.gate("ctr", "not-checked", 0.0, 0.0)]), "operator", WHY),
    ],
)
def test_the_confirmation_grows_with_what_speaks_against_it(status: Status, role: str, steps: tuple[Step, ...]) -> None:
    """Promotion asks ``y``, ``y`` with a reason, or an admin's override; the revision is always the screen's."""
    strip = led("promote", status, role)
    assert isinstance(strip, Strip)
    assert strip.steps == steps
    assert strip.revision == 317
    assert strip.override == (steps == OVERRIDE)


@pytest.mark.parametrize("verb", ["promote", "resume"])
def test_a_viewer_is_told_who_may(verb: str) -> None:
    """What raises needs its role; the sentence has the command for somebody who has it."""
    said = led(verb, worlds.ready(), "viewer")
    assert isinstance(said, Say)
    assert f"rollout {verb} ranker" in said.text


@pytest.mark.parametrize("role", ["nobody", "viewer", "operator", "admin", "unheard-of"])
@pytest.mark.parametrize("verb", ["abort", "pause"])
def test_stopping_is_sent_for_every_role(verb: str, role: str) -> None:
    """Whether somebody may stop is the daemon's to say; the screen sends it, without a revision."""
    send = led(verb, worlds.status(), role)
    assert isinstance(send, Send)
    assert send.revision is None


def test_resume_over_blindness_is_an_override_and_clean_a_yes() -> None:
    """Resuming asks little only when nothing speaks against it; the minimum time does not matter for it."""
    clean = led("resume", worlds.status("paused", [worlds.CTR]))
    assert isinstance(clean, Strip)
    assert clean.steps == YES
    blind = led("resume", worlds.status("paused", [worlds.BLIND]), "admin")
    assert isinstance(blind, Strip)
    assert blind.steps == OVERRIDE


def test_our_share_is_re_applied_with_both_values_before_the_eyes() -> None:
    """I4: ``f`` asks, names what stands there now and what will, at the revision; past bad gates it is an override."""
    strip = led("reapply", worlds.lowered())
    assert isinstance(strip, Strip)
    assert (strip.steps, strip.revision, strip.raises) == (YES, 317, True)
    assert strip.title == "RE-APPLY our share of ranker v42: 10.0%, not 4.0%"
    assert strip.facts[0].startswith("By hand: 4.0%. Ours: 10.0%, and on from there.")
    assert "rollout reapply ranker --if-revision 317" in strip.facts[1]
    blind = led("reapply", worlds.lowered([worlds.BLIND]), "admin")
    assert isinstance(blind, Strip)
    assert blind.steps == OVERRIDE
    away = led("reapply", worlds.lowered(blocked_by=["router"]), "admin")
    assert isinstance(away, Strip)
    assert away.steps == ()
    assert isinstance(led("reapply", worlds.lowered(), "viewer"), Say)
    again = led("resume", worlds.lowered())
    assert isinstance(again, Strip)
    assert again.title == "RESUME ranker v42 from 4.0% to 10.0%"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (worlds.ready(), "Nobody's hand has lowered the share of ranker"),
        (worlds.status("paused", [worlds.CTR], phase="held"), "Nobody's hand has lowered the share of ranker"),
        (worlds.status("drift", [worlds.CTR]), "the daemon puts it back by itself"),
    ],
    ids=["runs", "paused", "raised"],
)
def test_where_nobody_lowered_it_there_is_nothing_to_re_apply(status: Status, says: str) -> None:
    """The key says so, and nothing is sent."""
    said = led("reapply", status, "admin")
    assert isinstance(said, Say)
    assert says in said.text


@pytest.mark.parametrize("what", ["router", "champion", "hold", "journal"])
def test_what_nobody_can_override_is_not_offered_to_anybody(what: str) -> None:
    """A router that disagrees or a champion that may be down must be mended; not even an admin is asked for a y."""
    strip = led("promote", worlds.ready(blocked_by=[what]), "admin")
    assert isinstance(strip, Strip)
    assert not strip.steps
    assert "Nobody can override this" in " ".join(strip.facts)


@pytest.mark.parametrize("what", ["min_ticks", "window", "challenger"])
def test_other_doubts_need_an_override(what: str) -> None:
    """Too little covered time, a doubt, a challenger not known to be up: an admin's name, reason and y."""
    strip = led("promote", worlds.ready(blocked_by=[what]), "admin")
    assert isinstance(strip, Strip)
    assert strip.steps == OVERRIDE


def test_what_has_ended_takes_no_action() -> None:
    """An ended rollout is said to have ended."""
    for verb in ("abort", "promote"):
        said = led(verb, worlds.ready(ended=True))
        assert isinstance(said, Say)
        assert "has ended" in said.text


def test_the_fleet_asks_for_the_status_before_it_asks_the_person() -> None:
    """A row does not know its gates."""
    assert isinstance(led("promote", None, in_fleet=True), NeedsStatus)


@pytest.mark.parametrize("verb", ["promote", "resume", "pause", "claim"])
def test_without_contact_only_an_abort_can_be_tried(verb: str) -> None:
    """LOST refuses everything but the question whether to keep trying ABORT."""
    assert isinstance(led(verb, worlds.ready(), now_s=115.0), Say)
    trial = led("abort", worlds.ready(), now_s=115.0)
    assert isinstance(trial, Strip)
    assert trial.trying_s == 60
