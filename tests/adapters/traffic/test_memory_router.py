"""What the router in memory does on demand: leases on a hand-moved clock, lost replies, late writes, rounding."""

from __future__ import annotations

import asyncio

import pytest

from rollout_adapters.memory import Fault, MemoryProber, MemoryRouter
from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import Prober, RouterBadAnswer, RouterDenied, RouterError, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, HandClock


@pytest.fixture
def clock() -> HandClock:
    """A clock that only the test moves."""
    return HandClock()


@pytest.fixture
def router(clock: HandClock) -> MemoryRouter:
    """A router with a lease of ten seconds."""
    return MemoryRouter(clock, [ROUTE], lease_ms=10_000)


async def share_on(router: MemoryRouter) -> Share:
    """Slot b's share as read."""
    return (await router.read(ROUTE)).share_of(Slot.B)


async def test_a_lease_runs_out_on_the_given_clock(router: MemoryRouter, clock: HandClock) -> None:
    """It ends at its very millisecond, and a renewal before that starts it anew."""
    await router.set_share(ROUTE, Slot.B, Share(100))
    clock.ms += 9_999
    assert (await router.read(ROUTE)).lease_left_ms == 1
    assert await router.renew(ROUTE, Slot.B, Share(100))
    clock.ms += 9_999
    assert await share_on(router) == Share(100)
    clock.ms += 1
    assert await share_on(router) == ZERO
    assert not await router.renew(ROUTE, Slot.B, Share(100))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNREACHABLE, RouterUnreachable),
        (Fault.REFUSED, RouterRefused),
        (Fault.DENIED, RouterDenied),
        (Fault.GARBLED, RouterBadAnswer),
    ],
)
async def test_a_fault_strikes_as_often_as_told(router: MemoryRouter, fault: Fault, error: type[RouterError]) -> None:
    """Twice, and then calls go through again; nothing was written meanwhile."""
    router.fail(fault, times=2)
    with pytest.raises(error):
        await router.set_share(ROUTE, Slot.B, FULL)
    with pytest.raises(error):
        await router.read(ROUTE)
    assert await share_on(router) == ZERO
    assert router.writes == 0


async def test_a_lost_reply_leaves_the_write_done(router: MemoryRouter) -> None:
    """The caller hears of a broken connection; only reading shows that the share is there."""
    router.fail(Fault.REPLY_LOST)
    with pytest.raises(RouterUnreachable, match="may have happened"):
        await router.set_share(ROUTE, Slot.B, Share(100))
    assert await share_on(router) == Share(100)


async def test_an_ignored_write_succeeds_and_changes_nothing(router: MemoryRouter) -> None:
    """Accepted is no proof."""
    router.fail(Fault.IGNORED, times=1)
    await router.set_share(ROUTE, Slot.B, Share(100))
    assert await share_on(router) == ZERO
    await router.set_share(ROUTE, Slot.B, Share(100))
    assert await share_on(router) == Share(100)


async def test_a_held_call_goes_on_when_let(router: MemoryRouter) -> None:
    """Nothing happens before; a cancelled write does not happen at all."""
    router.hold()
    kept = asyncio.create_task(router.set_share(ROUTE, Slot.B, Share(100)))
    dropped = asyncio.create_task(router.set_base(ROUTE, Slot.B))
    await asyncio.sleep(0)
    dropped.cancel()
    router.go_on()
    await kept
    reading = await router.read(ROUTE)
    assert (reading.base, reading.override) == (Slot.A, Share(100))


async def test_a_cancelled_write_can_land_late(router: MemoryRouter) -> None:
    """An engine that carries out what nobody waits for any more."""
    router.hold(lands_late=True)
    writing = asyncio.create_task(router.set_share(ROUTE, Slot.B, FULL))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    router.heal()
    assert await share_on(router) == FULL


async def test_a_hand_goes_past_every_fault(router: MemoryRouter) -> None:
    """What somebody else sets is there, whatever befalls our own calls; so is a base, so is a lapse."""
    router.fail(Fault.REFUSED, times=1)
    router.hand_sets(ROUTE, Slot.B, Share(4_000))
    with pytest.raises(RouterRefused):
        await router.read(ROUTE)
    assert await share_on(router) == Share(4_000)
    router.lapse(ROUTE)
    assert await share_on(router) == ZERO
    router.hand_sets_base(ROUTE, Slot.B)
    assert await share_on(router) == FULL


async def test_a_coarse_engine_rounds(clock: HandClock) -> None:
    """The nearest multiple of the step is what is held and read."""
    router = MemoryRouter(clock, [ROUTE], step_bp=39)
    for asked, held in ((100, 117), (10, 0), (9_990, 9_984), (10_000, 9_984)):
        await router.set_share(ROUTE, Slot.B, Share(asked))
        assert await share_on(router) == Share(held)


async def test_without_a_lease_a_share_stays(clock: HandClock) -> None:
    """For ever, and over a restart, as with an engine that is configured by file."""
    router = MemoryRouter(clock, [ROUTE], lease_ms=None)
    await router.set_share(ROUTE, Slot.B, Share(100))
    before = await router.read(ROUTE)
    clock.ms += 10**9
    router.restart()
    after = await router.read(ROUTE)
    assert (after.override, after.lease_left_ms) == (Share(100), None)
    assert after.instance != before.instance


async def test_a_prober_says_what_it_was_told() -> None:
    """Versions from the start, health as set, and down where nothing is known."""
    prober = MemoryProber({(ROUTE, Slot.A): "v1"})
    assert isinstance(prober, Prober)
    assert (await prober.probe(ROUTE, Slot.A)).version == "v1"
    prober.set_health(ROUTE, Slot.A, up=False)
    assert not (await prober.probe(ROUTE, Slot.A)).up
    assert not (await prober.probe(ROUTE, Slot.B)).up
