"""What the hands do about a write: what they report, when a lease began, and when a hand's isolation comes first."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.memory import Fault, MemoryRouter
from rolloutd.clock import BoottimeClock
from rolloutd.core.effects import Effect, Observation, RouteSeen, SetIsolated, SetTraffic
from rolloutd.core.values import Share, Slot
from rolloutd.hands import Hands
from tests.core.playbook import World
from tests.shell.rig import WorldProber

CLOCK = BoottimeClock()


async def reported(router: MemoryRouter, effect: Effect) -> RouteSeen:
    """What comes of this effect."""
    told: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()

    async def report(_lane: str, observation: Observation) -> None:
        told.set_result(observation)

    hands = Hands({"ranker": router}, WorldProber(World()), CLOCK, report)
    hands.perform("r1", effect)
    seen = await asyncio.wait_for(told, 5)
    assert isinstance(seen, RouteSeen)
    return seen


@pytest.mark.parametrize("taken", [True, False])
async def test_only_a_write_that_took_begins_a_lease(taken: bool) -> None:
    """I7: an accepted write that changes nothing must not hide that the old lease runs out (simulator seed 7056)."""
    router = MemoryRouter(CLOCK, ("ranker",), lease_ms=60_000)
    if not taken:
        router.fail(Fault.IGNORED)
    seen = await reported(router, SetTraffic("ranker", Slot.B, Share(100), urgent=False))
    assert (seen.renewed_at_ms is not None) is taken


@pytest.mark.parametrize(("asked", "urgent"), [(("apac",), True), ((), False)])
async def test_a_segment_that_a_hand_took_off_since_the_last_look_is_not_let_in(
    asked: tuple[str, ...], urgent: bool
) -> None:
    """I1: an isolation names everybody who is kept off, so it is written only over what it was worked out from."""
    router = MemoryRouter(CLOCK, ("ranker",))
    router.hand_isolates("ranker", "eu")
    seen = await reported(router, SetIsolated("ranker", asked, urgent))
    assert seen.reading.isolated == ("eu",)
    assert router.writes == 0
    seen = await reported(router, SetIsolated("ranker", (*asked, "eu"), urgent, ("eu",)))
    assert seen.reading.isolated == (*asked, "eu")
