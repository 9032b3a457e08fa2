"""Who is at the other end of a local socket, as the kernel says it; it reads nothing that the caller wrote.

The credentials are those of the moment of ``connect``. Names and groups are looked up by uid, bounded in time: where
the directory service hangs, the groups of the calling process itself (also from the kernel) stand in, so an abort needs
no identity server.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

_UCRED = struct.Struct("iII")
_SO_PEERGROUPS = 59  # asm-generic/socket.h; Python has no name for it
_OPTION_BYTES_MAX = 1_024  # Python reads no longer option


class HasOptions(Protocol):
    """The one method of a socket that is needed here; asyncio hands out wrappers that have it."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Read a socket option as bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """The calling process: its ids, and the groups the kernel holds for it."""

    pid: int
    uid: int
    gid: int
    kernel_groups: frozenset[int] = frozenset()


def read_peer(sock: HasOptions) -> Peer:
    """The peer of a connected Unix socket. Raises OSError where the kernel does not tell."""
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(pid, uid, gid, frozenset({gid, *_kernel_groups(sock)}))


def _kernel_groups(sock: HasOptions) -> tuple[int, ...]:
    """The supplementary groups of the calling process; none where the kernel is old or it has more than 256."""
    try:
        packed = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _OPTION_BYTES_MAX)
    except OSError:
        return ()
    return struct.unpack(f"{len(packed) // 4}I", packed)


@dataclass(frozen=True, slots=True)
class Account:
    """What the system's directory says about a uid."""

    name: str
    groups: frozenset[int]


def lookup_account(uid: int) -> Account | None:
    """Name and groups of ``uid``, None when nobody has it. Blocks for as long as the directory service takes."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(entry.pw_name, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def group_id(name: str) -> int | None:
    """The gid of a group by its name, None when there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


class Accounts:
    """Looks accounts up off the event loop, remembers them for ``keep_s``, and gives up after ``patience_s``."""

    def __init__(
        self, lookup: Callable[[int], Account | None] = lookup_account, keep_s: float = 30, patience_s: float = 0.5
    ) -> None:
        self._lookup = lookup
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._known: dict[int, tuple[float, Account]] = {}
        self._hangs_until = 0.0
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="accounts")

    async def of(self, peer: Peer) -> Account:
        """The account behind ``peer``; from the kernel alone where the directory knows nothing or does not answer."""
        now = time.monotonic()
        kept_at, kept = self._known.get(peer.uid, (0.0, None))
        if kept is not None and now - kept_at < self._keep_s:
            return kept
        found = await self._ask(peer.uid) if now >= self._hangs_until else None
        if found is None:
            return Account(f"uid {peer.uid}", peer.kernel_groups)
        if len(self._known) > 4_096:  # a bound, not a cache policy: uids of one host are few
            self._known.clear()
        self._known[peer.uid] = (time.monotonic(), found)
        return found

    async def _ask(self, uid: int) -> Account | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience_s):
                return await loop.run_in_executor(self._threads, self._lookup, uid)
        except (TimeoutError, OSError):
            self._hangs_until = time.monotonic() + 10 * self._patience_s  # so that only the first caller waits
            return None

    def close(self) -> None:
        """Let the lookup threads go without waiting for a directory that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
