"""What every router that can copy requests does, the real engines alike; and what the others say."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rolloutd.core.values import FULL, ZERO, Share, Slot
from rolloutd.emergency import take_back
from rolloutd.ports import Mirrors, RouterRefused, RouterUnreachable
from tests.adapters.traffic.rigs import ROUTE, EnvoyRig, HAProxyRig, NginxRig, RealRig, running, users
from tests.engines.processes import until

MIRRORING = {"envoy": EnvoyRig, "nginx": NginxRig}
pytestmark = pytest.mark.real


@pytest.fixture(params=list(MIRRORING))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RealRig]:
    """Each real engine that mirrors."""
    made: RealRig = MIRRORING[request.param](tmp_path)
    with running(made):
        yield made
        await made.router.close()


def mirrors(rig: RealRig) -> Mirrors:
    """The router as one that mirrors."""
    assert isinstance(rig.router, Mirrors)
    assert rig.router.abilities.mirrors
    return rig.router


async def shown(rig: RealRig) -> tuple[Share | None, Slot | None]:
    """Mirror and slot, as another adapter reads them from the engine."""
    other = rig.second()
    reading = await other.read(ROUTE)
    await other.close()
    return reading.mirror, reading.mirror_slot


async def test_a_fresh_route_mirrors_nothing(rig: RealRig) -> None:
    """It can, and does not."""
    assert await shown(rig) == (ZERO, None)


@pytest.mark.parametrize("points", [1, 2_500, 10_000])
async def test_a_mirror_is_read_back_exactly_as_written_and_ends_with_zero(rig: RealRig, points: int) -> None:
    """What is read comes from the engine."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, Share(points))
    assert await shown(rig) == (Share(points), Slot.B)
    await mirrors(rig).set_mirror(ROUTE, Slot.B, ZERO)
    assert await shown(rig) == (ZERO, None)


async def test_every_request_is_copied_and_its_answer_is_the_bases_own(rig: RealRig) -> None:
    """Counted at the servers: each of 300 arrives at both; with the mirror off the copies end."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    tally = await rig.send(users(300))
    assert (tally.codes, tally.slots) == ({200: 300}, {"a": 300})
    await until(lambda: rig.servers[Slot.B].requests == 300, "all copies having arrived")
    assert rig.servers[Slot.A].requests == 300
    await mirrors(rig).set_mirror(ROUTE, Slot.B, ZERO)
    await rig.send(users(200))
    assert (rig.servers[Slot.A].requests, rig.servers[Slot.B].requests) == (500, 300)


async def test_original_and_copy_carry_one_request_id(rig: RealRig) -> None:
    """The engine gives each request an id, and both servers get it: what pairs are joined by."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    await rig.send(users(50))
    await until(lambda: rig.servers[Slot.B].requests == 50, "all copies having arrived")
    assert "" not in rig.servers[Slot.A].request_ids
    assert len(rig.servers[Slot.A].request_ids) == 50
    assert rig.servers[Slot.A].request_ids == rig.servers[Slot.B].request_ids


async def test_a_part_is_a_part(rig: RealRig) -> None:
    """A quarter of the requests, within six standard errors."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, Share(2_500))
    await rig.send(users(1_200))
    least, most = (300 + sign * 6 * math.sqrt(1_200 * 0.25 * 0.75) for sign in (-1, 1))
    await until(lambda: rig.servers[Slot.B].requests >= least, "enough copies")
    assert rig.servers[Slot.B].requests <= most


async def test_the_mirror_and_the_split_leave_each_other_alone(rig: RealRig) -> None:
    """A share comes and goes under a mirror, and a mirror under a share."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, Share(5_000))
    await rig.router.set_share(ROUTE, Slot.B, Share(1_000))
    assert await shown(rig) == (Share(5_000), Slot.B)
    await mirrors(rig).set_mirror(ROUTE, Slot.B, ZERO)
    reading = await rig.router.read(ROUTE)
    assert (reading.override, reading.mirror) == (Share(1_000), ZERO)
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    await rig.router.set_share(ROUTE, Slot.B, ZERO)
    reading = await rig.router.read(ROUTE)
    assert (reading.share_of(Slot.A), reading.mirror) == (FULL, FULL)


async def test_a_mirror_outlives_a_restart(rig: RealRig) -> None:
    """Its file is what lasts, as for a share."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    rig.restart()
    assert await shown(rig) == (FULL, Slot.B)


async def test_a_challenger_that_fails_or_is_gone_costs_no_answer(rig: RealRig) -> None:
    """Its failures and its silence reach nobody."""
    rig.servers[Slot.B].failure_rate = 1.0
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    assert (await rig.send(users(100))).codes == {200: 100}
    rig.threads.down(rig.servers[Slot.B])
    assert (await rig.send(users(100))).codes == {200: 100}


async def test_emergency_abort_takes_the_share_and_ends_the_copies(rig: RealRig) -> None:
    """I2: without a daemon too nothing of a challenger stays; a route with nothing on it is left alone."""
    await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)
    await rig.router.set_share(ROUTE, Slot.B, Share(1_000))
    before, after = await take_back(rig.router, ROUTE)
    assert (before.override, before.mirror) == (Share(1_000), FULL)
    assert (after.share_of(Slot.A), after.mirror) == (FULL, ZERO)
    assert await shown(rig) == (ZERO, None)
    assert await take_back(rig.router, ROUTE) == (after, after)


async def test_an_engine_that_is_gone_cannot_be_told(rig: RealRig) -> None:
    """In a sentence, as every other call."""
    rig.kill()
    with pytest.raises(RouterUnreachable, match=r"[.]$"):
        await mirrors(rig).set_mirror(ROUTE, Slot.B, FULL)


async def test_an_unknown_route_is_refused(rig: RealRig) -> None:
    """Nothing is written for it."""
    with pytest.raises(RouterRefused, match=r"rankr.*known are .*ranker"):
        await mirrors(rig).set_mirror("rankr", Slot.B, FULL)


async def test_haproxy_says_that_it_cannot(haproxy: HAProxyRig) -> None:
    """Its reading has no mirror at all, which is another thing than none now."""
    assert not isinstance(haproxy.router, Mirrors)
    assert not haproxy.router.abilities.mirrors
    assert (await haproxy.router.read(ROUTE)).mirror is None
