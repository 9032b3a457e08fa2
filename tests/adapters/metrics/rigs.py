"""A rig for each metric source: it counts requests in the real system behind the source and breaks it on demand.

The arms' values are new in every rig, so that one Prometheus can serve all tests. It holds no expectation.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from rollout_adapters.memory_metrics import MemorySource
from rollout_adapters.metrics import prometheus, scrape
from rollout_adapters.metrics.series import SERIES_MAX
from rollout_adapters.metrics.templates import make_template
from rolloutd.core.metrics import Answer, BlindReason, Question
from rolloutd.ports import MetricSource
from tests.engines.prometheus import Prometheus, Written, now_ms

MAX_AGE_MS = 20_000
DEADLINE_S = 10.0
ERRORS = make_template("python.errors")
_serial = itertools.count()


@dataclass(slots=True)
class Counter:
    """The counters of one server of one arm. ``bad`` is None until its series is born; ``age_s`` is their age."""

    good: float = 0
    bad: float | None = None
    age_s: float = 0
    paths: int = 1


class Rig(ABC):
    """Counts and breaks; arm ``a`` has servers 0 and 1, arm ``b`` server 0."""

    source: MetricSource

    def __init__(self) -> None:
        serial = next(_serial)
        self.a, self.b = f"a{serial}", f"b{serial}"
        self.counters: dict[tuple[str, str], Counter] = {}

    def count(self, arm: str, total: int, bad: int | None = None, server: str = "0") -> None:
        """A server of an arm answers ``total`` more requests, ``bad`` of them badly."""
        counter = self.counters.setdefault((arm, server), Counter())
        counter.good += total - (bad or 0)
        if bad is not None:
            counter.bad = (counter.bad or 0) + bad

    async def read(self) -> Answer:
        """Make the counters visible, and ask the source for both arms."""
        self.show()
        return await self.source.read(Question(ERRORS, frozenset({self.a, self.b})), DEADLINE_S)

    @abstractmethod
    def show(self) -> None:
        """Let the system behind the source show the counters as they are now."""

    def spoil(self, arm: str) -> None:
        """A counter of the arm is no number."""
        self.counters[arm, "0"].good = math.nan

    def grow_old(self, arm: str) -> None:
        """The arm's last samples are older than may be."""
        self.counters[arm, "0"].age_s = 1.5 * MAX_AGE_MS / 1000

    def flood(self, arm: str) -> None:
        """The arm has more series than anybody may have."""
        self.counters[arm, "0"].paths = SERIES_MAX + 1

    @abstractmethod
    def take_down(self, arm: str) -> None:
        """The arm's server 0 is dead."""

    async def close(self) -> None:
        """Let go of everything."""
        await self.source.close()


class MemoryRig(Rig):
    """The double itself: what it shows is what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.source: MemorySource = MemorySource("memory", lambda: self.now_ms, max_age_ms=MAX_AGE_MS)
        self.now_ms = 1_800_000_000_000

    def count(self, arm: str, total: int, bad: int | None = None, server: str = "0") -> None:
        """Counts in the double."""
        self.source.count(ERRORS.name, arm, total, bad, server)

    def show(self) -> None:
        """Nothing to do: memory shows at once."""

    def spoil(self, arm: str) -> None:
        """On demand."""
        self.source.fail(BlindReason.NOT_A_NUMBER, arm)

    def grow_old(self, arm: str) -> None:
        """Stop sampling the arm and let time pass."""
        self.source.freeze(arm)
        self.now_ms += 2 * MAX_AGE_MS

    def flood(self, arm: str) -> None:
        """On demand."""
        self.source.fail(BlindReason.TOO_MANY_SERIES, arm)

    def take_down(self, arm: str) -> None:
        """On demand."""
        self.source.fail(BlindReason.TARGET_DOWN, arm)


@dataclass(eq=False)
class _Page(Collector):
    """What one model server shows through prometheus_client."""

    counter: Counter = field(default_factory=Counter)
    born: bool = False

    def collect(self) -> Iterator[Metric]:
        """One family, as a model server with plain counters has it."""
        if not self.born:
            return
        family = CounterMetricFamily("http_requests", "Requests.", labels=["code", "path"])
        at_s = time.time() - self.counter.age_s if self.counter.age_s else None
        for number in range(self.counter.paths):
            family.add_metric(["200", f"/{number}"], self.counter.good, timestamp=at_s)
        if self.counter.bad is not None:
            family.add_metric(["500", "/0"], self.counter.bad, timestamp=at_s)
        yield family


class ScrapeRig(Rig):
    """Real prometheus_client pages, served over HTTP; each target's label names its arm."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[tuple[str, str], _Page] = {}
        self._servers: dict[tuple[str, str], WSGIServer] = {}
        targets = []
        for arm, server in ((self.a, "0"), (self.a, "1"), (self.b, "0")):
            registry = CollectorRegistry()
            page = self.pages[arm, server] = _Page()
            registry.register(page)
            self._servers[arm, server], _ = start_http_server(0, "127.0.0.1", registry)
            port = self._servers[arm, server].server_port
            targets.append({"url": f"http://127.0.0.1:{port}/metrics", "labels": {"slot": arm}})
        self.source = scrape.make("pages", {"targets": targets, "max_age": f"{MAX_AGE_MS}ms"})

    def show(self) -> None:
        """Put the counters onto their pages."""
        for key, counter in self.counters.items():
            self.pages[key].counter, self.pages[key].born = counter, True

    def take_down(self, arm: str) -> None:
        """Stop the server."""
        _stop(self._servers.pop((arm, "0")))

    async def close(self) -> None:
        """Stop all servers, at once: each takes half a second to notice."""
        await super().close()
        await asyncio.gather(*(asyncio.to_thread(_stop, server) for server in self._servers.values()))


def _stop(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()


class PrometheusRig(Rig):
    """A real Prometheus that gets its samples by remote write, as scrapes would have left them."""

    def __init__(self, real: Prometheus) -> None:
        super().__init__()
        self._real = real
        self._down: set[tuple[str, str]] = set()
        self._last_ms = 0
        self.source = prometheus.make("prometheus", {"url": real.url, "max_age": f"{MAX_AGE_MS}ms"})

    def show(self) -> None:
        """Write a sample of every series of every counter, at this moment or as old as it is said to be."""
        while now_ms() <= self._last_ms:  # two samples of one series need two milliseconds
            time.sleep(0.001)
        self._last_ms = now_ms()
        self._real.write(sample for key in self.counters for sample in self._samples(*key))

    def _samples(self, arm: str, server: str) -> Iterator[Written]:
        counter = self.counters[arm, server]
        at_ms = self._last_ms - round(counter.age_s * 1000)
        target = {"job": "model", "instance": f"{arm}:{server}", "slot": arm}
        yield {**target, "__name__": "up"}, float((arm, server) not in self._down), self._last_ms
        requests = {**target, "__name__": "http_requests_total"}
        for number in range(counter.paths):
            yield {**requests, "code": "200", "path": f"/{number}"}, counter.good, at_ms
        if counter.bad is not None:
            yield {**requests, "code": "500", "path": "/0"}, counter.bad, at_ms

    def take_down(self, arm: str) -> None:
        """From the next scrape on its ``up`` is 0."""
        self._down.add((arm, "0"))
