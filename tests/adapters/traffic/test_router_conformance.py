"""What every router does, those of the real engines and the one in memory alike."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time

import pytest

from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.ports import Router, RouterError, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, RealRig, Rig, users
from tests.engines.processes import until


async def read_on_another_connection(rig: Rig) -> tuple[Slot, Slot | None, Share]:
    """Base, override slot and override, as a second adapter reads them."""
    other = rig.second()
    reading = await other.read(ROUTE)
    if other is not rig.router:
        await other.close()
    return reading.base, reading.override_slot, reading.override


async def test_a_fresh_route_is_wholly_on_its_base(rig: Rig) -> None:
    """Before any write slot a serves, nothing is overridden, and no lease runs."""
    reading = await rig.router.read(ROUTE)
    assert (reading.base, reading.override_slot, reading.override) == (Slot.A, None, ZERO)
    assert reading.lease_left_ms is None
    assert (reading.share_of(Slot.A), reading.share_of(Slot.B)) == (FULL, ZERO)


@pytest.mark.parametrize("points", [1, 25, 100, 3333, 9900, 9999, 10_000])
async def test_a_share_is_read_back_exactly_as_written(rig: Rig, points: int) -> None:
    """Every basis point can be held; what is read comes from the engine."""
    await rig.router.set_share(ROUTE, Slot.B, Share(points))
    assert await read_on_another_connection(rig) == (Slot.A, Slot.B, Share(points))


async def test_zero_sends_nothing_and_hundred_sends_all(rig: Rig) -> None:
    """Not one request strays at either end, and each end follows from the other."""
    for share, expected in ((ZERO, "a"), (FULL, "b"), (ZERO, "a")):
        await rig.router.set_share(ROUTE, Slot.B, share)
        tally = await rig.send(users(300))
        assert tally.codes == {200: 300}
        assert tally.slots == {expected: 300}


async def test_the_servers_themselves_count_nothing_and_all(real_rig: RealRig) -> None:
    """The same, counted where the requests arrive: no hidden retry and no copy reaches the other side."""
    for share, full, empty in ((ZERO, Slot.A, Slot.B), (FULL, Slot.B, Slot.A)):
        await real_rig.router.set_share(ROUTE, Slot.B, share)
        before = {slot: server.requests for slot, server in real_rig.servers.items()}
        await real_rig.send(users(300))
        assert real_rig.servers[full].requests - before[full] == 300
        assert real_rig.servers[empty].requests == before[empty]


async def test_one_percent_is_one_percent(rig: Rig) -> None:
    """The share of distinct users lies within five standard errors of what was asked."""
    await rig.router.set_share(ROUTE, Slot.B, Share(100))
    tally = await rig.send(users(3_000))
    assert tally.codes == {200: 3_000}
    assert abs(tally.fraction("b") - 0.01) < 5 * math.sqrt(0.01 * 0.99 / 3_000)


async def test_requests_without_a_user_are_split_too(real_rig: RealRig) -> None:
    """Nobody's id is no bucket of its own: such requests are drawn one by one."""
    await real_rig.router.set_share(ROUTE, Slot.B, Share(5_000))
    tally = await real_rig.send([""] * 600)
    assert abs(tally.fraction("b") - 0.5) < 6 * math.sqrt(0.25 / 600)


async def test_a_growing_share_keeps_its_users(rig: Rig) -> None:
    """Whoever is on the new side at a small share is there at every larger one."""
    before: set[str] = set()
    for points in (100, 1_000, 5_000):
        await rig.router.set_share(ROUTE, Slot.B, Share(points))
        after = (await rig.send(users(1_000))).users_on("b")
        assert before < after
        before = after
    assert 400 < len(before) < 600


async def test_a_user_stays_on_one_side(rig: Rig) -> None:
    """At an equal share the same users are on the new side every time."""
    await rig.router.set_share(ROUTE, Slot.B, Share(2_000))
    first, again = await rig.send(users(500)), await rig.send(users(500))
    assert first.users_on("b") == again.users_on("b")


async def test_there_is_one_override_a_route(rig: Rig) -> None:
    """A share for one slot replaces that of the other; zero removes it, whichever slot it is said of."""
    await rig.router.set_share(ROUTE, Slot.B, Share(2_000))
    await rig.router.set_share(ROUTE, Slot.A, Share(3_000))
    reading = await rig.router.read(ROUTE)
    assert (reading.override_slot, reading.share_of(Slot.A), reading.share_of(Slot.B)) == (Slot.A, FULL, ZERO)
    await rig.router.set_share(ROUTE, Slot.B, Share(2_000))
    await rig.router.set_share(ROUTE, Slot.A, ZERO)
    assert await read_on_another_connection(rig) == (Slot.A, None, ZERO)


async def test_the_base_changes_under_a_full_override_and_back(rig: Rig) -> None:
    """The end of a rollout: full override, base, override gone; nobody changes sides meanwhile. Then all of it back."""
    for slot in (Slot.B, Slot.A):
        await rig.router.set_share(ROUTE, slot, FULL)
        await rig.router.set_base(ROUTE, slot)
        assert await read_on_another_connection(rig) == (slot, slot, FULL)
        await rig.router.set_share(ROUTE, slot, ZERO)
        assert await read_on_another_connection(rig) == (slot, None, ZERO)
        assert (await rig.send(users(100))).slots == {slot.value: 100}


async def test_a_base_that_goes_back_finds_the_override_as_it_was(rig: Rig) -> None:
    """A change of base leaves the override alone: without effect on the base itself, and in effect again after."""
    await rig.router.set_share(ROUTE, Slot.B, Share(3_000))
    await rig.router.set_base(ROUTE, Slot.B)
    assert (await rig.router.read(ROUTE)).share_of(Slot.B) == FULL
    await rig.router.set_base(ROUTE, Slot.A)
    assert await read_on_another_connection(rig) == (Slot.A, Slot.B, Share(3_000))


async def test_no_request_strays_while_the_base_changes(real_rig: RealRig) -> None:
    """Under load: from the confirmed full override on every request goes to the new side, and none fails."""
    rig = real_rig
    async with rig.load(400) as tally:
        await rig.router.set_share(ROUTE, Slot.B, FULL)
        confirmed_s = time.monotonic()
        for _ in range(3):
            await rig.router.set_base(ROUTE, Slot.B)
            await rig.router.set_share(ROUTE, Slot.B, ZERO)
            await rig.router.set_share(ROUTE, Slot.B, FULL)
            await rig.router.set_base(ROUTE, Slot.A)
        sent = tally.total
        await until(lambda: tally.total > sent + 100, "a hundred more answers")
    assert tally.failed == 0
    assert tally.last_s.get("a", 0.0) <= confirmed_s


async def test_zero_wins_over_a_raise_in_flight(rig: Rig) -> None:
    """A return to the base begun during a raise, and asserted again when that ended, leaves nothing raised."""
    for _ in range(5):
        raising = asyncio.create_task(rig.router.set_share(ROUTE, Slot.B, Share(5_000)))
        await asyncio.sleep(0)
        await rig.router.set_share(ROUTE, Slot.B, ZERO)
        raising.cancel()
        with contextlib.suppress(RouterError, asyncio.CancelledError):
            await raising
        await rig.router.set_share(ROUTE, Slot.B, ZERO)
        assert await read_on_another_connection(rig) == (Slot.A, None, ZERO)
    assert (await rig.send(users(200))).slots == {"a": 200}


async def test_a_renewal_lengthens_only_exactly_what_is_there(rig: Rig) -> None:
    """It never makes an override, never changes one, and never touches the other slot's."""
    assert not await rig.router.renew(ROUTE, Slot.B, Share(100))
    assert await read_on_another_connection(rig) == (Slot.A, None, ZERO)
    await rig.router.set_share(ROUTE, Slot.B, Share(200))
    assert not await rig.router.renew(ROUTE, Slot.B, Share(100))
    assert not await rig.router.renew(ROUTE, Slot.B, ZERO)
    assert not await rig.router.renew(ROUTE, Slot.A, Share(200))
    assert await rig.router.renew(ROUTE, Slot.B, Share(200))
    assert await read_on_another_connection(rig) == (Slot.A, Slot.B, Share(200))


async def test_a_restart_shows_as_another_instance(rig: Rig) -> None:
    """The base lasts; the share lasts exactly where the engine says that it does."""
    await rig.router.set_base(ROUTE, Slot.B)
    await rig.router.set_share(ROUTE, Slot.A, Share(1_000))
    before = await rig.router.read(ROUTE)
    assert (await rig.router.read(ROUTE)).instance == before.instance
    rig.restart()
    after = await rig.router.read(ROUTE)
    assert after.instance != before.instance
    assert after.base is Slot.B
    assert after.share_of(Slot.A) == (Share(1_000) if rig.router.abilities.survives_restart else ZERO)


async def test_an_engine_that_is_gone_cannot_be_reached(rig: Rig) -> None:
    """Every call says so with its own error, and in a sentence."""
    await rig.router.set_share(ROUTE, Slot.B, Share(100))
    rig.kill()
    for call in (
        rig.router.read(ROUTE),
        rig.router.set_share(ROUTE, Slot.B, ZERO),
        rig.router.set_share(ROUTE, Slot.B, FULL),
        rig.router.renew(ROUTE, Slot.B, Share(100)),
        rig.router.set_base(ROUTE, Slot.B),
    ):
        with pytest.raises(RouterUnreachable, match=r"[.]$"):
            await call


async def test_an_unknown_route_is_refused(rig: Rig) -> None:
    """Nothing is written for a route that the configuration does not have, and the known ones are named."""
    for call in (
        rig.router.read("rankr"),
        rig.router.set_share("rankr", Slot.B, FULL),
        rig.router.renew("rankr", Slot.B, FULL),
        rig.router.set_base("rankr", Slot.B),
    ):
        with pytest.raises(RouterRefused, match=r"rankr.*known are .*ranker"):
            await call


async def test_a_router_fits_its_port(rig: Rig) -> None:
    """It is a Router, says what it can do, and shows a lease exactly when it says it has them."""
    assert isinstance(rig.router, Router)
    await rig.router.set_share(ROUTE, Slot.B, Share(100))
    assert ((await rig.router.read(ROUTE)).lease_left_ms is not None) == rig.router.abilities.leases
