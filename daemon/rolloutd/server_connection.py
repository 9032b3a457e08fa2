"""One connection on a local socket: who it is, how many there may be, how long and how large a request may get.

It adds these limits to uvicorn's HTTP protocol and puts the peer into the request's scope; it knows no routes.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from rolloutd.peer import Peer, read_peer
from rolloutd.problems import bad_input, problem
from rolloutd.wire import Problem

SCOPE_PEER, SCOPE_CUT, SCOPE_ARRIVED = "rolloutd.peer", "rolloutd.cut", "rolloutd.arrived"
ACCEPTS_A_TURN = 8
"""asyncio accepts as many connections in one turn of its loop as its backlog says: few, so that a flood on one socket
does not hold up the other. How many the kernel lets wait is set apart, when the server listens."""
_log = logging.getLogger("rolloutd.server")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one socket takes. A connection's identity is that of its start, so it lives ``identity_s`` at most."""

    connections: int = 256
    per_uid: int = 32
    first_line_s: float = 2
    request_s: float = 5
    identity_s: float = 60
    head_bytes: int = 16_384
    headers: int = 64
    url_bytes: int = 2_048
    body_bytes: int = 65_536


@dataclass
class Door:
    """The connections of one socket, counted by uid. Root and the daemon's uid always find a place kept free."""

    limits: Limits
    is_trusted: Callable[[int], bool]
    by_uid: Counter[int] = field(default_factory=Counter)
    turned_away: int = 0

    @functools.cached_property
    def no_room(self) -> bytes:
        """The whole answer to one connection too many, made once: a flood is answered with it."""
        return _whole_answer(_no_room(self.limits))

    def enter(self, uid: int) -> bool:
        """Whether one more connection of ``uid`` may stay; counts it if so."""
        reserve = 0 if self.is_trusted(uid) else min(self.limits.per_uid, self.limits.connections // 8)
        if self.by_uid[uid] >= self.limits.per_uid or self.by_uid.total() >= self.limits.connections - reserve:
            self.turned_away += 1
            return False
        self.by_uid[uid] += 1
        return True

    def leave(self, uid: int) -> None:
        """One connection of ``uid`` is gone."""
        self.by_uid[uid] -= 1
        if self.by_uid[uid] <= 0:
            del self.by_uid[uid]


class DoorConfig(uvicorn.Config):
    """uvicorn's settings for one embedded server: no signals, no log files, no lifespan, our own protocol."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        super().__init__(
            app,
            http=LocalProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPTS_A_TURN,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
        self.door = door


class TooMuch(Exception):
    """A request's head is over a limit."""


class LocalProtocol(HttpToolsProtocol):
    """HTTP/1.1 on a Unix socket with the peer's identity and hard limits."""

    def __init__(
        self,
        config: DoorConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self._door = config.door
        self._peer: Peer | None = None
        self._head_bytes = 0
        self._in_head = True
        self._line_timer: asyncio.TimerHandle | None = None
        self._request_timer: asyncio.TimerHandle | None = None
        self._made_at_s = self.loop.time()

    # -- the life of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Let the peer in, or tell it that there is no room."""
        self.transport = transport
        try:
            peer = read_peer(transport.get_extra_info("socket"))
        except OSError as error:
            _log.warning("A connection without credentials was closed: %s", error)
            transport.abort()
            return
        if not self._door.enter(peer.uid):
            self._send_last(self._door.no_room)
            return
        self._peer = peer
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place free."""
        self._disarm()
        if self._peer is None:
            return
        self._door.leave(self._peer.uid)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser while the clocks run; a head that does not end is cut off here."""
        if self._peer is None or self.transport.is_closing():
            return
        if self._request_timer is None:
            self._arm()
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._door.limits.head_bytes and not self.transport.is_closing():
            self._answer(_head_too_large())

    def send_400_response(self, msg: str) -> None:
        """What the parser does not take is answered with a problem, and the connection ends."""
        if self._head_bytes > self._door.limits.head_bytes or len(self.url) > self._door.limits.url_bytes:
            self._answer(_head_too_large())
        else:
            self._answer(bad_input("The request is not HTTP/1.1 as it should be.", "Try: rollout status"))

    # -- the parser's callbacks

    def on_message_begin(self) -> None:
        """A request begins: it gets the peer, and a way to cut the connection for a reader that takes nothing."""
        super().on_message_begin()
        self._in_head = True
        if self._request_timer is None:
            self._arm()
        extra = cast("dict[str, Any]", self.scope)
        extra[SCOPE_PEER] = self._peer
        extra[SCOPE_CUT] = self.transport.abort

    def on_url(self, url: bytes) -> None:
        """Part of the request's target."""
        super().on_url(url)
        if len(self.url) > self._door.limits.url_bytes:
            raise TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header: the first line is over."""
        self._cancel_line_timer()
        super().on_header(name, value)
        if len(self.headers) > self._door.limits.headers:
            self._head_bytes = self._door.limits.head_bytes + 1
            raise TooMuch

    def on_headers_complete(self) -> None:
        """The head is over."""
        self._cancel_line_timer()
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()
        cast("dict[str, Any]", self.scope)[SCOPE_ARRIVED] = functools.partial(_arrived, self.cycle)

    def on_message_complete(self) -> None:
        """The request is over."""
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is out; an old connection ends, so that nobody keeps rights that were taken from them."""
        super().on_response_complete()
        if self.loop.time() - self._made_at_s > self._door.limits.identity_s:
            self.transport.close()

    # -- the clocks

    def _arm(self) -> None:
        self._disarm()
        self._in_head, self._head_bytes = True, 0
        self._line_timer = self.loop.call_later(self._door.limits.first_line_s, self._too_slow)
        self._request_timer = self.loop.call_later(self._door.limits.request_s, self._too_slow)

    def _disarm(self) -> None:
        self._cancel_line_timer()
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _cancel_line_timer(self) -> None:
        if self._line_timer is not None:
            self._line_timer.cancel()
            self._line_timer = None

    def _too_slow(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
        elif not self.transport.is_closing():
            self._answer(problem(408, "too-slow", "The request did not arrive in time.", "Send it in one piece."))

    def _answer(self, trouble: Problem) -> None:
        """Write a whole answer past the application, then end the connection."""
        self._disarm()
        self._send_last(_whole_answer(trouble))

    def _send_last(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def _whole_answer(trouble: Problem) -> bytes:
    body = trouble.model_dump_json(by_alias=True).encode()
    head = f"HTTP/1.1 {trouble.status} {trouble.title}\r\ncontent-type: application/problem+json\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


def _arrived(cycle: RequestResponseCycle) -> bytes | None:
    """What is still unread of a request that arrived as a whole before its sender left; None when it did not."""
    return None if cycle.more_body else bytes(cycle.body)


def _no_room(limits: Limits) -> Problem:
    return problem(
        503,
        "too-many",
        f"Too many connections are open: {limits.connections} in all and {limits.per_uid} a user is the limit.",
        "Close some (rollout watch, the screen), then try again.",
        exit_code=10,
    )


def _head_too_large() -> Problem:
    return problem(431, "too-large", "The request's head is too large.", "Send fewer and shorter headers.")
