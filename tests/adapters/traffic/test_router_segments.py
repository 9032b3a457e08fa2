"""What every router does with segments, those of the real engines and the one in memory alike (I1, I7)."""

from __future__ import annotations

import asyncio
import math

import pytest

from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import RouterError
from tests.adapters.traffic.rigs import ROUTE, HAProxyRig, RealRig, Rig, running, users

RING = Share(0, (("eu", 10_000),))
WIDER = Share(0, (("eu", 10_000), ("us", 1_000)))


async def on_new(rig: Rig, segment: str, count: int = 300) -> float:
    """The part of this segment's users whom the new side answers; none of them may fail."""
    tally = await rig.send(users(count), segment)
    assert tally.codes == {200: count}
    return tally.fraction("b")


async def test_a_ring_reaches_its_segment_and_nobody_else(apart: Rig) -> None:
    """All of one segment, none of the others, none of those who say nothing; the reading says the same."""
    await apart.router.set_share(ROUTE, Slot.B, RING)
    other = apart.second()
    reading = await other.read(ROUTE)
    assert (reading.override_slot, reading.override, reading.isolated) == (Slot.B, RING, ())
    assert reading.share_of(Slot.B) == RING
    assert [await on_new(apart, name) for name in ("eu", "us", "apac", "elsewhere", "")] == [1.0, 0.0, 0.0, 0.0, 0.0]


async def test_the_next_ring_keeps_the_first_and_a_tenth_is_a_tenth(apart: Rig) -> None:
    """Each segment has its own share, drawn by user: within five standard errors."""
    await apart.router.set_share(ROUTE, Slot.B, RING)
    await apart.router.set_share(ROUTE, Slot.B, WIDER)
    assert await on_new(apart, "eu") == 1.0
    assert abs(await on_new(apart, "us", 2_000) - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 2_000)
    assert await on_new(apart, "") == 0.0


async def test_a_user_once_in_stays_in_from_ring_to_everybody(apart: Rig) -> None:
    """The draw is the same in every segment and for everybody: growing never moves anybody back."""
    await apart.router.set_share(ROUTE, Slot.B, Share(0, (("us", 2_000),)))
    first = (await apart.send(users(500), "us")).users_on("b")
    await apart.router.set_share(ROUTE, Slot.B, Share(3_000))
    then, rest = (await apart.send(users(500), "us")).users_on("b"), (await apart.send(users(500))).users_on("b")
    assert first < then == rest


async def test_an_isolated_segment_stays_on_the_base_whatever_the_share(apart: Rig) -> None:
    """Before its share, with it, while it grows to all, and after it was renewed; everybody else is served as asked."""
    await apart.router.isolate(ROUTE, ("apac",))
    for share in (Share(5_000), FULL, Share(4_000, (("apac", 10_000),))):
        await apart.router.set_share(ROUTE, Slot.B, share)
        assert await apart.router.renew(ROUTE, Slot.B, share)
        reading = await apart.second().read(ROUTE)
        assert (reading.override, reading.isolated) == (share, ("apac",))
        assert await on_new(apart, "apac") == 0.0
        assert await on_new(apart, "eu") > 0.2


async def test_who_is_put_back_has_the_share_again(apart: Rig) -> None:
    """The list is what was said last; the unnamed rest can be isolated too."""
    await apart.router.set_share(ROUTE, Slot.B, FULL)
    await apart.router.isolate(ROUTE, ("other", "us"))
    assert [await on_new(apart, name, 60) for name in ("eu", "us", "", "elsewhere")] == [1.0, 0.0, 0.0, 0.0]
    await apart.router.isolate(ROUTE, ("us",))
    assert [await on_new(apart, name, 60) for name in ("eu", "us", "", "elsewhere")] == [1.0, 0.0, 1.0, 1.0]
    await apart.router.isolate(ROUTE, ())
    assert (await apart.second().read(ROUTE)).isolated == ()
    assert await on_new(apart, "us", 60) == 1.0


async def test_zero_takes_every_segment_with_it_and_lets_nobody_in(apart: Rig) -> None:
    """One call on the way down, whatever the rings; isolation outlives it."""
    await apart.router.isolate(ROUTE, ("apac",))
    await apart.router.set_share(ROUTE, Slot.B, Share(100, (("eu", 10_000), ("us", 1_000))))
    await apart.router.set_share(ROUTE, Slot.B, ZERO)
    reading = await apart.second().read(ROUTE)
    assert (reading.override_slot, reading.override, reading.isolated) == (None, ZERO, ("apac",))
    assert [await on_new(apart, name) for name in ("eu", "us", "apac", "")] == [0.0] * 4


async def test_no_restart_lets_an_isolated_segment_in(apart: Rig) -> None:
    """What raises may be forgotten; what lowers is not, and holds against the next share."""
    await apart.router.set_share(ROUTE, Slot.B, Share(5_000))
    await apart.router.isolate(ROUTE, ("apac",))
    apart.restart()
    assert (await apart.router.read(ROUTE)).isolated == ("apac",)
    await apart.router.set_share(ROUTE, Slot.B, FULL)
    assert (await on_new(apart, "apac"), await on_new(apart, "us")) == (0.0, 1.0)


async def test_a_renewal_wants_every_ring_as_it_was(apart: Rig) -> None:
    """It neither makes nor changes a segment's share."""
    await apart.router.set_share(ROUTE, Slot.B, WIDER)
    assert not await apart.router.renew(ROUTE, Slot.B, RING)
    assert not await apart.router.renew(ROUTE, Slot.B, Share(100, WIDER.segments))
    assert await apart.router.renew(ROUTE, Slot.B, WIDER)
    assert (await apart.router.read(ROUTE)).override == WIDER


@pytest.mark.real
async def test_a_lapse_raises_no_isolated_segment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """HAProxy's lease runs out under load: everybody goes to the base, and the isolated were there all along (I7)."""
    rig = HAProxyRig(tmp_path_factory.mktemp("lapse"), lease="700ms", apart=True)
    with running(rig):
        await rig.router.isolate(ROUTE, ("apac",))
        await rig.router.set_share(ROUTE, Slot.B, Share(1_000, (("eu", 10_000),)))
        served = {"apac": 0, "eu": 0}
        async with asyncio.timeout(30):
            while (await rig.router.read(ROUTE)).override_slot is not None:
                for name in served:
                    served[name] += (await rig.send(users(20), name)).slots["b"]
        for name in served:
            served[name] += (await rig.send(users(200), name)).slots["b"]
        assert served["apac"] == 0 < served["eu"]
        assert (await rig.router.read(ROUTE)).isolated == ("apac",)
        await rig.router.close()


async def test_an_engine_that_is_gone_says_so(apart: Rig) -> None:
    """Nobody is told that a segment is isolated where nothing answers."""
    apart.kill()
    with pytest.raises(RouterError, match=r"[.]$"):
        await apart.router.isolate(ROUTE, ("eu",))


@pytest.mark.real
async def test_servers_count_nothing_for_an_isolated_segment(real_apart: RealRig) -> None:
    """Counted where the requests arrive: not one of them reaches the new side."""
    await real_apart.router.set_share(ROUTE, Slot.B, FULL)
    await real_apart.router.isolate(ROUTE, ("us",))
    before = real_apart.servers[Slot.B].requests
    await real_apart.send(users(300), "us")
    assert real_apart.servers[Slot.B].requests == before
