"""Smoke probes against servers that answer rightly, wrongly or not at all: three findings that are never mixed up."""

from __future__ import annotations

import pytest

from rollout_adapters.traffic.prober import HttpProber
from rolloutd.core.observed import SmokeFinding
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, RouteSlot, Smoke
from tests.engines.faulty_http import Fault, FaultyHTTP
from tests.engines.processes import free_port


async def smoked(url: str, probe: Smoke) -> SmokeFinding:
    """What this probe finds at the slot with this address."""
    slots = {slot: RouteSlot(slot.value, f"{url}/health?deep=1") for slot in Slot}
    return await HttpProber({"ranker": RouteConfig("ranker", "edge", slots)}).smoke("ranker", Slot.B, probe)


async def test_the_right_answer_is_right() -> None:
    """Status and text as expected, at the probe's own path on the slot's host, by POST where there is a body."""
    async with FaultyHTTP(body=b'{"score": 0.25}') as server:
        probe = Smoke("predicts", "/predict?model=v2", answer='"score": 0.25', body='{"user": 7}')
        assert (await smoked(server.url, probe)).right
        assert server.requests[0].startswith("POST /predict?model=v2 HTTP/1.1\r\n")
        assert "content-length: 11\r\n" in server.requests[0]


async def test_without_a_path_it_is_the_probe_address_itself() -> None:
    """What a strategy can say that knows no model."""
    async with FaultyHTTP(body=b"fine") as server:
        assert (await smoked(server.url, Smoke("ready"))).right
        assert server.requests[0].startswith("GET /health?deep=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(500, b"right", "status 500, not 200"), (200, b"left", "answers 'left', without 'right'")],
)
async def test_a_wrong_answer_is_answered_and_wrong(status: int, body: bytes, said: str) -> None:
    """The finding says what came and what should have."""
    async with FaultyHTTP(status=status, body=body) as server:
        found = await smoked(server.url, Smoke("says", "/x", answer="right"))
    assert (found.answered, found.right) == (True, False)
    assert said in found.detail


async def test_a_status_that_is_no_success_can_be_the_right_one() -> None:
    """A server that refuses nonsense is probed by nonsense; the text of such an answer is read, too."""
    async with FaultyHTTP(status=422, body=b"no such feature") as server:
        assert (await smoked(server.url, Smoke("refuses", "/predict", 422, "no such", body="[]"))).right


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.TRICKLE, Fault.RESET, Fault.HANG_UP, Fault.GARBAGE])
async def test_no_answer_is_no_wrong_one(fault: Fault) -> None:
    """Silence, trickles, breaks and nonsense within the probe's own deadline."""
    async with FaultyHTTP(body=b"fine", fault=fault) as server:
        found = await smoked(server.url, Smoke("ready", "/", deadline_ms=200))
    assert (found.answered, found.right) == (False, False)
    assert found.detail


async def test_nobody_there_is_no_answer() -> None:
    """A refused connection."""
    assert not (await smoked(f"http://127.0.0.1:{free_port()}", Smoke("ready"))).answered
