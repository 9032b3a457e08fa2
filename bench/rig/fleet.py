"""Stands in for the model servers of a whole fleet: one process answers every probe, and one metrics page for all arms.

``python -m bench.rig.fleet PORT ARMS``: ``/v1/...`` and ``/v2/...`` say these versions; ``/metrics`` has three series
for each of ``ARMS`` routes and both slots, whose counters grow with time by 100 requests a second, 1 % of them failed.
"""

from __future__ import annotations

import asyncio
import sys
import time

RATE = 100.0
ERRORS = 0.01


def page(arms: int, elapsed_s: float) -> str:
    """The metrics page after so many seconds."""
    total = int(RATE * elapsed_s)
    bad = int(total * ERRORS)
    rows = ["# TYPE http_requests_total counter"]
    for number in range(arms):
        for slot in "ab":
            label = f'slot="{arm(number, slot)}"'
            rows.append(f'http_requests_total{{{label},code="200"}} {total - bad}')
            rows.append(f'http_requests_total{{{label},code="500"}} {bad}')
    return "\n".join(rows) + "\n"


def arm(number: int, slot: str) -> str:
    """What the metrics call a slot of the fleet's route of that number."""
    return f"fleet-{number:04}-{slot}"


class _Answering(asyncio.Protocol):
    """One kept connection; requests come one after the other and without bodies."""

    def __init__(self, arms: int, began_s: float) -> None:
        self._arms, self._began_s = arms, began_s
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer and self._transport is not None:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode("latin-1")
            self._transport.write(self._answer(path))

    def _answer(self, path: str) -> bytes:
        kind, body = "text/plain; version=0.0.4", ""
        if path == "/metrics":
            body = page(self._arms, time.monotonic() - self._began_s)
        else:
            kind, body = "application/json", f'{{"version": "{"v2" if path.startswith("/v2") else "v1"}"}}'
        return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def serve(port: int, arms: int) -> None:
    """Answer until the process is ended."""
    began_s = time.monotonic()
    server = await asyncio.get_running_loop().create_server(lambda: _Answering(arms, began_s), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
