"""The virtual loop: time jumps to the next timer, nobody waits, and a dead process leaves no task behind."""

from __future__ import annotations

import asyncio
from asyncio import sleep as virtual_s  # in a virtual loop no time passes by it
from time import monotonic

import pytest

from rolloutd.simulation.timewarp import Standstill, TaskGroup, VirtualClock, VirtualLoop, run_virtual


def test_a_day_passes_at_once() -> None:
    """Sleeping moves the loop's own time and no other."""

    async def sleep_a_day(loop: VirtualLoop) -> float:
        for _ in range(24):
            await virtual_s(3_600)
        return loop.time()

    began_s = monotonic()
    assert run_virtual(sleep_a_day) == pytest.approx(86_400)
    assert monotonic() - began_s < 3_600


def test_what_was_due_in_a_suspend_is_late_and_in_order() -> None:
    """A jump of time runs nothing in between; afterwards timers fire in the order in which they were due."""
    fired: list[str] = []

    async def suspend(loop: VirtualLoop) -> float:
        loop.call_later(2, fired.append, "second")
        loop.call_later(1, fired.append, "first")
        loop.pass_s(60)
        await virtual_s(0.001)
        return loop.time()

    assert run_virtual(suspend) > 60
    assert fired == ["first", "second"]


def test_waiting_for_nothing_is_said() -> None:
    """When nothing is due any more, the run ends with a sentence instead of hanging."""

    async def wait_for_ever(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(Standstill):
        run_virtual(wait_for_ever)


def test_a_killed_process_ends_with_all_it_started() -> None:
    """The tasks of a process, and those that they made, end at its death; the world's go on."""
    alive: list[str] = []

    async def child() -> None:
        await virtual_s(1)
        alive.append("child")

    async def parent() -> None:
        task = asyncio.get_running_loop().create_task(child())
        await task

    async def main(loop: VirtualLoop) -> bool:
        group = TaskGroup()
        group.spawn(parent(), "parent")
        world = loop.create_task(child())
        await virtual_s(0.5)
        ended = await group.kill()
        await world
        return ended

    assert run_virtual(main)
    assert alive == ["child"]


def test_the_wall_can_be_set_and_the_rollout_clock_cannot() -> None:
    """A step of the wall clock shows on the wall only."""

    async def step(loop: VirtualLoop) -> tuple[int, int]:
        clock = VirtualClock(loop)
        before = clock.now()
        clock.wall_jump_ms = -3_600_000
        after = clock.now()
        return after.clock_ms - before.clock_ms, after.wall_ms - before.wall_ms

    assert run_virtual(step) == (0, -3_600_000)
