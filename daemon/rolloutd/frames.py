"""Many socket connections over one pipe: the frames between ``rollout proxy`` and the screen at the other end of ssh.

A frame is kind, connection, length, payload. Pure: it cuts bytes into frames and makes bytes of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_HEAD = struct.Struct(">BIH")
PAYLOAD_MAX = 65_535
GREETING = b"rollout-proxy/1\n"
"""The first bytes of the proxy: whatever a login shell prints before it is passed over."""


class Kind(IntEnum):
    """Open a connection to a socket by name, carry bytes, or end (with a reason where it was never open)."""

    OPEN = 1
    DATA = 2
    END = 3


class NotOurs(Exception):
    """The other side does not speak this."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One piece."""

    kind: Kind
    connection: int
    payload: bytes = b""

    def bytes(self) -> bytes:
        """As it goes over the pipe."""
        return _HEAD.pack(self.kind, self.connection, len(self.payload)) + self.payload


def data(connection: int, payload: bytes) -> bytes:
    """Bytes of one connection, as many frames as they need."""
    pieces = (payload[at : at + PAYLOAD_MAX] for at in range(0, len(payload), PAYLOAD_MAX))
    return b"".join(Frame(Kind.DATA, connection, piece).bytes() for piece in pieces)


class Cutter:
    """Turns what comes out of a pipe into frames. ``greeted`` False: the greeting has yet to come."""

    def __init__(self, *, greeted: bool = True) -> None:
        self._rest = b""
        self._greeted = greeted

    def feed(self, more: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises NotOurs for a kind that does not exist."""
        self._rest += more
        if not self._greeted:
            _, found, after = self._rest.partition(GREETING)
            if not found:
                self._rest = self._rest[-len(GREETING) :]
                return
            self._greeted, self._rest = True, after
        while len(self._rest) >= _HEAD.size:
            kind, connection, length = _HEAD.unpack_from(self._rest)
            if len(self._rest) < _HEAD.size + length:
                return
            payload = self._rest[_HEAD.size : _HEAD.size + length]
            self._rest = self._rest[_HEAD.size + length :]
            try:
                yield Frame(Kind(kind), connection, payload)
            except ValueError:
                raise NotOurs(f"a frame of the unknown kind {kind}") from None
