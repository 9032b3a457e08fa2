"""The prober against servers that answer well, badly, for ever or not at all: always an answer, never an exception."""

from __future__ import annotations

import pytest

from rollout_adapters.traffic.prober import HttpProber
from rolloutd.core.observed import SlotHealth
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, RouteSlot
from tests.engines.faulty_http import Fault, FaultyHTTP
from tests.engines.processes import free_port


async def probed(url: str, deadline_s: float = 0.3) -> SlotHealth:
    """What one probe of this address finds."""
    slots = {slot: RouteSlot(slot.value, url) for slot in Slot}
    prober = HttpProber({"ranker": RouteConfig("ranker", "edge", slots)}, deadline_s)
    return await prober.probe("ranker", Slot.A)


async def test_a_version_in_the_body_is_told() -> None:
    """200 with a JSON body that names the version."""
    async with FaultyHTTP(body=b'{"version": "v7"}', content_type="application/json") as server:
        assert await probed(f"{server.url}/version?full=1") == SlotHealth(
            True, "v7", f"{server.url}/version?full=1 is up."
        )
        assert server.requests[0].startswith("GET /version?full=1 HTTP/1.1\r\n")


async def test_a_version_in_a_header_is_told() -> None:
    """200 with another body and the header."""
    async with FaultyHTTP(body=b"fine", headers={"X-Model-Version": "v8"}) as server:
        assert (await probed(server.url)).version == "v8"


async def test_no_version_is_up_all_the_same() -> None:
    """200 that says nothing more."""
    async with FaultyHTTP(body=b"fine") as server:
        found = await probed(server.url)
    assert found.up
    assert found.version is None


async def test_another_status_is_down() -> None:
    """503, and a redirect, which is not followed."""
    async with FaultyHTTP(status=503) as server:
        assert not (await probed(server.url)).up
    async with FaultyHTTP(status=302, headers={"Location": "/elsewhere"}) as server:
        assert not (await probed(server.url)).up
        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
async def test_every_fault_is_down_in_words(fault: Fault) -> None:
    """Silence, trickles, resets, hang-ups, garbage, broken-off and endless answers."""
    async with FaultyHTTP(body=b"fine" * 100, fault=fault) as server:
        found = await probed(server.url)
    assert not found.up
    assert server.url in found.detail


async def test_nobody_there_is_down_in_words() -> None:
    """A port without a listener."""
    found = await probed(f"http://127.0.0.1:{free_port()}/version")
    assert not found.up
    assert "cannot be asked" in found.detail
