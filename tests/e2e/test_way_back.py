"""Blue-green on real engines under load: there at once, back by one key, and no request fails either way (I1, I2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.core.values import FULL, ZERO
from tests.e2e.sites import NAME, Site, envoy_site, haproxy_site
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.processes import until

pytestmark = pytest.mark.real
RATE = 150.0
OLD, NEW = "ranker-a", "ranker-b"
BLUE_GREEN = f"""
[rollout]
name = "{NAME}"
model = "ranker"
champion = "v1"
challenger = "v2"
route = "ranker"
reason = "an end-to-end test"
[[stage]]
name = "preview"
share = "0%"
min_time = "1s"
max_time = "5m"
min_ticks = 2
[[stage.smoke]]
name = "predicts"
path = "/predict"
answer = "prediction"
[[stage]]
name = "watch"
share = "100%"
holdback = "0%"
min_time = "10m"
max_time = "20m"
[[gate]]
metric = "errors"
limit = "40%"
"""


@pytest.fixture(params=["haproxy", "envoy"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site[HAProxy] | Site[Envoy]]:
    """Either engine."""
    make = haproxy_site if request.param == "haproxy" else envoy_site
    with make(tmp_path) as either:
        yield either


async def test_the_old_side_serves_again_after_one_key_and_nothing_failed(site: Site[HAProxy] | Site[Envoy]) -> None:
    """Everybody goes to the new side, the key brings everybody back, the old side was up all the time (I1, I2)."""
    house = site.house
    async with site.load(RATE) as tally:
        await asyncio.to_thread(house.start)
        await asyncio.to_thread(house.begin, BLUE_GREEN)
        await site.shows(FULL, within_s=60.0)
        moved_s = time.monotonic()
        await until(lambda: tally.last_s.get(NEW, 0.0) > moved_s + 0.5, "users on the new side")
        assert tally.last_s[OLD] < moved_s  # nobody is held back
        await asyncio.to_thread(house.act, NAME, "abort", reason="back")
        await site.shows(ZERO)
        back_s = time.monotonic()
        await until(lambda: tally.last_s.get(OLD, 0.0) > back_s + 0.5, "users on the old side")
        await asyncio.to_thread(house.wait, NAME, "aborted")
    assert tally.failed == 0
    assert tally.last_s[NEW] < back_s  # what was sent once the way back had been read came to the old side
    assert (await site.read()).base.value == "a"
    assert house.kinds(NAME).count("TrafficWanted") == 2
