"""What the hands do about a write: what they report, when a lease began, and when a hand's isolation comes first."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.memory import Fault, MemoryRouter
from rolloutd.clock import BoottimeClock
from rolloutd.core.effects import Effect, Observation, ReadRoute, RouteSeen, SetIsolated, SetTraffic
from rolloutd.core.values import ZERO, Share, Slot
from rolloutd.hands import Hands, Still
from tests.core.playbook import World
from tests.shell.rig import WorldProber

CLOCK = BoottimeClock()


async def reported(router: MemoryRouter, effect: Effect) -> RouteSeen:
    """What comes of this effect."""
    told: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()

    async def report(_lane: str, observation: Observation, _still: Still = lambda: True, /) -> None:
        told.set_result(observation)

    hands = Hands({"ranker": router}, WorldProber(World()), CLOCK, report)
    hands.perform("r1", effect)
    async with asyncio.timeout(5):
        seen = await told
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


@pytest.mark.parametrize("confirmed", [ZERO, Share(50)])
async def test_a_raise_waits_until_a_segment_that_a_hand_let_in_is_off_again(confirmed: Share) -> None:
    """I1: the router's own isolation is looked at right before the others get more (simulator seed 20339)."""
    router = MemoryRouter(CLOCK, ("ranker",))
    await router.set_share("ranker", Slot.B, confirmed)
    raises = SetTraffic("ranker", Slot.B, Share(100), urgent=False, confirmed=confirmed, kept_off=("eu",))
    writes = router.writes
    assert (await reported(router, raises)).reading.share_of(Slot.B) == confirmed
    assert router.writes == writes
    router.hand_isolates("ranker", "eu")
    assert (await reported(router, raises)).reading.override == Share(100)


@pytest.mark.parametrize("share", [Share(100), Share(0)])
async def test_an_end_does_not_ask_a_router_that_is_gone_for_ever(share: Share) -> None:
    """I6: what fails is asked again by whoever hears of it; at the end that would hold the lock and never stop."""
    router = MemoryRouter(CLOCK, ("ranker",))
    router.fail(Fault.UNREACHABLE)
    effect = SetTraffic("ranker", Slot.B, share, urgent=share == Share(0))
    tried = 0

    async def report(lane: str, _: Observation, _still: Still = lambda: True, /) -> None:
        nonlocal tried
        tried += 1
        hands.perform(lane, effect)
        hands.perform(lane, ReadRoute("ranker"))

    hands = Hands({"ranker": router}, WorldProber(World()), CLOCK, report)
    hands.perform("r1", effect)
    async with asyncio.timeout(10):
        await hands.end()
    assert tried <= 3  # the first may fail before the end begins, and what it asked for is under way then


async def test_harm_that_is_found_at_the_very_end_is_still_taken_back() -> None:
    """I2: a decrease is no repetition, so it goes out; everything else is the next process's."""
    router = MemoryRouter(CLOCK, ("ranker",))
    await router.set_share("ranker", Slot.B, Share(100))

    async def report(lane: str, _: Observation, _still: Still = lambda: True, /) -> None:
        hands.perform(lane, SetTraffic("ranker", Slot.B, Share(0), urgent=True))
        hands.perform(lane, SetTraffic("ranker", Slot.B, Share(5_000), urgent=False))

    hands = Hands({"ranker": router}, WorldProber(World()), CLOCK, report)
    hands.perform("r1", ReadRoute("ranker"))
    async with asyncio.timeout(10):
        await hands.end()
    assert (await router.read("ranker")).share_of(Slot.B) == Share(0)
