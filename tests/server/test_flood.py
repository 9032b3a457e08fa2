"""A hostile user opens connections as fast as it can; whoever must abort still can, every time."""

from __future__ import annotations

import asyncio
import sys

import pytest

from rolloutd.core.values import Role
from rolloutd.ctl.client import Client
from tests.server.fake_service import FakeService, picture
from tests.server.other_user import IS_ROOT, some_uid
from tests.server.running import running, until
from tests.server.test_roles import access_for, let_others_connect

FLOOD = """
import os, socket, sys
os.setgroups([])
os.setresuid(int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[2]))
held = []
while True:
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        sock.connect(sys.argv[1])
    except OSError:
        sock.close()
        continue
    held.append(sock)
    if len(held) > 500:
        held.pop(0).close()
"""


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
@pytest.mark.parametrize("target", ["view", "control"])
async def test_every_abort_gets_through_a_flood(target: str) -> None:
    """Of connections to the other socket, or to the very one that aborts go over."""
    service = FakeService(picture("ranker"))
    async with running(service, access_for(Role.VIEWER)) as server:
        let_others_connect(server)
        command = (sys.executable, "-c", FLOOD, server.path(target), str(some_uid()))
        hostile = await asyncio.create_subprocess_exec(*command)
        try:
            await until(lambda: server.local.connections(target) > 0)
            client = Client(str(server.directory), timeout_s=10)
            for _ in range(10):
                done = await asyncio.to_thread(client.post, "rollouts", "ranker", "abort", body={})
                assert done["accepted"]
        finally:
            hostile.kill()
            await hostile.wait()
    assert len(service.acts) == 10
