"""One query's own connection for a client built on requests: it can be cut from outside, and reads no more than it may.

A timeout of requests counts anew with every byte, so a server that trickles would hold a thread for ever. The owner of
the deadline calls ``cut`` instead, which shuts the socket under the waiting thread.
"""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Callable
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.retry import Retry

from rollout_adapters.metrics.series import BODY_MAX_BYTES, Blind
from rolloutd.core.metrics import BlindReason

NO_RETRY = Retry(total=0, redirect=0)
_CHUNK_BYTES = 64 * 1024
_on_connect: ContextVar[Callable[[socket.socket], None]] = ContextVar("on_connect")


class _Http(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _on_connect.get()(self.sock)


class _Https(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _on_connect.get()(self.sock)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    """Connects by the classes above."""

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they come
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class Line:
    """A session for the queries of one reading, which run in one thread.

    ``body``, ``status`` and ``date_s`` (the server's clock, Unix seconds) are those of the last answer.
    """

    def __init__(self, headers: dict[str, str], ca_file: Path | None) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.max_redirects = 0
        self.session.headers.update(headers)
        self.session.hooks["response"] = [self._take]
        if ca_file is not None:
            self.session.verify = str(ca_file)
        self.body = b""
        self.status = 0
        self.date_s: float | None = None
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def own(self, url: str) -> None:
        """Serve ``url`` over connections that can be cut; called in the thread that will send the queries."""
        self.session.mount(url, _Adapter(max_retries=NO_RETRY))
        _on_connect.set(self._connected)

    def cut(self) -> None:
        """End whatever is under way, from any thread, for good."""
        self._is_cut = True
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections; called in the thread that used them."""
        self.session.close()

    def _connected(self, sock: socket.socket | None) -> None:
        if sock is not None:
            self._sockets.append(sock)
        if self._is_cut:
            raise ConnectionAbortedError("the reading was given up")

    def _take(self, response: requests.Response, *args: object, **kwargs: object) -> None:
        """Read the body up to its limit before the client library can read it whole."""
        self.status = response.status_code
        date = response.headers.get("Date")
        with contextlib.suppress(ValueError):
            self.date_s = None if date is None else parsedate_to_datetime(date).timestamp()
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > BODY_MAX_BYTES:
                raise Blind(BlindReason.TOO_BIG, f"the answer is longer than {BODY_MAX_BYTES >> 20} MiB")
        self.body = bytes(body)
        response.raw = io.BytesIO(self.body)
