"""The least that an abort could cost here: one fsynced commit, one command, one look, in blocking code, no daemon."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from pathlib import Path
from typing import Protocol

from bench.rig.runtime_socket import RuntimeSocket

ROUTE = "floor"
"""The route that the floor moves; no rollout is on it."""
_BODY = "x" * 500


class Hand(Protocol):
    """An engine's own quickest commands on the route of the floor, over kept connections."""

    def give(self) -> None:
        """Give slot b a share."""

    def take(self) -> None:
        """Take it away again."""

    def gone(self) -> bool:
        """Whether the engine shows that it is away."""

    def close(self) -> None:
        """Let go of the connections."""


class TableHand:
    """HAProxy's table of shares."""

    def __init__(self, socket: Path, share_bp: int = 1_000) -> None:
        self._key, self._share_bp = f"{ROUTE}/b", share_bp
        self._hand, self._eye = RuntimeSocket(socket), RuntimeSocket(socket)

    def give(self) -> None:
        """See ``Hand.give``."""
        self._hand.set_share(self._key, self._share_bp)

    def take(self) -> None:
        """See ``Hand.take``."""
        self._hand.ask(f"set table lease key {self._key} data.gpt0 0; clear table lease key {self._key}")

    def gone(self) -> bool:
        """See ``Hand.gone``."""
        return not self._eye.share_bp(self._key)

    def close(self) -> None:
        """See ``Hand.close``."""
        for each in (self._hand, self._eye):
            each.__exit__(None, None, None)


class RuntimeHand:
    """Envoy's runtime layer: weights that are in force at once."""

    def __init__(self, admin_port: int, arms: tuple[str, str]) -> None:
        self._hand, self._eye = (http.client.HTTPConnection("127.0.0.1", admin_port) for _ in range(2))
        self._keys = tuple(f"rollout.{ROUTE}.{arm}" for arm in arms)

    def give(self) -> None:
        """See ``Hand.give``."""
        self._set(0, 10_000)

    def take(self) -> None:
        """See ``Hand.take``."""
        self._set(10_000, 0)

    def gone(self) -> bool:
        """See ``Hand.gone``."""
        self._eye.request("GET", "/runtime")
        shown = json.loads(self._eye.getresponse().read())
        return bool(shown["entries"][self._keys[1]]["final_value"] == "0")

    def close(self) -> None:
        """See ``Hand.close``."""
        self._hand.close()
        self._eye.close()

    def _set(self, old: int, new: int) -> None:
        self._hand.request("POST", f"/runtime_modify?{self._keys[0]}={old}&{self._keys[1]}={new}")
        answer = self._hand.getresponse().read()
        if answer.strip() != b"OK":
            raise RuntimeError(f"Envoy refused the floor's own command: {answer!r}")


class Floor:
    """A database on the file system of ``folder``, and a hand on the engine."""

    def __init__(self, folder: Path, hand: Hand) -> None:
        self._db = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body TEXT) STRICT")
        self._hand = hand

    def once_ms(self) -> float:
        """How long it took this time."""
        self._hand.give()
        began_s = time.monotonic()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO event (body) VALUES (?)", (_BODY,))
        self._db.execute("COMMIT")
        self._hand.take()
        while not self._hand.gone():
            pass
        return (time.monotonic() - began_s) * 1000

    def close(self) -> None:
        """Let go of all."""
        self._db.close()
        self._hand.close()
