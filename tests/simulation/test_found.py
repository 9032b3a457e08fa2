"""What the simulator once found in rare corners, each told again without it: the corner, and what is right there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd.core import events as ev
from rolloutd.core.counting import ArmCounters, ArmDelta, arm_delta, shorter, usable
from rolloutd.core.effects import RouteSeen
from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.lane import observe
from rolloutd.core.metrics import Answer, BlindReason, Counted, Point, Unreadable
from rolloutd.core.observed import RouteReading, Seen
from rolloutd.core.reconcile import RouteVerdict, route_verdict
from rolloutd.core.setting import Setting
from rolloutd.core.values import FULL, ZERO, Instant, Share, Slot
from rolloutd.journal import CommandKey
from rolloutd.memory_journal import MemoryJournal
from rolloutd.recorder import Recorder, Unwritten
from rolloutd.spill import SpillFile
from tests.core.playbook import OPERATOR, Playbook, a_gate, a_plan


def counted(**series: float) -> Counted:
    """A reading of these counters."""
    return Counted(tuple(Point(name, value, 0) for name, value in series.items()), ())


def after(last: ArmCounters, around: float = 0.0, **series: float) -> ArmDelta:
    """What these counters added; fails where that cannot be said."""
    found = arm_delta(last, counted(**series), around)
    assert isinstance(found, ArmDelta)
    return found


LATELY = ArmCounters({"a": 1_000.0}, pace=500.0)


def test_a_series_that_is_seen_late_brings_no_past_and_one_that_is_born_its_all() -> None:
    """I3, seeds 301459 and 502077: missing at the first reading, it counted with its whole life once it came."""
    late = after(LATELY, a=1_500.0, b=160_000.0)
    assert late.baseline_only
    assert after(late.counters, a=2_000.0, b=160_400.0).n == 500 + 400
    born = after(LATELY, a=1_500.0, b=1_900.0)
    assert (born.baseline_only, born.n) == (False, 500 + 1_900)


def test_a_counter_that_was_told_as_zero_for_a_while_brings_no_past() -> None:
    """I3, seed 507688: zero for absent is a reset to zero, and what comes after stands on that zero."""
    zero = after(LATELY, a=0.0)
    assert zero.n == 0
    assert after(zero.counters, a=200_000.0).baseline_only


def test_an_older_moment_blinds_and_moves_no_baseline_and_a_restart_counts() -> None:
    """I3, seed 507331: a cache answers with what was true before; taken for a reset, it counted a past again."""
    last = ArmCounters({"a": 5_020.0}, pace=500.0)
    for _ in range(2):
        assert isinstance(arm_delta(last, counted(a=2_500.0)), Unreadable)
        last = shorter(last)
    assert after(last, a=5_500.0).n == 480
    assert after(last, a=2_500.0).baseline_only, "for good, it is where the counter stands"
    assert after(ArmCounters({"a": 5_020.0}, pace=500.0), a=300.0).n == 300


def test_where_nothing_is_known_what_begins_at_zero_counts_and_the_other_arm_is_a_measure() -> None:
    """The first requests of a rollout, or of a challenger that gets half of them at once."""
    assert after(ArmCounters({"a": 0.0}), a=100_000.0).n == 100_000
    assert after(ArmCounters({"a": 0.0}), 2_000.0, a=2_100.0).n == 2_100
    assert after(ArmCounters({"a": 0.0}), 2_000.0, a=100_000.0).baseline_only


@pytest.mark.parametrize(("part_counts", "counts"), [(True, False), (False, True)])
def test_a_part_is_not_larger_than_its_whole(part_counts: bool, counts: bool) -> None:
    """I3: errors of a whole life are not errors of one tick, whose requests are fewer; a sum may be what it is."""
    reading = Counted((Point("a", 1_500.0, 0),), (Point("bad", 10_000.0, 0),))
    found = arm_delta(LATELY, reading, part_counts=part_counts)
    assert isinstance(found, ArmDelta)
    assert found.baseline_only is not counts


def test_a_series_that_comes_back_goes_on_where_it_was() -> None:
    """I3: a server that was away for some readings is not counted again with all its history."""
    last = ArmCounters({"a": 100.0, "b": 1_000.0})
    for a in (110.0, 120.0, 130.0, 140.0):
        found = arm_delta(last, counted(a=a))
        last = found.counters if isinstance(found, ArmDelta) else shorter(last)
    back = arm_delta(last, counted(a=150.0, b=1_007.0))
    assert isinstance(back, ArmDelta)
    assert back.n == 10 + 7


def test_what_no_counter_can_be_is_not_a_number() -> None:
    """I3: NaN, infinities and less than nothing blind; none of them is compared with anything."""
    for value in (float("nan"), float("inf"), float("-inf"), -1.0):
        found = usable(counted(a=value), 0, 1_000)
        assert isinstance(found, Unreadable)
        assert found.reason is BlindReason.NOT_A_NUMBER


def test_a_tick_without_champion_traffic_covers_no_dwell() -> None:
    """I3: what compares nothing is no data for this stage, unless the plan leaves the champion none."""
    gate, plan = a_gate(), a_plan()
    for share, dwell_ms in ((Share(5_000), 0), (FULL, 1_000)):
        known = GateEvidence.start(plan, gate)
        for n in (1, 2, 3):
            answer = Answer(0, {"a": counted(x=500.0), "b": counted(y=100.0 * n)})
            known = absorb(known, gate, answer, Setting(1_000 * n, 1_000, "a", "b", share, False))
        assert known.dwell_ms >= dwell_ms
        assert (known.dwell_ms == 0) is (dwell_ms == 0)


@pytest.mark.parametrize(("lease_ms", "at_ms", "verdict"), [(60_000, 70_000, "lapsed"), (2_000, 11_900, "lowered")])
def test_a_lease_counts_from_the_beginning_of_its_renewal(lease_ms: int, at_ms: int, verdict: str) -> None:
    """I8: one that ran out while its reply was under way has lapsed; a hand within a short lease is still a hand."""
    lane = Playbook().run(5).lane
    share, settled = lane.rollout.traffic.wanted, lane.rollout.traffic
    assert settled.settled
    lane = replace(lane, seen=Seen(0, leases=True, lease_ms=lease_ms))
    engine = settled.engine_instance
    lane = observe(lane, RouteSeen(RouteReading(Slot.A, Slot.B, share, lease_ms, engine), renewed_at_ms=10_000), 10_150)
    lane = observe(lane, RouteSeen(RouteReading(Slot.A, None, ZERO, None, engine)), at_ms)
    assert route_verdict(lane.rollout, lane.seen, at_ms) is RouteVerdict(verdict)


async def test_a_backlog_is_written_to_its_end(tmp_path: Path) -> None:
    """I4: a command that came twice while the journal was full does not stop what was kept after it."""
    journal, spill = MemoryJournal(), SpillFile(tmp_path / "spill")
    recorder, key = Recorder(journal, 1, spill), CommandKey("same", 1, "d")
    at = Instant(1, 1)
    kept: tuple[ev.Event, ...] = (ev.RolloutClaimed(), ev.RolloutClaimed(released=True), ev.RolloutResumed("x"))
    for version, event in enumerate(kept):
        recorder.keep("r", Unwritten(version, (event,), at, OPERATOR, key if version < 2 else None, "{}"))
    await recorder.catch_up("r")
    assert [row.version for row in await journal.load("r")] == [1, 2, 3]
    assert recorder.behind == []


async def test_a_spilled_line_is_not_folded_after_it_was_recorded(tmp_path: Path) -> None:
    """I4: the next start must not take back what somebody resumed since."""
    spill = SpillFile(tmp_path / "spill")
    recorder = Recorder(MemoryJournal(), 1, spill)
    recorder.spilled("r")
    spill.write("r", OPERATOR, "abort", Instant(1, 1))
    recorder.settled("another")
    assert len(spill.read()) == 1
    recorder.settled("r")
    assert spill.read() == []
