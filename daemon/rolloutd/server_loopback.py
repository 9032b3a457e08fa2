"""Serves /metrics on a port of the loopback, for a Prometheus that cannot reach a Unix socket. It takes no command.

Off unless the configuration names a port.
"""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from rolloutd.loopback import LoopbackPort, response

HEAD_BYTES_MAX = 8_192


def metrics_port(registry: CollectorRegistry) -> LoopbackPort:
    """What answers GET /metrics with this registry's numbers, and nothing else."""

    async def answer(head: str, _: asyncio.StreamReader) -> bytes:
        method, path, *_rest = [*head.split("\r\n", 1)[0].split(" "), "", ""]
        if method != "GET" or path.split("?", maxsplit=1)[0] != "/metrics":
            return response("404 Not Found", "text/plain", b"Only GET /metrics is served here.\n")
        return response("200 OK", CONTENT_TYPE_LATEST, generate_latest(registry))

    return LoopbackPort(answer, HEAD_BYTES_MAX)
