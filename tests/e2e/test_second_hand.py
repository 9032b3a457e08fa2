"""Stopped before anything is touched: a second daemon on the directory, a rollout on a route that has a share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from rolloutd.core.values import Share, Slot
from rolloutd.ctl.exits import REFUSED, Failure
from rolloutd.lock import take_lock
from tests.e2e.paper import spec
from tests.e2e.sites import FIRST, NAME, haproxy_site
from tests.engines.haproxy import HAProxy

pytestmark = pytest.mark.real
EXIT_RUNNING = 3


async def test_a_second_daemon_on_the_directory_ends_and_the_first_goes_on(tmp_path: Path) -> None:
    """I5: exit code 3 and a sentence; the first one's sockets, share and rollout are as before."""
    with haproxy_site(tmp_path) as site:
        await site.begin(spec("v2", stay="5m"))
        second = await asyncio.to_thread(site.house.run_beside)
        assert second.returncode == EXIT_RUNNING
        assert "Another rolloutd acts on" in second.stderr
        assert "touched neither the router nor the journal" in second.stderr
        assert site.house.answers()
        assert site.house.status(NAME)["phase"] == "running"
        assert await site.share() == FIRST


async def test_a_second_daemon_opens_neither_router_nor_journal(tmp_path: Path) -> None:
    """I5: the lock comes before everything else, so nothing is made in the directory and the router is not asked."""
    asked = 0

    async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    def elsewhere(proxy: HAProxy) -> str:
        proxy.program.stop()
        proxy.socket.unlink()
        return 'kind = "scrape"\ntargets = [{ url = "http://127.0.0.1:9/metrics" }]'

    with haproxy_site(tmp_path, source=elsewhere) as site:
        state = tmp_path / "state"
        lock = take_lock(state)
        try:
            async with await asyncio.start_unix_server(count, site.proxy.socket):
                second = await asyncio.to_thread(site.house.run_beside)
        finally:
            os.close(lock)
        assert second.returncode == EXIT_RUNNING
        assert [file.name for file in state.iterdir()] == ["lock"]
        assert not (tmp_path / "run").exists()
        assert asked == 0


async def test_a_share_found_above_zero_refuses_the_start(tmp_path: Path) -> None:
    """Somebody else may own that share: the rollout is refused with the reason, and the share stays as it was found."""
    found = Share(700)
    with haproxy_site(tmp_path, lease="60s") as site:
        await asyncio.to_thread(site.house.start)
        await site.write_by_hand(found)
        with pytest.raises(Failure) as refused:
            await asyncio.to_thread(site.house.begin, spec("v2"))
        assert refused.value.exit_code == REFUSED
        assert "already has a share of 7%" in str(refused.value.problem["message"])
        assert site.house.status(NAME)["phase"] == "refused"
        reading = await site.read()
        assert (reading.override_slot, reading.override) == (Slot.B, found)
