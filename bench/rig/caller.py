"""Somebody who aborts over a control socket that is open already, in blocking code; what comes of it is for others."""

from __future__ import annotations

import json
import socket
import time
import uuid
from pathlib import Path

ANSWERS_WITHIN_S = 5.0


class Caller:
    """Somebody with the control socket open."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._sock: socket.socket | None = None

    def open(self) -> socket.socket:
        """The open connection; a new one where the daemon ended the last."""
        if self._sock is None:
            self._sock = socket.socket(socket.AF_UNIX)
            self._sock.settimeout(ANSWERS_WITHIN_S)
            self._sock.connect(self._path)
        return self._sock

    def send_abort(self, name: str) -> float:
        """Write the whole request; the moment after its last byte."""
        body = json.dumps({"reason": "bench"})
        head = (
            f"POST /v1/rollouts/{name}/abort HTTP/1.1\r\nhost: localhost\r\n"
            f"content-type: application/json\r\nidempotency-key: {uuid.uuid4().hex}\r\n"
        )
        self.open().sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        return time.monotonic()

    def answer(self) -> int:
        """The status of the answer, once it is there as a whole."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.open().recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += self.open().recv(65_536)
        return int(head.split(b" ")[1])

    def close(self) -> None:
        """End the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
