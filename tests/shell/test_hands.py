"""What the hands report of a write: the reading, and that a lease began only where the write took."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.memory import Fault, MemoryRouter
from rolloutd.clock import BoottimeClock
from rolloutd.core.effects import Observation, RouteSeen, SetTraffic
from rolloutd.core.values import Share, Slot
from rolloutd.hands import Hands
from tests.core.playbook import World
from tests.shell.rig import WorldProber


@pytest.mark.parametrize("taken", [True, False])
async def test_only_a_write_that_took_begins_a_lease(taken: bool) -> None:
    """I7: an accepted write that changes nothing must not hide that the old lease runs out (simulator seed 7056)."""
    seen: list[Observation] = []
    done = asyncio.Event()

    async def report(_lane: str, observation: Observation) -> None:
        seen.append(observation)
        done.set()

    clock = BoottimeClock()
    router = MemoryRouter(clock, ("ranker",), lease_ms=60_000)
    if not taken:
        router.fail(Fault.IGNORED)
    hands = Hands({"ranker": router}, WorldProber(World()), clock, report)
    hands.perform("r1", SetTraffic("ranker", Slot.B, Share(100), urgent=False))
    await asyncio.wait_for(done.wait(), 5)
    assert isinstance(seen[0], RouteSeen)
    assert (seen[0].renewed_at_ms is not None) is taken
