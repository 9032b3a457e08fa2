"""The range on the charts' newest moment is the one that the tab of gates shows, from the real daemon by its socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from rollout_tui.client import Client
from rolloutd.pictures import SeriesPoint
from rolloutd.wire import GateNow, Problem
from tests.tui.true_daemon import true_daemon

DEADLINE_S = 60.0


async def _both(client: Client) -> tuple[GateNow | None, list[SeriesPoint]]:
    """What the gate shows, and its course; nothing yet before the first tick."""
    status = await client.status("healthy")
    assert not isinstance(status, Problem)
    if not status.gates:
        return None, []
    course = await client.series("healthy", status.gates[0].metric, 0, 400)
    assert not isinstance(course, Problem)
    return status.gates[0], course.points


def _alike(gate: GateNow | None, points: list[SeriesPoint]) -> bool:
    """Whether the newest moment has the gate's range."""
    known = gate is not None and gate.range is not None and bool(points)
    return known and gate is not None and (points[-1].low, points[-1].high) == gate.range


async def test_the_newest_moment_has_the_range_of_the_gate() -> None:
    """Both come from the same counts of the core; what was before the first comparison has none."""
    with TemporaryDirectory(prefix="roll-") as folder:
        async with true_daemon(Path(folder)) as true, asyncio.timeout(DEADLINE_S):
            client = Client(true.where)
            gate, points = await _both(client)
            while not _alike(gate, points):  # until no tick came between the two answers
                await asyncio.sleep(0.05)
                gate, points = await _both(client)
    assert gate is not None
    assert points[-1].delta == gate.delta
    assert any(point.low is None and point.challenger_n == 0 for point in points)
