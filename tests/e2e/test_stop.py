"""The daemon told to stop while it works, on a real HAProxy: it ends what it began, and that is no failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, NAME, haproxy_site

pytestmark = pytest.mark.real
STOPS = 4


async def test_a_stop_while_it_works_is_a_stop_on_purpose(tmp_path: Path) -> None:
    """I1, I7: ticks and polls are under way nearly all the time here; the unit would call any other code a failure."""
    with haproxy_site(tmp_path, tick="250ms", lease="60s") as site:
        house = site.house
        async with site.load(100.0):
            await site.begin(spec("v2", stay="600s"))
            for _ in range(STOPS):
                assert await asyncio.to_thread(house.stop) == 0, house.tail()
                await asyncio.to_thread(house.start)
            assert await site.share() == FIRST
        assert "Traceback" not in house.program.log()


async def test_a_stop_without_its_router_is_one_too(tmp_path: Path) -> None:
    """I6, I7: a zero that nobody takes is asked for for ever; a stop leaves it to the next process and the lease."""
    with haproxy_site(tmp_path, tick="250ms", lease="60s") as site:
        house = site.house
        await site.begin(spec("v2", stay="600s"))
        site.proxy.program.stop()
        await asyncio.to_thread(house.act, NAME, "abort", reason="its router is gone")
        assert await asyncio.to_thread(house.stop) == 0, house.tail()
