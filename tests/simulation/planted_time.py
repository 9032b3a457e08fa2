"""Bugs to plant that concern clocks, waiting, the lock and several series; see ``planted`` for the others."""

from __future__ import annotations

import fcntl
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from rolloutd.core import evidence
from rolloutd.core.metrics import Answer, ArmReading, Counted
from rolloutd.core.phases import Phase
from rolloutd.core.plan import Gate
from rolloutd.core.values import Instant
from rolloutd.loop import Loop
from rolloutd.simulation.life import Life
from rolloutd.simulation.timewarp import VirtualClock


def abort_waits_for_a_tick(patch: pytest.MonkeyPatch) -> None:
    """What follows from a command is done when the next tick looks at the rollout."""
    begin = Loop._act

    def patient(self: Loop, name: str, *, tick: bool) -> None:
        if tick or self.lanes[name].rollout.phase is not Phase.RECEDING:
            begin(self, name, tick=tick)

    patch.setattr(Loop, "_act", patient)


def wall_clock_ends_a_stage(patch: pytest.MonkeyPatch) -> None:
    """Durations are taken from the clock that people set."""
    now = VirtualClock.now

    def by_the_wall(self: VirtualClock) -> Instant:
        at = now(self)
        return replace(at, clock_ms=at.wall_ms)

    patch.setattr(VirtualClock, "now", by_the_wall)


def misfired_job_dropped(patch: pytest.MonkeyPatch) -> None:
    """A job that could not begin in time is not run any more."""
    every = Life._every

    def dropping(self: Life, name: str, every_s: float, first_s: float, work: Callable[[], Awaitable[None]]) -> None:
        due_s, dropped = self._virtual.time() + first_s, False

        async def in_time() -> None:
            nonlocal due_s, dropped
            now_s = self._virtual.time()
            dropped = dropped or now_s - due_s > every_s + 1
            due_s = now_s
            if not dropped:
                await work()

        every(self, name, every_s, first_s, in_time)

    patch.setattr(Life, "_every", dropping)


def last_of_several_series_wins(patch: pytest.MonkeyPatch) -> None:
    """Of several series of one arm the last is taken for all of it."""
    read = evidence._reading

    def last(answer: Answer, arm: str, gate: Gate) -> ArmReading:
        found = read(answer, arm, gate)
        return Counted(found.total[-1:], found.part[-1:]) if isinstance(found, Counted) else found

    patch.setattr(evidence, "_reading", last)


def second_daemon_acts(patch: pytest.MonkeyPatch) -> None:
    """The lock of the state directory is opened and never asked for."""
    patch.setattr(fcntl, "flock", lambda *_: None)


BUGS_OF_TIME = (
    abort_waits_for_a_tick,
    wall_clock_ends_a_stage,
    misfired_job_dropped,
    last_of_several_series_wins,
    second_daemon_acts,
)
