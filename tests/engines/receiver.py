"""An HTTP server in a thread that keeps what was posted to it and answers as it is told; it judges nothing."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

LEAST_WAIT_S = 0.01


@dataclass(frozen=True, slots=True)
class Posted:
    """One request. Header names are small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was posted
        """The body as JSON."""
        return json.loads(self.body)


Reply = tuple[int, dict[str, str], bytes]


class Receiver:
    """Listens on a free port of 127.0.0.1 for the length of a ``with`` block. ``answer`` may be changed at any time."""

    def __init__(self, answer: Callable[[Posted], Reply] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[Posted], Reply] = answer or (lambda _: (200, {}, b"{}"))
        self.posted: list[Posted] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Keeps and answers."""

            def do_POST(self) -> None:
                """One request."""
                length = int(self.headers.get("content-length", "0"))
                headers = {key.lower(): value for key, value in self.headers.items()}
                posted = Posted(self.path, headers, self.rfile.read(length))
                receiver.posted.append(posted)
                status, more, body = receiver.answer(posted)
                self.send_response(status)
                for key, value in {"content-length": str(len(body)), **more}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing is printed."""

        class Server(ThreadingHTTPServer):
            """Its threads end with the process; a client that goes away is not worth a word."""

            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Nothing is printed."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LEAST_WAIT_S,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
