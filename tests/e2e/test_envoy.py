"""Whole rollouts on a real Envoy with real servers under load: to the end and on to the next, and back by a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import Slot
from tests.e2e.paper import spec
from tests.e2e.sites import NAME, Site, envoy_site
from tests.engines.envoy import Envoy

pytestmark = pytest.mark.real
RATE = 300.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site[Envoy]]:
    """Both servers fail one request in fifty, as real ones do."""
    with envoy_site(tmp_path, failure_rate=0.02) as site:
        yield site


async def test_two_rollouts_in_a_row_with_a_restart_of_envoy_between(site: Site[Envoy]) -> None:
    """The first ends done; the base is in Envoy's file and survives its restart; the second goes the other way."""
    house, servers = site.house, site.servers
    await asyncio.to_thread(house.start)
    async with site.load(RATE) as tally:
        await asyncio.to_thread(house.begin, spec("v2"))
        await asyncio.to_thread(house.wait, NAME, "done")
    assert set(tally.codes) <= {200, 500}
    await asyncio.to_thread(site.proxy.program.stop)
    await asyncio.to_thread(site.proxy.start)
    assert (await site.read()).base is Slot.B
    servers[Slot.A].version = "v3"
    async with site.load(RATE) as tally:
        await asyncio.to_thread(house.begin, spec("v3", champion="v2"))
        await asyncio.to_thread(house.wait, "ranker-v3", "done")
    reading = await site.read()
    assert (reading.base, reading.override_slot) == (Slot.A, None)
    assert set(tally.codes) <= {200, 500}


async def test_an_abort_takes_the_share_back_and_nothing_raises_it_again(site: Site[Envoy]) -> None:
    """I2: confirmed in the answer itself, zero on Envoy, ended aborted; also for a daemon that starts anew."""
    house = site.house
    async with site.load(RATE):
        await site.begin(spec("v2", stay="5m"))
        answer = await asyncio.to_thread(house.act, NAME, "abort", reason="enough seen", wait_s=5)
        assert answer["router_confirmed"] is True
        assert (await site.read()).override_slot is None
        house.program.kill()
        await asyncio.to_thread(house.start)
        assert house.status(NAME)["phase"] == "aborted"
        assert (await site.read()).override_slot is None
