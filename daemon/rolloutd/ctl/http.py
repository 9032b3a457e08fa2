"""HTTP/1.1 over a Unix socket, as much of it as the daemon speaks; it must not know what is asked or answered.

The standard library's client costs more than all the rest of a status line: it loads mail parsers and TLS.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

TYPE_CHECKING = False  # loading typing for it would cost a tenth of a status line
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

LINE_BYTES_MAX = 65_536
HEADERS_MAX = 100
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


class BadAnswer(Exception):
    """What came back is no answer of a daemon."""


def quoted(text: str) -> str:
    """One part of a path or a query, percent-encoded."""
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in text.encode())


class Exchange:
    """One request and its answer on a connection of its own. Raises OSError or BadAnswer when either breaks."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Where too many wait already, queue for a place instead of giving up at once.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout_s) + 1, 0))
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(timeout_s)
        self._file: IO[bytes] = self._socket.makefile("rb")
        self.status = 0
        self._headers: dict[str, str] = {}

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> None:
        """Send the request and read the head of its answer; one that was turned away half sent may have one, too."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        with suppress(BrokenPipeError, ConnectionResetError):  # then the reason may already be there to read
            self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
        self._head()

    def _head(self) -> None:
        words = self._line().split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BadAnswer("that is no HTTP")
        self.status = int(words[1])
        for _ in range(HEADERS_MAX):
            line = self._line()
            if not line:
                return
            key, _, value = line.partition(":")
            self._headers[key.strip().lower()] = value.strip()
        raise BadAnswer("the answer's head does not end")

    def _line(self) -> str:
        raw = self._file.readline(LINE_BYTES_MAX)
        if not raw.endswith(b"\n"):
            raise BadAnswer("the connection ended before the whole answer came")
        return raw.decode("latin-1").rstrip("\r\n")

    def parts(self) -> Iterator[bytes]:
        """The body, piece by piece as it comes."""
        if self._headers.get("transfer-encoding", "").lower() == "chunked":
            yield from self._chunks()
        elif "content-length" in self._headers:
            yield self._exactly(self._number(self._headers["content-length"], 10))
        else:
            yield self._file.read()

    def _chunks(self) -> Iterator[bytes]:
        while size := self._number(self._line().partition(";")[0], 16):
            yield self._exactly(size)
            self._line()

    def _number(self, text: str, base: int) -> int:
        try:
            return int(text, base)
        except ValueError:
            raise BadAnswer("the answer does not say its length") from None

    def _exactly(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) < size:
            raise BadAnswer("the connection ended before the whole answer came")
        return found

    def lines(self) -> Iterator[str]:
        """The body line by line, for an endless one."""
        rest = b""
        for part in self.parts():
            *whole, rest = (rest + part).split(b"\n")
            for one in whole:
                yield one.decode("utf-8", "replace").rstrip("\r")

    def close(self) -> None:
        """Let go of the connection."""
        self._file.close()
        self._socket.close()
