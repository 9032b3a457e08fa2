"""Posts one body to one configured address, and can be talked into nothing else (no redirect, proxy or second name).

The name is resolved here, every address it has is judged, and the connection goes to exactly the one that was judged.
Answers are read up to 64 KiB. The caller owns the deadline; cancelling closes the connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult

import httptools
from pydantic import Field, FilePath

from rollout_adapters.notify.addresses import Allowed, Forbidden, NetworkText, allowed, split
from rollout_adapters.options import AdapterOptions
from rolloutd.ports import NotifierRefused, NotifierUnreachable

ANSWER_MAX_BYTES = 64 * 1024
_CHUNK_BYTES = 16 * 1024
_NOT_NOW = frozenset({401, 403, 404, 408, 425, 429})
"""Answers that a person or time can mend; every other 4xx means that this very message will never be taken."""


class OutboundOptions(AdapterOptions):
    """Where a notifier may send to.

    ``hosts`` lists the names that it may talk to; ``networks`` the address ranges beside public ones where they may be.
    ``socket`` is a Unix socket to connect to instead. ``ca_file`` replaces the system's certificate authorities.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[NetworkText, ...] = ()
    socket: str | None = Field(None, pattern=r"^/[ -~]{1,106}$")
    ca_file: FilePath | None = None

    def outbound(self) -> Outbound:
        """The way out that these allow."""
        return Outbound(allowed(self.hosts, self.networks), self.socket, self.ca_file)


@dataclass(slots=True)
class Answer:
    """What was answered; httptools calls the ``on_`` methods."""

    status: int = 0
    body: bytes = b""
    read_bytes: int = 0
    headed: bool = False
    complete: bool = False

    def on_headers_complete(self) -> None:
        """The head is over."""
        self.headed = True

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """The answer is over."""
        self.complete = True


class Outbound:
    """The only way out of the notifiers that speak HTTP."""

    def __init__(
        self,
        may: Allowed,
        unix_socket: str | None = None,
        ca_file: Path | None = None,
        resolver: Callable[[str, int], Awaitable[list[str]]] | None = None,
    ) -> None:
        self._resolve = resolver or resolve
        self._may = may
        self._unix_socket = unix_socket
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None

    def check(self, url: str) -> None:
        """Raise ValueError when this address could never be posted to."""
        try:
            self._parts(url)
        except Forbidden as error:
            raise ValueError(str(error)) from None

    def _parts(self, url: str) -> SplitResult:
        if self._unix_socket is None:
            return self._may.check_url(url)
        return split(url)  # behind a socket that the configuration names, the host of the address is only a header

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one POST; returns a 2xx answer. Raises NotifierRefused or NotifierUnreachable; neither names a path."""
        try:
            parts = self._parts(url)
            answer = await self._exchange(parts, _head(parts, headers, body) + body)
        except Forbidden as error:
            raise NotifierUnreachable(f"It was not connected to: {error}.", "Correct its table in [notify].") from None
        except (httptools.HttpParserError, OSError, ssl.SSLError) as error:
            raise NotifierUnreachable(f"{_place(url)} cannot be told: {_why(error)}.") from None
        return _judged(answer, url)

    async def reach(self, url: str) -> None:
        """Connect and say nothing. Raises NotifierUnreachable."""
        try:
            _, writer = await self._connect(self._parts(url))
        except Forbidden as error:
            raise NotifierUnreachable(f"It was not connected to: {error}.", "Correct its table in [notify].") from None
        except (OSError, ssl.SSLError) as error:
            raise NotifierUnreachable(f"{_place(url)} cannot be reached: {_why(error)}.") from None
        writer.transport.abort()

    async def _exchange(self, parts: SplitResult, request: bytes) -> Answer:
        reader, writer = await self._connect(parts)
        try:
            writer.write(request)
            answer = Answer()
            parser = httptools.HttpResponseParser(answer)
            while not answer.complete and answer.read_bytes <= ANSWER_MAX_BYTES:
                chunk = await reader.read(_CHUNK_BYTES)
                if not chunk:
                    break
                answer.read_bytes += len(chunk)
                parser.feed_data(chunk)
                answer.status = parser.get_status_code() if answer.headed else 0
        finally:
            writer.transport.abort()
        if not answer.headed:
            raise ConnectionError("the connection ended before an answer came")
        return answer

    async def _connect(self, parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To an address that was judged, and to no other."""
        if self._unix_socket is not None:
            return await asyncio.open_unix_connection(self._unix_socket, limit=_CHUNK_BYTES)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = self._may.check_addresses(host, await self._resolve(host, port))
        context, name = (self._context(), host) if parts.scheme == "https" else (None, None)
        for address in addresses[:-1]:
            try:
                return await asyncio.open_connection(
                    address, port, ssl=context, server_hostname=name, limit=_CHUNK_BYTES
                )
            except OSError:
                continue
        return await asyncio.open_connection(addresses[-1], port, ssl=context, server_hostname=name, limit=_CHUNK_BYTES)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=None if self._ca_file is None else str(self._ca_file))
        return self._tls


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a host. In a thread of its own: a resolver that hangs must not take one that others wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: OSError | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(found)
        else:
            done.set_exception(error)

    def work() -> None:
        found: list[str] = []
        trouble: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            trouble = error
        except UnicodeError:
            trouble = OSError("the host's name cannot be one")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found, trouble)

    threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
    return await done


def _head(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    fixed = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(body))}
    lines = [f"POST {target} HTTP/1.1", *(f"{key}: {value}" for key, value in {**fixed, **headers}.items())]
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise Forbidden("a header has letters that do not belong in one")
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("ascii")


def _judged(answer: Answer, url: str) -> Answer:
    place, status = _place(url), answer.status
    if answer.read_bytes > ANSWER_MAX_BYTES:
        raise NotifierUnreachable(
            f"{place} answered more than {ANSWER_MAX_BYTES >> 10} KiB, so it is not what it should be."
        )
    if 200 <= status < 300:
        return answer
    if 300 <= status < 400:
        raise NotifierUnreachable(f"{place} points elsewhere (status {status}), and no redirect is followed.")
    if 400 <= status < 500 and status not in _NOT_NOW:
        raise NotifierRefused(f"{place} will not take this message (status {status}).")
    raise NotifierUnreachable(f"{place} answered with status {status}.")


def _place(url: str) -> str:
    """Where, without path and query: they may be a secret."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}"


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
