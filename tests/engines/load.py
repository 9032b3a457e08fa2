"""A raw keep-alive HTTP load without retries that remembers which slot answered whom; it judges nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_ANSWER_WITHIN_S = 10.0
BROKEN = 0
"""Stands for the status where the connection broke before an answer came."""


@dataclass(slots=True)
class Tally:
    """What came back: answers by status, by slot (the ``x-slot`` header), and the slot that last answered each user."""

    codes: Counter[int] = field(default_factory=Counter)
    slots: Counter[str] = field(default_factory=Counter)
    slot_of: dict[str, str] = field(default_factory=dict)
    last_s: dict[str, float] = field(default_factory=dict)
    """``time.monotonic()`` at which the last request that this slot answered was *sent*."""

    @property
    def total(self) -> int:
        """Requests that ended, whichever way."""
        return self.codes.total()

    @property
    def failed(self) -> int:
        """Requests that did not end with 2xx."""
        return sum(count for code, count in self.codes.items() if not 200 <= code < 300)

    def users_on(self, slot: str) -> set[str]:
        """The users whose last answer came from this slot."""
        return {user for user, answered in self.slot_of.items() if answered == slot}

    def fraction(self, slot: str) -> float:
        """The part of the answers that came from this slot."""
        return self.slots[slot] / max(1, self.slots.total())

    def add(self, user: str, code: int, slot: str, sent_s: float) -> None:
        """Count one answer."""
        self.codes[code] += 1
        if slot:
            self.slots[slot] += 1
            self.slot_of[user] = slot
            self.last_s[slot] = max(sent_s, self.last_s.get(slot, 0.0))


class _Client:
    """One connection that is opened when needed and kept while it can be."""

    def __init__(self, port: int, path: str, host: str, head: str = "") -> None:
        self._port, self._path, self._host, self._head = port, path, host, head
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, user: str, tally: Tally) -> None:
        sent_s = time.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                code, slot = await self._ask(user)
        except (OSError, EOFError, TimeoutError, ValueError):
            self.close()
            code, slot = BROKEN, ""
        tally.add(user, code, slot, sent_s)

    async def _ask(self, user: str) -> tuple[int, str]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        who = f"x-user-id: {user}\r\n" if user else ""
        self._writer.write(f"GET {self._path} HTTP/1.1\r\nhost: {self._host}\r\n{who}{self._head}\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        await self._reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        return int(head[0].split(" ")[1]), fields.get("x-slot", "")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def burst(
    port: int,
    users: Iterable[str],
    *,
    connections: int = 8,
    path: str = "/predict",
    host: str = "localhost",
    head: str = "",
) -> Tally:
    """One request for each user, as fast as ``connections`` keep-alive connections carry them.

    ``head`` are more header lines, each with its line end.
    """
    tally, queue = Tally(), iter(users)

    async def drain() -> None:
        client = _Client(port, path, host, head)
        for user in queue:
            await client.ask(user, tally)
        client.close()

    await asyncio.gather(*(drain() for _ in range(connections)))
    return tally


def everybody(count: int = 1_000_000) -> Callable[[int], str]:
    """The n-th request's user: distinct users, going round after ``count``."""
    return lambda n: f"user-{n % count}"


@asynccontextmanager
async def load(
    port: int,
    rate: float,
    *,
    user: Callable[[int], str] | None = None,
    connections: int = 8,
    path: str = "/predict",
    host: str = "localhost",
    head: str = "",
) -> AsyncIterator[Tally]:
    """Send ``rate`` requests a second until the block ends; yields the tally, which grows meanwhile.

    The pace is kept on average (a late request is made up for) as far as ``connections`` can carry it. All requests
    under way when the block ends are waited for.
    """
    tally, numbers, stopping = Tally(), _count(), asyncio.Event()
    name, begun = user or everybody(), time.monotonic()

    async def work() -> None:
        client = _Client(port, path, host, head)
        while not stopping.is_set():
            number = next(numbers)
            ahead_s = begun + number / rate - time.monotonic()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            await client.ask(name(number), tally)
        client.close()

    workers = [asyncio.create_task(work()) for _ in range(connections)]
    try:
        yield tally
    finally:
        stopping.set()
        await asyncio.gather(*workers)


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1
