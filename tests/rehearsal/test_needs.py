"""While it runs, a gate says what it still needs; that agrees with the forecast at its start and shrinks as it goes."""

from __future__ import annotations

import pytest

from rolloutd.core.forecast.stages import forecast_plan
from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.values import Instant
from rolloutd.needs import needs_of
from rolloutd.rehearsal.drive import Drive
from rolloutd.rehearsal.runs import moments
from rolloutd.rehearsal.traffic import ArmRates, Assumed, Users
from rolloutd.view import Frame, status
from rolloutd.wire import GateNow
from rolloutd.wording import why_lines
from tests.rehearsal.plans import gate, spec


def watched(minutes: int, accept: float = 1.5) -> tuple[Drive, Instant]:
    """A good challenger's rollout after so many minutes of even traffic: 10 of 1,000 bad in either arm."""
    plan = spec((1_000, 9_900), gates=(gate(accept=accept),), min_minutes=60, max_minutes=600)
    start = Instant(0, 0)
    drive, users = Drive(plan, start), Users(Assumed(100, {"errors": ArmRates(0.01, 0.01)}), "even")
    before = 0
    for now_ms, metrics, _ in moments(plan.plan):
        users.serve(drive.share.fraction, before, now_ms, 0)
        before, at = now_ms, Instant(now_ms, now_ms)
        for metric in metrics:
            drive.answer(metric, users.answer(metric, plan.plan.gates[0].template, now_ms), at)
        drive.tick(at)
        if now_ms >= minutes * 60_000:
            return drive, at
    raise AssertionError("a plan has an end")


def gate_of(drive: Drive, at: Instant) -> GateNow:
    """The gate as people and scripts see it."""
    return status(drive.lane, at, Frame([])).gates[0]


def test_at_the_start_it_is_the_forecast() -> None:
    """After one minute about as much is needed as was said before."""
    drive, at = watched(1)
    needs = gate_of(drive, at).needs
    plan = drive.lane.rollout.spec.plan
    told = forecast_plan(plan, {"errors": MetricTraffic(100, 0.01)}).stages[0].gates[0]
    assert needs is not None
    assert told.time_ms is not None
    assert needs.time_s.mean == pytest.approx(told.time_ms.mean / 1000, rel=0.5)
    assert needs.requests.mean == pytest.approx(needs.time_s.mean * 10, rel=0.05)
    assert needs.time_s.p90 > needs.time_s.mean


def test_it_is_in_why_in_the_picture_and_in_what_comes_next() -> None:
    """One figure in three places."""
    drive, at = watched(2)
    picture = status(drive.lane, at, Frame([]))
    needs = picture.gates[0].needs
    assert needs is not None
    assert any(
        f"needs about {needs.requests.mean:,.0f} more challenger requests" in s for s in why_lines(drive.lane, at)
    )
    assert picture.next.eta_s is not None
    assert picture.next.eta_s >= needs.time_s.mean
    without = status(drive.lane, at, Frame([], ranges=False))
    assert without.gates[0].needs is None


def test_a_gate_that_passes_needs_nothing_more() -> None:
    """And one that has seen too little says nothing yet."""
    drive, at = watched(40, accept=3.0)
    assert gate_of(drive, at).state == "pass"
    assert gate_of(drive, at).needs is None
    early, at = watched(0)
    assert needs_of(early.lane, early.lane.picture(at.clock_ms)) == {}
