"""Bodies as a Prometheus writes them, for tests that need an answer no real one gives on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.engines.prometheus import now_ms

NOTHING: list[Any] = []


def success(result: list[Any], **more: object) -> bytes:
    """A whole answer with this result."""
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


def row(slot: str, value: object = "3", name: str = "http_requests_total", **labels: str) -> dict[str, Any]:
    """One series of a range selector's result, sampled a second ago."""
    metric = {"__name__": name, "slot": slot, "code": "200", **labels}
    return {"metric": metric, "values": [[(now_ms() - 1_000) / 1000, value]]}


def by_query(samples: Callable[[str], Iterable[Mapping[str, Any]]], **more: object) -> Callable[[str], bytes]:
    """Answers the selector's query with ``samples(head)`` and the question for dead targets with none."""
    return lambda head: success(NOTHING if "up%7B" in head else list(samples(head)), **more)
