"""The daemon told to stop while it works, on a real HAProxy: it ends what it began, and that is no failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, haproxy_site

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
