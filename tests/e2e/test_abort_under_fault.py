"""An abort while everything that it does not need is hung: the metric source and the probes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from rolloutd.core.values import ZERO, Slot
from tests.e2e.paper import spec
from tests.e2e.sites import NAME, haproxy_site, scrape
from tests.engines.faulty_http import Fault, FaultyHTTP

pytestmark = pytest.mark.real


@asynccontextmanager
async def faces() -> AsyncIterator[dict[Slot, FaultyHTTP]]:
    """What the daemon sees of each server: its counters and its version, on a server that can hang."""
    async with AsyncExitStack() as stack:
        made = {}
        for slot, version in ((Slot.A, "v1"), (Slot.B, "v2")):
            made[slot] = await stack.enter_async_context(FaultyHTTP(body_for=_answer(f"ranker-{slot}", version)))
        yield made


def _answer(arm: str, version: str) -> Callable[[str], bytes]:
    served = 0

    def answer(head: str) -> bytes:
        nonlocal served
        served += 50
        if head.startswith("GET /version"):
            return json.dumps({"version": version}).encode()
        rows = [f'http_requests_total{{slot="{arm}",code="{code}"}} {n}' for code, n in ((200, served), (500, 0))]
        return ("# TYPE http_requests_total counter\n" + "\n".join(rows) + "\n").encode()

    return answer


async def test_an_abort_through_the_command_line_confirms_while_metrics_and_probes_hang(tmp_path: Path) -> None:
    """I2: it needs the local process and the router alone; the command says that the router confirmed, and it is so."""
    async with faces() as seen:
        probes = {slot: f"{face.url}/version" for slot, face in seen.items()}
        source = scrape(*(f"{face.url}/metrics" for face in seen.values()))
        with haproxy_site(tmp_path, source=lambda _: source, errors="python.errors", probes=probes) as site:
            await site.begin(spec("v2", stay="5m"))
            for face in seen.values():
                face.fault = Fault.SILENT
                asked = len(face.requests)
                await _asked_again(face, asked)
            done = await asyncio.to_thread(site.house.ctl, "--json", "abort", NAME, "--wait", "--reason", "drill")
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["router_confirmed"] is True
            assert await site.share() == ZERO
            assert site.house.status(NAME)["phase"] == "aborted"


async def _asked_again(face: FaultyHTTP, asked: int) -> None:
    async with asyncio.timeout(10):
        while len(face.requests) < asked + 2:  # a probe and a scrape hang now
            await asyncio.sleep(0.01)
