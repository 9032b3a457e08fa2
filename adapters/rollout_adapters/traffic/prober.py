"""Asks a slot's own model server over HTTP: whether it is ready, what it serves, smoke probes. Never by the router.

Every live rollout probes two servers each tick, in the process that must carry out an abort: so this is a bare request
on a connection of its own, parsed by httptools (measured: a tenth of what a general client costs, which with a thousand
rollouts was most of the daemon's work). It follows no redirect and uses no proxy: a probe goes where the configuration
says.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httptools

from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, SlotHealth, Smoke, SmokeFinding

DEADLINE_S = 1.5
BODY_MAX_BYTES = 64 * 1024
HEAD_MAX_BYTES = 16 * 1024
VERSION_MAX_CHARS = 200
SHOWN_BYTES = 120
_CHUNK_BYTES = 16 * 1024


class HttpProber:
    """Probes by GET on ``probe_url``: 200 is up. Everything else, and every failure, is an answer and no exception.

    The version is the key ``version`` of a JSON body, or else the header ``x-model-version``; None where neither is.
    So is the artefact's digest, under ``artefact`` or ``x-model-artefact``.
    """

    def __init__(self, routes: Mapping[str, RouteConfig], deadline_s: float = DEADLINE_S) -> None:
        self._urls = {(name, slot): route.slots[slot].probe_url for name, route in routes.items() for slot in Slot}
        self._deadline_s = deadline_s
        secure = any(urlsplit(url).scheme == "https" for url in self._urls.values())
        self._tls = ssl.create_default_context() if secure else None

    async def probe(self, route: str, slot: Slot) -> SlotHealth:
        """Probe one slot directly, within the deadline in total."""
        url = self._urls.get((route, slot))
        if url is None:
            return SlotHealth(up=False, version=None, detail=f"There is no route {route} to probe.")
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._ask(urlsplit(url))
        except TimeoutError:
            return SlotHealth(up=False, version=None, detail=f"{url} did not answer within {self._deadline_s:g} s.")
        except (httptools.HttpParserError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            return SlotHealth(up=False, version=None, detail=f"{url} cannot be asked: {why}.")
        return answer.health(url)

    async def smoke(self, route: str, slot: Slot, probe: Smoke) -> SmokeFinding:
        """Send a smoke probe to one slot directly, within the probe's deadline in total."""
        url = self._urls.get((route, slot))
        if url is None:
            return SmokeFinding(answered=False, right=False, detail=f"There is no route {route} to probe.")
        parts = urlsplit(url)
        if probe.path:
            path, _, query = probe.path.partition("?")
            parts = parts._replace(path=path, query=query)
        url = parts.geturl()
        try:
            async with asyncio.timeout(probe.deadline_ms / 1000):
                answer = await self._ask(parts, probe.body.encode(), whole=True)
        except TimeoutError:
            detail = f"{url} did not answer within {probe.deadline_ms / 1000:g} s"
            return SmokeFinding(answered=False, right=False, detail=detail)
        except (httptools.HttpParserError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            return SmokeFinding(answered=False, right=False, detail=f"{url} cannot be asked: {why}")
        return answer.finding(url, probe)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _ask(self, url: SplitResult, body: bytes = b"", *, whole: bool = False) -> _Answer:
        """The answer, read to its end or to the limit. Raises OSError, HttpParserError, or ValueError for no host."""
        if not url.hostname:
            raise ValueError("the address has no host")
        tls = self._tls if url.scheme == "https" else None
        port = url.port or (443 if tls else 80)
        reader, writer = await asyncio.open_connection(url.hostname, port, ssl=tls, limit=_CHUNK_BYTES)
        try:
            target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
            method = f"POST {target}" if body else f"GET {target}"
            told = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
            head = f"{method} HTTP/1.1\r\nhost: {url.netloc}\r\naccept: */*\r\n{told}connection: close\r\n\r\n"
            writer.write(head.encode("ascii") + body)
            answer = _Answer(whole=whole)
            parser = httptools.HttpResponseParser(answer)
            while not answer.over:
                chunk = await reader.read(_CHUNK_BYTES)
                if not chunk:
                    break
                parser.feed_data(chunk)
                answer.read_bytes += len(chunk)
                answer.status = parser.get_status_code() if answer.headed else 0
        finally:
            writer.transport.abort()
        if not answer.headed or not (answer.over or answer.ends_with_connection):
            raise ConnectionError("the connection ended in the middle of the answer")
        return answer


@dataclass(slots=True)
class _Answer:
    """What has been read of an answer; httptools calls the ``on_`` methods. ``whole``: also that of no success."""

    whole: bool = False
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    read_bytes: int = 0
    headed: bool = False
    complete: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more need be read: it is complete, or too much, or no success anyway."""
        return self.complete or self.too_big or (self.status not in (0, 200) and not self.whole)

    @property
    def too_big(self) -> bool:
        """Whether the body is longer than a probe's answer may be, or the head has no end."""
        return len(self.body) > BODY_MAX_BYTES or (not self.headed and self.read_bytes > HEAD_MAX_BYTES)

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body has no length of its own, so that the end of the connection is its end."""
        return not self.headers.keys() & {b"content-length", b"transfer-encoding"}

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is over."""
        self.headed = True

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """The answer is over."""
        self.complete = True

    def health(self, url: str) -> SlotHealth:
        """What the answer means."""
        if self.status != 200:
            return SlotHealth(up=False, version=None, detail=f"{url} answers with status {self.status}.")
        if self.too_big:
            return SlotHealth(up=False, version=None, detail=f"{url} answers more than {BODY_MAX_BYTES} bytes.")
        version, artefact = self._told("version"), self._told("artefact")
        silent = "" if version else " and does not say which version it serves"
        return SlotHealth(True, version or None, f"{url} is up{silent}.", artefact or None)

    def _told(self, what: str) -> str:
        """What the server says of its version or artefact, in the body or a header; empty where it does not."""
        return (_said(self.body, what) or self._header(f"x-model-{what}".encode()))[:VERSION_MAX_CHARS]

    def _header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1").strip()

    def finding(self, url: str, probe: Smoke) -> SmokeFinding:
        """What the answer means to a smoke probe."""
        if self.status != probe.status:
            detail = f"{url} answers with status {self.status}, not {probe.status}"
        elif probe.answer.encode() not in self.body:
            shown = self.body[:SHOWN_BYTES].decode("utf-8", "replace")
            detail = f"{url} answers {shown!a}, without {probe.answer!a}"
        else:
            return SmokeFinding(answered=True, right=True, detail=f"{url} answers as it should")
        return SmokeFinding(answered=True, right=False, detail=detail)


def _said(body: bytes, key: str) -> str:
    """A text of a JSON body, empty where there is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    text = said.get(key) if isinstance(said, dict) else None
    return text if isinstance(text, str) else ""
