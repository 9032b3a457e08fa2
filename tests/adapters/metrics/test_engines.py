"""The shipped templates against the real engines: what was served is what is counted, each arm and each fault apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rollout_adapters.metrics import scrape
from rollout_adapters.metrics.templates import make_template
from rolloutd.core.metrics import Answer, Counted, MetricTemplate, Question
from rolloutd.core.values import FULL, Slot
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.servers import ModelServer, ServerThread

DEADLINE_S = 5.0
ENVOY_PAGE = "/stats/prometheus?filter=upstream_rq_(completed|.xx|time)$"
ARMS = frozenset({"ranker-a", "ranker-b"})


@pytest.fixture
def thread() -> Iterator[ServerThread]:
    """Two model servers, slot a and slot b."""
    with ServerThread(ModelServer("a"), ModelServer("b")) as running:
        yield running


def slots(thread: ServerThread) -> dict[str, dict[Slot, ModelServer]]:
    """The route ``ranker`` over both servers."""
    return {"ranker": dict(zip(Slot, thread.servers, strict=True))}


async def send(url: str, requests: int) -> list[int]:
    """Send requests one after the other; the statuses that came back."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return [(await client.get(url)).status_code for _ in range(requests)]


async def read(url: str, template: MetricTemplate, arms: frozenset[str] = ARMS, **labels: str) -> Answer:
    """One reading of one page."""
    source = scrape.make("page", {"targets": [{"url": url, "labels": labels}]})
    answer = await source.read(Question(template, arms), DEADLINE_S)
    await source.close()
    return answer


def counts(answer: Answer) -> dict[str, tuple[float, float] | None]:
    """All requests and those of the part, for each arm; None where it is not readable."""
    return {
        arm: (sum(p.value for p in reading.total), sum(p.value for p in reading.part))
        if isinstance(reading, Counted)
        else None
        for arm, reading in answer.by_arm.items()
    }


@pytest.mark.real
async def test_envoy_errors(tmp_path: Path, thread: ServerThread) -> None:
    """Envoy: failures of the model and Envoy's own 503s are counted, and an arm without traffic is a true zero."""
    a, _ = thread.servers
    template = make_template("envoy.errors")
    with Envoy(tmp_path, slots(thread)) as envoy:
        page, url = envoy.admin_url + ENVOY_PAGE, f"http://127.0.0.1:{envoy.port}{envoy.path('ranker')}"
        await send(url, 20)
        a.failure_rate = 1.0
        await send(url, 4)
        assert counts(await read(page, template)) == {"ranker-a": (24, 4), "ranker-b": (0, 0)}
        thread.down(a)
        assert await send(url, 3) == [503] * 3
        assert counts(await read(page, template)) == {"ranker-a": (27, 7), "ranker-b": (0, 0)}
        await envoy.router().set_share("ranker", Slot.B, FULL)
        await send(url, 5)
        assert counts(await read(page, template)) == {"ranker-a": (27, 7), "ranker-b": (5, 0)}


@pytest.mark.real
async def test_envoy_latency(tmp_path: Path, thread: ServerThread) -> None:
    """Envoy: requests within the limit come from its histogram in milliseconds, once it has moved on."""
    a, _ = thread.servers
    template = make_template("envoy.latency", slo_ms=100)
    with Envoy(tmp_path, slots(thread)) as envoy:
        page, url = envoy.admin_url + ENVOY_PAGE, f"http://127.0.0.1:{envoy.port}{envoy.path('ranker')}"
        await send(url, 10)
        a.latency_s = 0.3
        await send(url, 2)
        found = counts(await read(page, template))
        for _ in range(300):
            if found["ranker-a"] == (12.0, 10.0):
                break
            await asyncio.sleep(0.05)
            found = counts(await read(page, template))
        assert found["ranker-a"] == (12.0, 10.0)


@pytest.mark.real
async def test_haproxy_errors(tmp_path: Path, thread: ServerThread) -> None:
    """HAProxy: backends count the model's failures and HAProxy's own 503s, and sessions are not requests."""
    a, _ = thread.servers
    template = make_template("haproxy.errors")
    with HAProxy(tmp_path, slots(thread)) as haproxy:
        page, url = haproxy.metrics_url + "?scope=backend", f"http://127.0.0.1:{haproxy.ports['ranker']}/"
        await send(url, 20)
        a.failure_rate = 1.0
        await send(url, 4)
        assert counts(await read(page, template)) == {"ranker-a": (24, 4), "ranker-b": (0, 0)}
        thread.down(a)
        assert set(await send(url, 3)) <= {500, 502, 503}
        assert counts(await read(page, template)) == {"ranker-a": (27, 7), "ranker-b": (0, 0)}


async def test_python_servers(thread: ServerThread) -> None:
    """Plain model servers: the target's label names the arm, and both templates read the same page."""
    a, _ = thread.servers
    a.codes.update({200: 30, 500: 2})
    a.under.update({0.25: 29})
    arms = frozenset({"a"})
    answer = await read(f"{a.url}/metrics", make_template("python.errors"), arms, slot="a")
    assert counts(answer) == {"a": (32, 2)}
    for label in ("slot", "exported_slot"):
        latency = make_template("python.latency", arm_label=label, slo_ms=250)
        assert counts(await read(f"{a.url}/metrics", latency, arms, slot="a")) == {"a": (32, 29)}


async def test_a_limit_between_buckets(thread: ServerThread) -> None:
    """A limit that is no bucket's bound blinds; it is not a bucket of zero requests."""
    a, _ = thread.servers
    a.codes.update({200: 30})
    latency = make_template("python.latency", slo_ms=200)
    assert counts(await read(f"{a.url}/metrics", latency, frozenset({"a"}))) == {"a": None}


async def test_a_page_of_both_arms(thread: ServerThread) -> None:
    """When a page that could hold both arms is gone, both are blind; a page labelled as one arm blinds that one."""
    a, b = thread.servers
    template, arms = make_template("python.errors"), frozenset({"a", "b"})
    thread.down(a)
    assert counts(await read(f"{a.url}/metrics", template, arms)) == {"a": None, "b": None}
    targets = [{"url": f"{server.url}/metrics", "labels": {"slot": server.slot}} for server in (a, b)]
    source = scrape.make("pages", {"targets": targets})
    assert counts(await source.read(Question(template, arms), DEADLINE_S)) == {"a": None, "b": (0, 0)}
    await source.close()
