"""Whole rollouts on a real HAProxy with real servers under load, and what happens when one of them dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import Slot
from tests.e2e.paper import spec
from tests.e2e.sites import Site, haproxy_site
from tests.engines.haproxy import HAProxy

pytestmark = pytest.mark.real
RATE = 400.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site[HAProxy]]:
    """Both servers fail one request in fifty, as real ones do."""
    with haproxy_site(tmp_path, failure_rate=0.02) as site:
        yield site


async def test_two_rollouts_in_a_row_with_a_reload_and_a_kill_between(site: Site[HAProxy]) -> None:
    """The first ends done and its version is the base; a reload and a kill later the second goes the other way."""
    house, proxy, servers = site.house, site.proxy, site.servers
    house.start()
    async with site.load(RATE) as tally:
        await asyncio.to_thread(house.begin, spec("v2"))
        await asyncio.to_thread(house.wait, "ranker-v2", "done")
        house.program.kill()
        await asyncio.to_thread(proxy.reload)
        servers[Slot.A].version = "v3"
        await asyncio.to_thread(house.start)
        assert house.status("ranker-v2")["phase"] == "done"
        answered = servers[Slot.A].requests
        await asyncio.to_thread(house.begin, spec("v3", champion="v2"))
        await asyncio.to_thread(house.wait, "ranker-v3", "done")
        assert servers[Slot.A].requests > answered
    assert set(tally.codes) <= {200, 500}
    assert proxy.base_map.read_text(encoding="utf-8") == "ranker a\n"


async def test_a_harmful_challenger_is_taken_back_on_real_traffic(site: Site[HAProxy]) -> None:
    """Half of its answers fail: the share goes to zero by itself, and the champion serves everything."""
    house = site.house
    site.servers[Slot.B].failure_rate = 0.5
    house.start()
    async with site.load(RATE):
        await asyncio.to_thread(house.begin, spec("v2"))
        await asyncio.to_thread(house.wait, "ranker-v2", "rolled_back")
        reading = await site.read()
    assert reading.override_slot is None
    assert reading.base is Slot.A
