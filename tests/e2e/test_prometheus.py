"""Rollouts on a real HAProxy that are judged by a real Prometheus, which scrapes HAProxy each second, or dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO, Slot
from tests.e2e.paper import spec
from tests.e2e.sites import NAME, Site, haproxy_site
from tests.engines.haproxy import HAProxy
from tests.engines.prometheus import Prometheus

pytestmark = pytest.mark.real
RATE = 400.0

Judged = tuple[Site[HAProxy], Prometheus]


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Judged]:
    """A site whose errors are counted by HAProxy, and read from Prometheus. Blind for 3 s is too long."""
    with ExitStack() as stack:
        started: list[Prometheus] = []

        def source(proxy: HAProxy) -> str:
            started.append(stack.enter_context(Prometheus(tmp_path, [(f"127.0.0.1:{proxy.metrics_port}", {})])))
            return f'kind = "prometheus"\nevery = "500ms"\nscrape_interval = "1s"\nurl = "{started[0].url}"'

        policy = "blind_hold = 2\nblind_recede = 6"
        site = stack.enter_context(haproxy_site(tmp_path, failure_rate=0.02, policy=policy, source=source))
        yield site, started[0]


async def test_a_whole_rollout_judged_by_prometheus(judged: Judged) -> None:
    """HAProxy, Prometheus and two servers under load: up to 100 %, the base moves, done; only servers fail requests."""
    site, _ = judged
    await asyncio.to_thread(site.house.start)
    async with site.load(RATE) as tally:
        await asyncio.to_thread(site.house.begin, spec("v2"))
        await asyncio.to_thread(site.house.wait, NAME, "done")
    reading = await site.read()
    assert (reading.base, reading.override_slot) == (Slot.B, None)
    assert set(tally.codes) <= {200, 500}
    assert "BlindnessBegan" not in site.house.kinds(NAME)


async def test_a_prometheus_that_dies_takes_the_share_to_zero_and_leaves_it_there(judged: Judged) -> None:
    """I3, I7: BLIND is recorded, the rollout recedes and is held at 0, also when Prometheus is back."""
    site, prometheus = judged
    house = site.house
    async with site.load(RATE):
        await site.begin(spec("v2", stay="1m"))
        prometheus.program.kill()
        held = await asyncio.to_thread(house.wait, NAME, "held")
        assert await site.share() == ZERO
        kinds = house.kinds(NAME)
        assert kinds.index("BlindnessBegan") < kinds.index("RecedeStarted") < kinds.index("RolloutHeld")
        assert "no usable data" in held["held_because"]
        with prometheus:
            await asyncio.to_thread(
                house.wait_for, NAME, lambda status: status["gates"][0]["blind_reason"] is None, "the gate to see again"
            )
            assert house.status(NAME)["phase"] == "held"
            assert await site.share() == ZERO
