"""The calendar of a freeze: its windows over every change of the clocks of ten years, as written, and in the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rolloutd.core.commands import Refused, Start
from rolloutd.core.rules import Limits, Rules
from rolloutd.core.values import Slot
from rolloutd.daemon import Daemon
from rolloutd.freeze import DAYS, WEEK_MINUTES, Calendar, Weekly
from rolloutd.main import make_outside, spec_reader, vocabulary
from rolloutd.ports import RouteConfig, RouteSlot
from rolloutd.settings import read_settings
from rolloutd.settings.freeze_windows import calendar
from tests.core.playbook import OPERATOR, a_spec
from tests.e2e.paper import Config
from tests.shell.rig import Rig

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> int:
    """A local time as the daemon's wall clock has it."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_a_week_end_and_the_holiday_after_it_are_one_freeze() -> None:
    """Who waits is told the real end, in the policy's own zone, and the window that he is in."""
    found = calendar(BERLIN, ("fri 16:00 - mon 08:00",), ("2026-12-28", "2026-12-24 - 2026-12-25"), ())
    assert found.frozen(at("2026-12-22 12:00")) == ""
    assert found.frozen(at("2026-12-25 15:00")) == (f"until Tue 2026-12-29 00:00 {BERLIN} (2026-12-24 - 2026-12-25)")
    assert found.frozen(at("2026-12-27 12:00")) == f"until Tue 2026-12-29 00:00 {BERLIN} (fri 16:00 - mon 08:00)"
    assert found.frozen(at("2026-12-29 00:00")) == ""


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-27 15:59", False),
        ("2026-11-27 16:00", True),
        ("2026-11-30 07:59", True),
        ("2026-11-30 08:00", False),
    ],
)
def test_a_window_has_its_first_minute_and_not_its_last(moment: str, inside: bool) -> None:
    """To the minute, over a week's end."""
    assert bool(calendar(BERLIN, ("fri 16:00 - mon 08:00",), (), ()).frozen(at(moment))) is inside


def test_a_window_of_one_time() -> None:
    """From minute to minute, once."""
    found = calendar("UTC", (), (), ("2026-11-27 18:00 - 2026-11-28 06:00",))
    assert found.frozen(at("2026-11-28 05:59", "UTC")).startswith("until Sat 2026-11-28 06:00 UTC")
    assert not found.frozen(at("2027-11-27 20:00", "UTC"))


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The hours of ten years after which the zone's distance from UTC is another one."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year < 2036:
        after = moment + timedelta(hours=1)
        if moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            yield moment
        moment = after


@pytest.mark.parametrize("name", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland"])
def test_no_change_of_the_clocks_makes_a_window_shorter(name: str) -> None:
    """I9: over every change of ten years, a minute whose local time is in the window is frozen; none far from it is.

    The window begins and ends in the middle of the hour that is left out or comes twice, which is the worst place.
    """
    zone = ZoneInfo(name)
    for change in changes(zone):
        local = change.astimezone(zone)
        middle = (local.weekday() * 24 + local.hour) * 60 + 30
        ends = [(middle + shift) % WEEK_MINUTES for shift in (-600, 0, 600)]
        for window in map(Weekly, ends[:2], ends[1:]):
            found = Calendar(zone, name, (window,))
            for minute in range(-900, 900, 15):
                moment = change + timedelta(minutes=minute)
                frozen = bool(found.frozen(round(moment.timestamp() * 1000)))
                assert frozen or not _within(window, moment.astimezone(zone)), (moment, window)
                near = any(
                    _within(window, (moment + timedelta(minutes=m)).astimezone(zone)) for m in range(-120, 121, 15)
                )
                assert near or not frozen, (moment, window)


def _within(window: Weekly, local: datetime) -> bool:
    minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
    return (minute - window.begin) % WEEK_MINUTES < (window.end - window.begin) % WEEK_MINUTES


@pytest.mark.parametrize(
    "line",
    [
        'weekly = ["fri 16:00"]',
        'weekly = ["fry 16:00 - mon 08:00"]',
        'weekly = ["fri 24:00 - mon 08:00"]',
        'days = ["2026-02-30"]',
        'days = ["2026-12-26 - 2026-12-24"]',
        'once = ["2026-11-27 - 2026-11-28"]',
        'time_zone = "Europe/Atlantis"',
        'time_zone = "../../etc/passwd"',
    ],
)
def test_what_is_no_window_is_refused_with_its_line(line: str) -> None:
    """A calendar that nobody can read must not be taken for an empty one."""
    with pytest.raises(Exception, match=r"line 2 policy\.freeze\."):
        read_settings(f"[policy.freeze]\n{line}\n", "config.toml", vocabulary())


async def test_the_files_windows_are_the_loops(tmp_path: Path) -> None:
    """A window of every minute of the week: the daemon stands still from its first moment on, and limits come along."""
    slots = {slot: RouteSlot(f"ranker-{slot}", f"http://127.0.0.1:1/{slot}") for slot in Slot}
    policy = 'max_concurrent_team = 2\nmax_concurrent_router = 3\nfreeze.weekly = ["mon 00:00 - mon 00:00"]'
    config = Config('kind = "memory"', 'kind = "memory"', "python.errors", policy=policy)
    text = config.text(tmp_path, {"ranker": RouteConfig("ranker", "edge", slots)}).replace(
        'router = "edge"\n', 'router = "edge"\nteam = "ranking"\n', 1
    )
    settings = read_settings(text, "config.toml", vocabulary())
    daemon = await Daemon.open(tmp_path / "state", make_outside(settings), spec_reader(settings))
    rules = daemon.loop.standing.rules
    await daemon.close()
    assert rules.frozen == "with no end in sight (mon 00:00 - mon 00:00)"
    assert rules.limits == Limits(0, 2, 3, {"ranker": "ranking"}, {"ranker": "edge"})


async def test_the_loop_refuses_a_start_and_tells_its_rollouts(tmp_path: Path) -> None:
    """A window that begins is known to every live rollout, and one that ends as well; an abort goes through (I2)."""
    rig = Rig(tmp_path)
    name = await rig.start()
    rig.loop.rule(Rules(frozen="until Mon"))
    assert rig.loop.lanes[name].seen.rules.frozen == "until Mon"
    other = replace(a_spec(), name="other", model="other", route="other")
    assert isinstance(await rig.loop.start(Start(other, OPERATOR), None), Refused)
    await rig.abort(name)
    await rig.until(lambda: name in rig.loop.ended)


async def test_one_waits_for_another_and_begins_when_that_is_done(tmp_path: Path) -> None:
    """The loop tells a waiting rollout how those before it are: live, it waits; gone back, it is refused, with why."""
    rig = Rig(tmp_path)
    first = await rig.start()
    spec = replace(a_spec(), name="next", model="other", route="other", after=(first,))
    assert not isinstance(await rig.loop.start(Start(spec, OPERATOR), None), Refused)
    assert rig.loop.standing.begun_or_queued(rig.loop.lanes["next"].rollout)
    await rig.loop.tick("next")
    assert rig.loop.lanes["next"].rollout.phase.value == "preflight"
    await rig.abort(first)
    await rig.until(lambda: first in rig.loop.ended)
    await rig.loop.tick("next")
    assert f"it comes after {first}, which ended aborted" in rig.loop.ended["next"].refusals


def test_every_day_has_its_name() -> None:
    """The names in the file are those of the calendar, Monday first."""
    assert [DAYS[datetime(2026, 11, 30 - 7 + n, tzinfo=UTC).weekday()] for n in range(7)] == list(DAYS)


STAFFED = ("mon 09:00 - mon 17:30", "tue 09:00 - tue 17:30")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-11-30 09:00", ""),
        ("2026-11-30 17:29", ""),
        ("2026-11-30 17:30", f"until Tue 2026-12-01 09:00 {BERLIN}"),
        ("2026-11-30 08:59", f"until Mon 2026-11-30 09:00 {BERLIN}"),
        ("2026-12-03 12:00", f"until Mon 2026-12-07 09:00 {BERLIN}"),
        ("2026-10-24 12:00", f"until Mon 2026-10-26 09:00 {BERLIN}"),
        ("2026-03-28 12:00", f"until Mon 2026-03-30 09:00 {BERLIN}"),
    ],
)
def test_outside_of_staffed_hours_nobody_is_there_until_the_next(moment: str, said: str) -> None:
    """To the minute, over the week's end, and in local time over both changes of the clocks (I9)."""
    assert calendar(BERLIN, STAFFED, (), ()).closed(at(moment)) == said


def test_without_a_window_somebody_is_always_there() -> None:
    """What is not written restrains nothing."""
    assert calendar(BERLIN, (), (), ()).closed(at("2026-11-30 03:00")) == ""


async def test_the_files_staffed_hours_are_the_loops(tmp_path: Path) -> None:
    """One minute a week, so nearly always nobody: the loop knows from its first moment on."""
    slots = {slot: RouteSlot(f"ranker-{slot}", f"http://127.0.0.1:1/{slot}") for slot in Slot}
    policy = 'staffed.weekly = ["mon 00:00 - mon 00:00"]'
    config = Config('kind = "memory"', 'kind = "memory"', "python.errors", policy=policy)
    settings = read_settings(
        config.text(tmp_path, {"ranker": RouteConfig("ranker", "edge", slots)}), "config.toml", vocabulary()
    )
    outside = make_outside(settings)
    assert outside.staffed.closed(at("2026-11-30 03:00")) == ""
    never = replace(outside, staffed=calendar("UTC", (), (), ("2020-01-01 00:00 - 2020-01-01 01:00",)))
    daemon = await Daemon.open(tmp_path / "state", never, spec_reader(settings))
    rules = daemon.loop.standing.rules
    await daemon.close()
    assert rules.unstaffed == "any more: the staffed hours are over"
