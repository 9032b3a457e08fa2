"""A hostile user opens 10,000 connections as fast as it can; whoever must abort still can, every time.

``ROLLOUTD_FLOOD_S`` asks for a flood that goes on for so many seconds at least.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from rolloutd.core.values import Role
from rolloutd.ctl.client import Client
from tests.server.fake_service import FakeService, picture
from tests.server.flood import CONNECTIONS, FLOOD_S, flood
from tests.server.other_user import IS_ROOT
from tests.server.running import running, until
from tests.server.test_roles import access_for, let_others_connect


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
@pytest.mark.parametrize("target", ["view", "control"])
async def test_every_abort_gets_through_a_flood(target: str, record_property: Callable[[str, object], None]) -> None:
    """S3, I2: of connections to the other socket, or to the very one that aborts go over."""
    service = FakeService(picture("ranker"))
    async with running(service, access_for(Role.VIEWER)) as server:
        let_others_connect(server)
        client = Client(str(server.directory), timeout_s=10)
        aborts, slowest_s = 0, 0.0
        async with flood(server.path(target)) as hostile:
            await until(lambda: server.local.connections(target) > 0)
            began_s = time.monotonic()
            while aborts < 10 or hostile.made < CONNECTIONS or time.monotonic() - began_s < FLOOD_S:
                assert hostile.goes_on, "the flood has ended by itself"
                asked_s = time.monotonic()
                done = await asyncio.to_thread(client.post, "rollouts", "ranker", "abort", body={})
                assert done["accepted"]
                aborts, slowest_s = aborts + 1, max(slowest_s, time.monotonic() - asked_s)
            flooded_s = time.monotonic() - began_s
    assert len(service.acts) == aborts
    told = f"{hostile.made:,} connections to the {target} socket in {flooded_s:.0f} s"
    record_property(
        "figure", f"{told}: {aborts} of {aborts} aborts got through, the slowest in {1000 * slowest_s:.0f} ms"
    )
