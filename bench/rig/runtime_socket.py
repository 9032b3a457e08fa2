"""A bench's own kept connection to HAProxy's runtime socket, in blocking code: its eye, and the floor's hand."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_SHARE = re.compile(rb"gpt0=(\d+)")
_LOOK_S = 0.0001
_TIMEOUT_S = 5.0


class RuntimeSocket:
    """One interactive connection (``prompt``); it shares nothing with the daemon's."""

    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(_TIMEOUT_S)
        self._sock.connect(str(path))
        self.ask("prompt")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._sock.close()

    def ask(self, line: str) -> bytes:
        """The answer to one command line. Raises OSError when HAProxy is gone."""
        self._sock.sendall(line.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n> "):
            chunk = self._sock.recv(65_536)
            if not chunk:
                raise ConnectionError(f"HAProxy ended the connection at {line!r}")
            answer += chunk
        return answer

    def share_bp(self, key: str) -> int:
        """The basis points that the table holds for the key; 0 where there is none."""
        found = _SHARE.search(self.ask(f"show table lease key {key}"))
        return int(found[1]) if found else 0

    def zero_s(self, key: str, within_s: float, look_s: float = _LOOK_S) -> float | None:
        """Look every ``look_s`` until the key shows no share; the moment (``monotonic``) of the answer that said so."""
        deadline_s = time.monotonic() + within_s
        while True:
            share_bp, at_s = self.share_bp(key), time.monotonic()
            if share_bp == 0:
                return at_s
            if at_s > deadline_s:
                return None
            time.sleep(look_s)

    def set_share(self, key: str, share_bp: int) -> None:
        """Give the key a share, as somebody's hand would."""
        self.ask(f"set table lease key {key} data.gpt0 {share_bp}")

    def responses(self, backend: str) -> tuple[int, int]:
        """All responses of a backend, and those with 5xx, as HAProxy counts them."""
        rows = self.ask("show stat").decode().splitlines()
        head = next(row for row in rows if row.startswith("# ")).removeprefix("# ").split(",")
        row = next(row.split(",") for row in rows if row.startswith(f"{backend},BACKEND,"))
        codes = {name: int(value or 0) for name, value in zip(head, row, strict=False) if name.startswith("hrsp_")}
        return sum(codes.values()), codes["hrsp_5xx"]
