"""Whole rollouts on a real HAProxy with real servers under load, and what happens when one of them dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolloutd.core.values import Slot
from tests.e2e.house import House, config, scrape_source, spec
from tests.engines.haproxy import HAProxy
from tests.engines.load import load
from tests.engines.servers import ModelServer, ServerThread

RATE = 400.0


@dataclass(frozen=True, slots=True)
class Site:
    """A proxy, its two servers and the daemon beside them."""

    proxy: HAProxy
    servers: dict[Slot, ModelServer]
    house: House


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A running proxy and servers; the daemon is configured, and started by the test."""
    servers = {Slot.A: ModelServer("ranker-a", "v1", 0.02), Slot.B: ModelServer("ranker-b", "v2", 0.02)}
    with ServerThread(*servers.values()), HAProxy(tmp_path, {"ranker": servers}, lease="5s") as proxy:
        house = House(tmp_path, config(tmp_path, proxy, scrape_source(proxy)))
        try:
            yield Site(proxy, servers, house)
        finally:
            house.stop()


@pytest.mark.real
async def test_two_rollouts_in_a_row_with_a_reload_and_a_kill_between(site: Site) -> None:
    """The first ends done and its version is the base; a reload and a kill later the second goes the other way."""
    house, proxy, servers = site.house, site.proxy, site.servers
    house.start()
    async with load(proxy.ports["ranker"], RATE) as tally:
        await _in_thread(lambda: (house.begin(spec("v2")), house.wait("ranker-v2", "done")))
        house.program.kill()
        proxy.reload()
        servers[Slot.A].version = "v3"
        house.start()
        first = house.status("ranker-v2")
        assert first["phase"] == "done"
        answered = servers[Slot.A].requests
        await _in_thread(lambda: (house.begin(spec("v3", champion="v2")), house.wait("ranker-v3", "done")))
        assert servers[Slot.A].requests > answered
    assert set(tally.codes) <= {200, 500}
    assert site.proxy.base_map.read_text(encoding="utf-8") == "ranker a\n"


@pytest.mark.real
async def test_a_harmful_challenger_is_taken_back_on_real_traffic(site: Site) -> None:
    """Half of its answers fail: the share goes to zero by itself, and the champion serves everything."""
    house, proxy, servers = site.house, site.proxy, site.servers
    servers[Slot.B].failure_rate = 0.5
    house.start()
    async with load(proxy.ports["ranker"], RATE):
        await _in_thread(lambda: (house.begin(spec("v2")), house.wait("ranker-v2", "rolled_back")))
        reading = await proxy.router().read("ranker")
    assert reading.override_slot is None
    assert reading.base is Slot.A


async def _in_thread(work: object) -> None:
    """Do something that waits without stopping the load."""
    import asyncio

    assert callable(work)
    await asyncio.to_thread(work)
