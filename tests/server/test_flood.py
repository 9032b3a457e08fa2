"""A hostile user opens 10,000 connections as fast as it can; whoever must abort still can, every time.

``ROLLOUTD_FLOOD_S`` asks for a flood that goes on for so many seconds at least.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable

import pytest

from rolloutd.core.values import Role
from rolloutd.ctl.client import Client
from tests.server.fake_service import FakeService, picture
from tests.server.other_user import IS_ROOT, some_uid
from tests.server.running import running, until
from tests.server.test_roles import access_for, let_others_connect

CONNECTIONS = 10_000
FLOOD_S = float(os.environ.get("ROLLOUTD_FLOOD_S", "0"))
FLOOD = """
import os, socket, sys
os.setgroups([])
os.setresuid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
held, made = [], 0
while True:
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        sock.connect(sys.argv[1])
    except OSError:
        sock.close()
        continue
    held.append(sock)
    made += 1
    if made % 1000 == 0:
        print(made, flush=True)
    if len(held) > 500:
        held.pop(0).close()
"""


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
@pytest.mark.parametrize("target", ["view", "control"])
async def test_every_abort_gets_through_a_flood(target: str, record_property: Callable[[str, object], None]) -> None:
    """S3, I2: of connections to the other socket, or to the very one that aborts go over."""
    service = FakeService(picture("ranker"))
    async with running(service, access_for(Role.VIEWER)) as server:
        let_others_connect(server)
        command = (sys.executable, "-c", FLOOD, server.path(target), str(some_uid()))
        hostile = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        count = Count(hostile)
        try:
            await until(lambda: server.local.connections(target) > 0)
            client = Client(str(server.directory), timeout_s=10)
            aborts, slowest_s, began_s = 0, 0.0, time.monotonic()
            while aborts < 10 or count.made < CONNECTIONS or time.monotonic() - began_s < FLOOD_S:
                assert hostile.returncode is None, "the flood has ended by itself"
                asked_s = time.monotonic()
                done = await asyncio.to_thread(client.post, "rollouts", "ranker", "abort", body={})
                assert done["accepted"]
                aborts, slowest_s = aborts + 1, max(slowest_s, time.monotonic() - asked_s)
            flooded_s = time.monotonic() - began_s
        finally:
            hostile.kill()
            await hostile.wait()
            await count.reading
    assert len(service.acts) == aborts
    told = f"{count.made:,} connections to the {target} socket in {flooded_s:.0f} s"
    record_property(
        "figure", f"{told}: {aborts} of {aborts} aborts got through, the slowest in {1000 * slowest_s:.0f} ms"
    )


class Count:
    """How many connections a flood has made so far, as it says itself."""

    def __init__(self, hostile: asyncio.subprocess.Process) -> None:
        self.made = 0
        self.reading = asyncio.create_task(self._read(hostile))

    async def _read(self, hostile: asyncio.subprocess.Process) -> None:
        while hostile.stdout is not None and (line := await hostile.stdout.readline()):
            self.made = int(line)
