"""Asks a slot's own model server over HTTP whether it is ready and which version it serves, never by the router."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import httpx

from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, SlotHealth

DEADLINE_S = 1.5
BODY_MAX_BYTES = 64 * 1024
VERSION_MAX_CHARS = 200


class HttpProber:
    """Probes by GET on ``probe_url``: 200 is up. Everything else, and every failure, is an answer and no exception.

    The version is the key ``version`` of a JSON body, or else the header ``x-model-version``; None where neither is.
    """

    def __init__(self, routes: Mapping[str, RouteConfig], deadline_s: float = DEADLINE_S) -> None:
        self._urls = {(name, slot): route.slots[slot].probe_url for name, route in routes.items() for slot in Slot}
        self._deadline_s = deadline_s
        # No proxies from the environment and no redirects: a probe goes where the configuration says, nowhere else.
        self._http = httpx.AsyncClient(timeout=deadline_s, trust_env=False, follow_redirects=False)

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """Probe one slot directly, within the deadline in total."""
        url = self._urls.get((route, slot))
        if url is None:
            return SlotHealth(up=False, version=None, detail=f"There is no route {route} to probe.")
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._get(url)
        except TimeoutError:
            return SlotHealth(up=False, version=None, detail=f"{url} did not answer within {self._deadline_s:g} s.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            return SlotHealth(up=False, version=None, detail=f"{url} cannot be asked: {why}.")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _get(self, url: str) -> SlotHealth:
        body = b""
        async with self._http.stream("GET", url) as answer:
            if answer.status_code != 200:
                return SlotHealth(up=False, version=None, detail=f"{url} answers with status {answer.status_code}.")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > BODY_MAX_BYTES:
                    return SlotHealth(up=False, version=None, detail=f"{url} answers more than {BODY_MAX_BYTES} bytes.")
            version = _version(body) or answer.headers.get("x-model-version")
        if version is None:
            return SlotHealth(up=True, version=None, detail=f"{url} is up and does not say which version it serves.")
        return SlotHealth(up=True, version=version[:VERSION_MAX_CHARS], detail=f"{url} is up.")


def _version(body: bytes) -> str | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    version = said.get("version") if isinstance(said, dict) else None
    return version if isinstance(version, str) and version else None
