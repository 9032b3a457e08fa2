"""The fleet's event stream, opened before any library is loaded and read up to its first whole picture.

It speaks as much HTTP as one answer of our own daemon needs, and gives up within half a second: then the screen opens
its stream itself, later. It must not draw, and must not know what a picture means.
"""

from __future__ import annotations

import os
import socket
import time

LIMIT_S = 0.5
_BYTES = 1 << 18
_END = b"\n\n"


class NotNow(Exception):
    """There is no early picture, for whatever reason; the screen finds the reason itself and says it."""


class Chunks:
    """The body of a chunked answer from its bytes, piece by piece."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """What these bytes add to the body. Raises NotNow where they are no chunks, or where the body ends."""
        self._rest += piece
        found: list[bytes] = []
        at = 0
        while (line := self._rest.find(b"\r\n", at)) >= 0:
            try:
                size = int(self._rest[at:line].partition(b";")[0], 16)
            except ValueError:
                raise NotNow from None
            begin, end = line + 2, line + 2 + size
            if len(self._rest) < end + 2:
                break
            if size == 0:
                self._rest = b""
                if not found:
                    raise NotNow
                return b"".join(found)
            found.append(self._rest[begin:end])
            at = end + 2
        self._rest = self._rest[at:]
        return b"".join(found)


class Early:
    """An open stream: the first two messages as JSON, when they came, and how it goes on. Raises NotNow."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self.chunks = Chunks()
        self.hello = self.fleet = self.left = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mark = "Rollout-Read-Only: 1\r\n" if read_only else ""
        ask = f"GET /v1/events HTTP/1.1\r\nHost: rolloutd\r\nAccept: text/event-stream\r\n{mark}\r\n"
        try:
            self.socket.settimeout(LIMIT_S)
            self.socket.connect(path)
            self.socket.sendall(ask.encode())
        except OSError:
            self.close()
            raise NotNow from None

    def read(self) -> None:
        """Wait for the first whole picture."""
        deadline_s = time.monotonic() + LIMIT_S
        body, head, begun = bytearray(), b"", False
        try:
            while True:
                self.socket.settimeout(max(0.001, deadline_s - time.monotonic()))
                piece = self.socket.recv(_BYTES)
                if not piece:
                    raise NotNow
                if not begun:
                    head += piece
                    top, end, piece = head.partition(b"\r\n\r\n")
                    if not end:
                        continue
                    begun = True
                    if not top.startswith(b"HTTP/1.1 200") or b"transfer-encoding: chunked" not in top.lower():
                        raise NotNow
                body += self.chunks.feed(piece)
                if body.count(_END) >= 2:
                    break
        except (OSError, NotNow):
            self.close()
            raise NotNow from None
        first, second, self.left = bytes(body).split(_END, 2)
        self.hello, self.fleet = _data(first, b"hello"), _data(second, b"snapshot")

    def close(self) -> None:
        """Leave."""
        self.socket.close()


def _data(message: bytes, event: bytes) -> bytes:
    """The data of one server-sent event of this kind. Raises NotNow for another kind."""
    rows = message.split(b"\n")
    if b"event: " + event not in rows:
        raise NotNow
    return b"".join(row[6:] for row in rows if row.startswith(b"data: "))


def begin(socket_dir: str, *, read_only: bool = False) -> Early | None:
    """Open the stream of the daemon whose sockets are there, and ask; None when that cannot be done."""
    where = socket_dir or os.environ.get("ROLLOUT_SOCKET_DIR") or "/run/rolloutd"
    try:
        return Early(f"{where}/view.sock", read_only=read_only)
    except NotNow:
        return None
