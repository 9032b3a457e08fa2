"""The bell: once for what is new, together within three seconds, again until claimed, never for one's own deeds."""

from __future__ import annotations

import pytest

from rollout_tui import alerts
from rollout_tui.alerts import Alarms, acted, due, mute, seen
from rollout_tui.bell import Bell, Ways, sequence, title
from rollout_tui.facts import Contact, Facts
from rollout_tui.link import Link
from rolloutd.wire import FleetRow
from tests.tui import worlds

HEARD = Link(open=True, synced=True, heard_s=100.0)


def _into(alarms: Alarms, state: str, now_s: float, name: str = "ranker", before: str = "collecting") -> Alarms:
    """A rollout went from one state into another."""
    known = None if not before else worlds.row(name, before, 0.1)
    return seen(alarms, known, worlds.row(name, state, 0.1), now_s)


def _rings(alarms: Alarms, *at_s: float) -> tuple[Alarms, list[str]]:
    """What is rung when somebody looks at these times."""
    told = []
    for now_s in at_s:
        alarms, ring = due(alarms, now_s)
        told += [ring.text] if ring else []
    return alarms, told


@pytest.mark.parametrize("state", ["not_obeyed", "going_back", "harm", "blind", "asks_you"])
def test_trouble_rings_once(state: str) -> None:
    """Into each of these; staying there is no news."""
    alarms, told = _rings(_into(Alarms(), state, 10), 10, 11)
    assert len(told) == 1
    alarms = _into(alarms, state, 20, before=state)
    assert _rings(alarms, 20)[1] == []


def test_one_of_several_hosts_that_is_lost_rings_and_one_that_is_heard_first_does_not() -> None:
    """I16: the others were heard, so nothing rang at all; and what was there when the screen opened is no news."""
    facts = Facts(hosts={"east": Contact(HEARD), "west": Contact(HEARD.closed("cut")), "north": Contact()})
    assert facts.lost_hosts(100.0) == {"west"}
    alarms, told = _rings(alerts.hosts(Alarms(), facts.lost_hosts(100.0)), 100)
    assert told == ["LOST west"]
    alarms, told = _rings(alerts.hosts(alarms, frozenset({"west"})), 110, 161)
    assert told == ["still: host west: nobody has claimed it"]
    assert _rings(alerts.hosts(alarms, frozenset()), 230)[1] == []
    known = {"a@east": worlds.row("a@east", "clear", 0.1)}
    picture = [worlds.row(name, "harm", 0.1) for name in ("a@east", "b@east", "a@west")]
    assert [row.name for row in alerts.judged(known, picture)] == ["a@east", "b@east"]
    assert alerts.judged({}, picture) == []


@pytest.mark.parametrize("state", ["done", "clear", "collecting", "paused", "rolled_back", "aborted"])
def test_good_news_and_ends_do_not_ring(state: str) -> None:
    """What needs nobody is silent."""
    assert _rings(_into(Alarms(), state, 10), 10)[1] == []


def test_a_hundred_at_once_are_one_bell() -> None:
    """And what follows within three seconds belongs to it."""
    alarms = Alarms()
    for at in range(100):
        alarms = _into(alarms, "harm", 10, f"r{at}")
    alarms, told = _rings(alarms, 10)
    assert told == ["r0 HARM and 99 more"]
    alarms, told = _rings(_into(alarms, "blind", 12, "late"), 12)
    assert told == []
    assert _rings(_into(alarms, "blind", 14, "later"), 14)[1] == ["later BLIND"]


def test_ones_own_deed_is_no_news() -> None:
    """Who aborted knows that it goes back; half a minute later it is news again."""
    alarms = acted(Alarms(), "ranker", 10)
    assert _rings(_into(alarms, "going_back", 11), 11)[1] == []
    assert _rings(_into(alarms, "going_back", 11, "other"), 11)[1] == ["other GOING BACK"]
    assert _rings(_into(alarms, "going_back", 45), 45)[1] == ["ranker GOING BACK"]


def test_critical_trouble_rings_again_until_claimed() -> None:
    """Every minute, at most ten times; a claim or another state ends it. BLIND does not repeat."""
    alarms, _ = _rings(_into(Alarms(), "harm", 0), 0)
    _, told = _rings(alarms, *(float(at) for at in range(1, 1000)))
    assert len(told) == 10
    assert "nobody has claimed it" in told[0]
    claimed = seen(alarms, worlds.row("ranker", "harm", 0.1), worlds.row("ranker", "harm", 0.1, claimed_by="ops2"), 30)
    assert _rings(claimed, 61, 121)[1] == []
    assert _rings(_into(alarms, "collecting", 30, before="harm"), 61)[1] == []
    blind, _ = _rings(_into(Alarms(), "blind", 0), 0)
    assert _rings(blind, 61, 121)[1] == []


def test_mute_silences_for_half_an_hour_and_is_shown() -> None:
    """A second press ends it."""
    rung: list[str] = []
    bell = Bell(Ways(), rung.append)
    bell.alarms = mute(bell.alarms, 0)
    assert bell.say(60) == "bell off 29m00s"
    bell.alarms = _into(bell.alarms, "harm", 60)
    bell.tick({}, frozenset(), lost=False, now_s=60)
    assert not any("\x07" in one for one in rung)
    assert bell.say(1801) == "bell on"
    bell.alarms = mute(mute(bell.alarms, 1900), 1901)
    assert bell.say(1902) == "bell on"


def test_lost_contact_rings_and_names_itself_in_the_title() -> None:
    """Once when it is lost; the title says LOST until contact is back."""
    rung: list[str] = []
    bell = Bell(Ways(), rung.append)
    for lost, now_s in ((False, 0), (True, 10), (True, 11), (False, 12)):
        bell.tick({}, frozenset(), lost=lost, now_s=now_s)
    assert bell.rung == 1
    assert [one for one in rung if "]2;" in one] == [
        "\x1b]2;rolloutd\x1b\\", "\x1b]2;LOST rolloutd\x1b\\", "\x1b]2;rolloutd\x1b\\",
    ]  # fmt: skip


def test_the_title_names_the_most_urgent() -> None:
    """How many, and the first of them."""
    rows: dict[str, FleetRow] = {row.name: row for row in worlds.fleet().rollouts}
    urgent = frozenset(name for name, row in rows.items() if row.needs_you)
    assert title(rows, urgent, lost=False) == "(6!) rolloutd: fraud-score NOT OBEYED"
    assert title({}, frozenset(), lost=False) == "rolloutd"


@pytest.mark.parametrize(
    ("notify", "told"),
    [("off", ""), ("bell", "\x07"), ("osc9", "\x07\x1b]9;x HARM\x1b\\"),
     ("osc777", "\x07\x1b]777;notify;rolloutd;x HARM\x1b\\"), ("osc99", "\x07\x1b]99;i=rolloutd;x HARM\x1b\\")],
)  # fmt: skip
def test_each_way_has_its_sequence(notify: str, told: str) -> None:
    """As terminals know them."""
    assert sequence(Ways(notify), "x HARM") == told


def test_no_name_can_end_a_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters become question marks; through tmux only where it was asked for."""
    monkeypatch.setenv("TMUX", "1")
    assert sequence(Ways("osc9"), "a\x1b\\b;c\x07") == "\x07\x1b]9;a?\\b,c?\x1b\\"
    assert sequence(Ways("osc9", through_tmux=True), "a") == "\x07\x1bPtmux;\x1b\x1b]9;a\x1b\x1b\\\x1b\\"
    assert alerts.RINGS_FOR
