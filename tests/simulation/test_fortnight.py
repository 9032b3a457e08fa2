"""Two weeks of a major rollout with late labels on the virtual clock: the journal is as expected (I3, I7, I8, I9)."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from rolloutd.core import events as ev
from rolloutd.core.audit import audit
from rolloutd.simulation.fortnight import HOUR_MS, OFFICE, fortnight, local
from rolloutd.simulation.run import Result, run_scenario

UNTOLD = (ev.EvidenceSealed, ev.VerdictReached)
EXPECTED = [
    ("Mon 19 10:00 +0200", "RolloutRequested"),
    ("Mon 19 10:00 +0200", "PreflightPassed"),
    ("Mon 19 10:00 +0200", "StageEntered"),
    ("Mon 19 10:00 +0200", "TrafficWanted"),
    ("Mon 19 10:00 +0200", "TrafficConfirmed"),
    ("Tue 20 15:55 +0200", "StageEntered"),
    ("Tue 20 15:55 +0200", "TrafficWanted"),
    ("Tue 20 15:55 +0200", "TrafficConfirmed"),
    ("Wed 21 03:00 +0200", "WindowRestarted"),
    ("Wed 21 14:00 +0200", "BlindnessBegan"),
    ("Wed 21 14:04 +0200", "BlindnessEnded"),
    ("Wed 21 14:04 +0200", "WindowRestarted"),
    ("Thu 22 09:51 +0200", "WindowRestarted"),
    ("Thu 22 15:57 +0200", "PersonAsked"),
    ("Thu 22 17:00 +0200", "StageApproved"),
    ("Thu 22 17:00 +0200", "StageEntered"),
    ("Thu 22 17:00 +0200", "TrafficWanted"),
    ("Thu 22 17:00 +0200", "TrafficConfirmed"),
    ("Thu 22 20:01 +0200", "BlindnessBegan"),
    ("Thu 22 20:04 +0200", "BlindnessEnded"),
    ("Thu 22 20:04 +0200", "WindowRestarted"),
    ("Sat 24 14:06 +0200", "BlindnessBegan"),
    ("Sat 24 14:11 +0200", "BlindnessEnded"),
    ("Sat 24 14:11 +0200", "WindowRestarted"),
    ("Sun 25 02:30 +0200", "WindowRestarted"),
    ("Mon 26 09:00 +0100", "StageEntered"),
    ("Mon 26 09:00 +0100", "TrafficWanted"),
    ("Mon 26 09:00 +0100", "TrafficConfirmed"),
    ("Mon 02 09:00 +0100", "FinishStarted"),
    ("Mon 02 09:00 +0100", "BaseConfirmed"),
    ("Mon 02 09:00 +0100", "RolloutEnded"),
]
"""The canary has a day of errors and a day of labels, which begin six hours later; the tenth has its two, with a fresh
look after four blind minutes and after the reboot; half of the users wait over the week's end, in which the clocks go
back, for Monday nine by the new time. The blind minutes of Thursday evening come while the labels of that share ripen,
those of Saturday are the warehouse's own: each costs a fresh look, and none of them a day."""


@pytest.fixture(scope="module")
def told() -> tuple[Result, list[ev.Recorded]]:
    """The two weeks, once."""
    return run_scenario(fortnight())


def test_it_is_done_and_no_invariant_broke(told: tuple[Result, list[ev.Recorded]]) -> None:
    """Two weeks to the hour, with three restarts, judged at every half tick; the record passes its own audit (I4)."""
    result, rows = told
    assert (result.outcome, result.broken) == ("done", "")
    assert round(result.virtual_ms / 86_400_000, 1) == 14.0
    assert result.faults == {"process killed": 2, "host rebooted": 1, "metrics unreadable": 3}
    assert not audit(rows).findings


def test_the_journal_is_as_expected(told: tuple[Result, list[ev.Recorded]]) -> None:
    """Every event but seals and verdicts, in local time; the clocks go back on Sunday the 25th at three."""
    found = [
        (f"{local(row.at.wall_ms):%a %d %H:%M %z}", type(row.event).__name__)
        for row in told[1]
        if not isinstance(row.event, UNTOLD)
    ]
    assert found == EXPECTED


def test_nothing_went_up_in_the_night_or_before_its_day(told: tuple[Result, list[ev.Recorded]]) -> None:
    """I3: by the record alone, each raise is in office hours and at least a day after the one before."""
    ups = [row for row in told[1] if isinstance(row.event, ev.TrafficWanted | ev.FinishStarted)]
    for row in ups:
        moment = local(row.at.wall_ms)
        minute = moment.weekday() * 1440 + moment.hour * 60 + moment.minute
        assert any(window.begin <= minute < window.end for window in OFFICE)
    gaps_ms = [later.at.clock_ms - earlier.at.clock_ms for earlier, later in pairwise(ups)]
    assert len(ups) == 5
    assert min(gaps_ms) >= 86_400_000


def test_no_stage_went_on_before_its_own_labels_were_ripe(told: tuple[Result, list[ev.Recorded]]) -> None:
    """I3: labels are six hours late, and each stage passes by its own: errors soon after the raise, labels hours on."""
    raised_ms, after_hours = 0, []
    for row in told[1]:
        if isinstance(row.event, ev.TrafficConfirmed):
            raised_ms = row.at.clock_ms
        elif isinstance(row.event, ev.VerdictReached):
            after_hours.append((row.event.metric, (row.at.clock_ms - raised_ms) / HOUR_MS))
    assert [metric for metric, _ in after_hours] == ["errors", "wrong"] * 4
    assert all(hours < 2 for metric, hours in after_hours if metric == "errors")
    assert all(6 < hours < 8 for metric, hours in after_hours if metric == "wrong")


def test_each_restart_and_each_blindness_cost_one_fresh_look_and_nothing_that_was_counted(
    told: tuple[Result, list[ev.Recorded]],
) -> None:
    """I7, I8: three restarts and three times without data, six windows, and the rollout was never held."""
    rows = told[1]
    why = Counter(row.event.reason for row in rows if isinstance(row.event, ev.WindowRestarted))
    assert why == {"the daemon started": 3, "errors had no usable data": 2, "wrong had no usable data": 1}
    assert not [row for row in rows if isinstance(row.event, ev.RolloutHeld | ev.LeaseLapsed | ev.DriftSeen)]
