"""Small HTTP model servers, many in one thread, with faults one can switch on while they serve; they keep true counts.

Each answers every path with 200 (or 500, by ``failure_rate``) and says which slot and version it is; ``/metrics``,
``/version`` and ``/health`` are answered without being counted and without faults, except when the server is down.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import zlib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.engines.processes import free_port

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class ModelServer:
    """One server's switches and counts. Set the switches from any thread; they hold from the next request on."""

    slot: str
    version: str = "v1"
    failure_rate: float = 0.0
    latency_s: float = 0.0
    slow_rate: float = 0.0
    slow_s: float = 0.5
    healthy: bool = True
    log: str = ""
    differ_rate: float = 0.0
    favour_rate: float = 0.0
    labels: str = ""
    labels_after_s: float = 4.0
    shows_metrics: bool = True
    segment_header: str = ""
    worse: dict[str, float] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    users: set[str] = field(default_factory=set)
    request_ids: set[str] = field(default_factory=set)
    codes: Counter[int] = field(default_factory=Counter)
    by_segment: Counter[tuple[str, int]] = field(default_factory=Counter)
    under: Counter[float] = field(default_factory=Counter)
    seconds: float = 0.0
    answered: int = 0
    wrong: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def requests(self) -> int:
        """Requests answered so far, faults included."""
        return self.codes.total()

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The server's address as a URL without a path."""
        return f"http://{self.address}"

    def draw(self, segment: str = "") -> tuple[int, float]:
        """The status and the seconds that the next request gets, which are counted as given.

        ``worse`` multiplies the failures of a segment; segments are told apart where there is a ``segment_header``.
        """
        code = 500 if self.chance.random() < self.failure_rate * self.worse.get(segment, 1.0) else 200
        if self.segment_header:
            self.by_segment[segment or "other", code] += 1
        took_s = self.slow_s if self.chance.random() < self.slow_rate else self.latency_s
        self.codes[code] += 1
        self.seconds += took_s
        for bound in BUCKETS_S:
            self.under[bound] += took_s <= bound
        return code, took_s

    def predict(self, request_id: str, code: int, took_s: float) -> None:
        """Write the answer into the prediction log: what follows from the request, or now and then something wrong.

        With ``favour_rate`` it is label-0 more often than it should. Where there is a file for ``labels``, what was
        right is written there later; of some requests twice, and first wrong. Failed requests have no answer that could
        be right.
        """
        if not self.log:
            return
        truth = zlib.crc32(request_id.encode()) % 10
        wrong = self.chance.random() < self.differ_rate
        label = (truth + 1) % 10 if wrong else truth
        label = 0 if self.favour_rate and self.chance.random() < self.favour_rate else label
        said = {"request_id": request_id, "arm": self.slot, "version": self.version, "status": code}
        _write(self.log, {**said, "latency_ms": 1_000 * took_s, "output": f"label-{label}"})
        if code == 200:
            self.answered += 1
            self.wrong += wrong
        if self.labels:
            self._label_later(request_id, f"label-{truth}")

    def _label_later(self, request_id: str, truth: str) -> None:
        later = asyncio.get_running_loop().call_later
        right: dict[str, object] = {"request_id": request_id, "label": truth}
        if truth == "label-0":
            later(self.labels_after_s / 2, _write, self.labels, right | {"label": "label-9"})
            later(self.labels_after_s, _write, self.labels, right)
        later(self.labels_after_s, _write, self.labels, right)

    def metrics(self) -> str:
        """The counters in Prometheus' text format; both codes are there from the start."""
        label = f'slot="{self.slot}"'
        rows = ["# TYPE http_requests_total counter"]
        rows += [f'http_requests_total{{{label},code="{code}"}} {self.codes[code]}' for code in (200, 500)]
        rows += self._segments()
        if self.log:
            rows += [f"answers_total{{{label}}} {self.answered}", f"answers_wrong_total{{{label}}} {self.wrong}"]
        rows.append("# TYPE http_request_seconds histogram")
        rows += [f'http_request_seconds_bucket{{{label},le="{bound}"}} {self.under[bound]}' for bound in BUCKETS_S]
        rows.append(f'http_request_seconds_bucket{{{label},le="+Inf"}} {self.requests}')
        rows += [f"http_request_seconds_sum{{{label}}} {self.seconds}"]
        rows += [f"http_request_seconds_count{{{label}}} {self.requests}"]
        return "\n".join(rows) + "\n"

    def _segments(self) -> list[str]:
        """Requests by segment, where they are told apart; both codes of a segment that was seen."""
        seen = sorted({segment for segment, _ in self.by_segment})
        rows = [
            f'predictions_total{{slot="{self.slot}",region="{segment}",code="{code}"}} {self.by_segment[segment, code]}'
            for segment in seen
            for code in (200, 500)
        ]
        return ["# TYPE predictions_total counter", *rows] if rows else []

    def reset(self) -> None:
        """Forget all counts, as a restart would."""
        self.users.clear()
        self.request_ids.clear()
        self.codes.clear()
        self.by_segment.clear()
        self.under.clear()
        self.seconds = 0.0
        self.answered = self.wrong = 0


def _write(file: str, said: dict[str, object]) -> None:
    with open(file, "a", encoding="utf-8") as log:  # noqa: PTH123  a server's own line, whole at once
        log.write(json.dumps(said) + "\n")


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection; answers one request after the other."""

    def __init__(self, server: ModelServer, open_now: set[_Connection]) -> None:
        self._server = server
        self._open_now = open_now
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_now.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_now.discard(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Answer the first whole request in the buffer; a body is read and thrown away."""
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if self._busy or not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        path = lines[0].split(" ")[1]
        if path in ("/metrics", "/version", "/health"):
            self._answer(*self._aside(path))
            return
        header = self._server.segment_header
        code, took_s = self._server.draw(fields.get(header, "") if header else "")
        self._server.users.add(fields.get("x-user-id", ""))
        self._server.request_ids.add(fields.get("x-request-id", ""))
        self._server.predict(fields.get("x-request-id", ""), code, took_s)
        if took_s > 0:
            self._busy = True
            asyncio.get_running_loop().call_later(took_s, self._answer, code, b"prediction\n")
        else:
            self._answer(code, b"prediction\n")

    def _aside(self, path: str) -> tuple[int, bytes]:
        if path == "/metrics":
            return (200, self._server.metrics().encode()) if self._server.shows_metrics else (503, b"")
        code = 200 if self._server.healthy else 503
        return code, json.dumps({"version": self._server.version, "slot": self._server.slot}).encode()

    def _answer(self, code: int, body: bytes) -> None:
        self._busy = False
        if self._transport is None or self._transport.is_closing():
            return
        reason = {200: "OK", 500: "Internal Server Error", 503: "Service Unavailable"}[code]
        head = (
            f"HTTP/1.1 {code} {reason}\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n"
            f"x-slot: {self._server.slot}\r\nx-model-version: {self._server.version}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._next()


class ServerThread:
    """Runs model servers in one thread of its own. Use it as a context manager."""

    def __init__(self, *servers: ModelServer) -> None:
        self.servers = servers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model servers", daemon=True)
        self._listening: dict[int, asyncio.Server] = {}
        self._open: dict[int, set[_Connection]] = {server.port: set() for server in servers}

    def __enter__(self) -> Self:
        self._thread.start()
        for server in self.servers:
            self.up(server)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for server in self.servers:
            self.down(server)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def up(self, server: ModelServer) -> None:
        """Listen (again) on the server's port."""
        if server.port not in self._listening:
            self._in_loop(self._up(server))

    def down(self, server: ModelServer) -> None:
        """Stop listening and break every connection, as a process that was killed."""
        if server.port in self._listening:
            self._in_loop(self._down(server))

    async def _up(self, server: ModelServer) -> None:
        connections = self._open[server.port]
        self._listening[server.port] = await asyncio.get_running_loop().create_server(
            lambda: _Connection(server, connections), "127.0.0.1", server.port, reuse_address=True
        )

    async def _down(self, server: ModelServer) -> None:
        self._listening.pop(server.port).close()
        for connection in list(self._open[server.port]):
            connection.abort()
        await asyncio.sleep(0)

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)
