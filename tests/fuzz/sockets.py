"""Throws bytes at the two real sockets: whatever comes, the answer is a problem or nothing, and the server goes on.

An answer of 500, an answer without its three parts, or a server that does not answer afterwards is a crash.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time

from rolloutd import server_requests
from tests.fuzz.mutate import mutated
from tests.server.fake_service import FakeService, picture
from tests.server.running import Running, running

_ABORT = b"POST /v1/rollouts/ranker/abort HTTP/1.1\r\nhost: x\r\nidempotency-key: fuzz-0001\r\n"
_START = b"POST /v1/rollouts?dry_run=1 HTTP/1.1\r\nhost: x\r\nidempotency-key: fuzz-0002\r\n"
CORPUS = (
    _ABORT + b'content-length: 15\r\n\r\n{"reason": "x"}',
    _ABORT.replace(b"abort", b"promote") + b'if-match: "317"\r\ncontent-length: 2\r\n\r\n{}',
    _ABORT + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    _START + b'content-length: 18\r\n\r\n{"spec_toml": "x"}',
    b"GET /v1/rollouts?filter=state:blind&limit=5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"GET /v1/rollouts/ranker/timeline?since_seq=3 HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
)
_PARTS = {"message", "traffic", "next"}
TOGETHER = 16
ANSWER_WITHIN_S = 8.0
"""A request may be open for five seconds; then the server ends it."""


async def throw(count: int, seed: int, until_s: float = float("inf")) -> tuple[int, list[str]]:
    """Send so many requests, or as many as fit before ``until_s`` (monotonic); how many, and what was wrong."""
    chance, wrong, sent = random.Random(seed), list[str](), 0
    server_requests.REFUSAL_PAUSE_S = 0.001  # hundreds of refusals may stand in one text
    async with running(FakeService(picture("fraud-score", "fraud"), picture("ranker"))) as server:
        while sent < count and not wrong and time.monotonic() < until_s:
            batch = [mutated(CORPUS, chance) for _ in range(min(TOGETHER, count - sent))]
            found = await asyncio.gather(*(_one(server, data, chance.choice(("control", "view"))) for data in batch))
            wrong += [text for text in found if text]
            sent += len(batch)
        health = await server.ask("GET", "/v1/health")
        if health.status != 200:
            wrong.append(f"afterwards its health is {health.status}")
    return sent, wrong


async def _one(server: Running, data: bytes, name: str) -> str:
    """What was wrong with the answer to these bytes; empty when nothing was."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await _exchange(server.path(name), data)
    except TimeoutError:
        return f"no end within {ANSWER_WITHIN_S:g} s to {data[:500]!r}"
    except OSError:
        return ""  # it was cut off, as a rude caller may be
    if not answer:
        return ""
    status = answer.split(b" ")[1] if answer.startswith(b"HTTP/1.1 ") else b"no HTTP"
    if status[:1] not in (b"2", b"3", b"4") and status != b"501":
        return f"answered {status!r} to {data[:500]!r}"
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if b"application/problem+json" not in head or length is None:
        return ""
    problem = json.loads(body[: int(length[1])])
    return "" if set(problem) >= _PARTS else f"{problem} lacks one of its three parts; it answered {data[:500]!r}"


async def _exchange(path: str, data: bytes) -> bytes:
    """All that is answered to these bytes by a caller that then says no more."""
    reader, writer = await asyncio.open_unix_connection(path, limit=2**22)
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.transport.abort()
