"""The least that an abort could cost here: one fsynced commit, one command, one look, in blocking code, no daemon."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bench.rig.runtime_socket import RuntimeSocket

_KEY = "floor/b"
_BODY = "x" * 500


class Floor:
    """A database and two connections of its own, on the file system of ``folder``."""

    def __init__(self, folder: Path, proxy_socket: Path) -> None:
        self._db = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT) STRICT")
        self._hand, self._eye = RuntimeSocket(proxy_socket), RuntimeSocket(proxy_socket)

    def once_ms(self) -> float:
        """How long it took this time."""
        self._hand.set_share(_KEY, 1_000)
        began_s = time.monotonic()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO event (body) VALUES (?)", (_BODY,))
        self._db.execute("COMMIT")
        self._hand.ask(f"set table lease key {_KEY} data.gpt0 0; clear table lease key {_KEY}")
        while self._eye.share_bp(_KEY):
            pass
        return (time.monotonic() - began_s) * 1000

    def close(self) -> None:
        """Let go of all."""
        self._db.close()
        for each in (self._hand, self._eye):
            each.__exit__(None, None, None)
