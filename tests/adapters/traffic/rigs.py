"""A rig for each router: the router, an engine that can be restarted or killed, and requests that show where they went.

It holds no expectation. The real engines serve one route, ``ranker``, with two real HTTP servers behind it.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from pathlib import Path

from rollout_adapters.memory import Fault, MemoryRouter
from rolloutd.core.values import FULL_BP, ZERO, Instant, Slot
from rolloutd.ports import OTHER, Router, Segments
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.load import Tally, burst, load
from tests.engines.nginx import Nginx
from tests.engines.servers import ModelServer, ServerThread

ROUTE = "ranker"
SEGMENTS = Segments("x-region", "region", ("eu", "us", "apac"))


def users(count: int, first: int = 0) -> list[str]:
    """So many distinct users."""
    return [f"user-{number}" for number in range(first, first + count)]


def _apart(apart: bool) -> dict[str, Segments]:
    return {ROUTE: SEGMENTS} if apart else {}


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now(self) -> Instant:
        """Where the test left it."""
        return Instant(self.ms, self.ms)


class Rig(ABC):
    """One engine with one route."""

    router: Router

    @abstractmethod
    def second(self) -> Router:
        """Another, independent adapter on the same engine."""

    @abstractmethod
    async def send(self, who: Iterable[str], segment: str = "") -> Tally:
        """One request for each of these users, who say that they are of this segment."""

    @abstractmethod
    def restart(self) -> None:
        """The engine ends and begins again."""

    @abstractmethod
    def kill(self) -> None:
        """The engine is gone."""


class RealRig(Rig):
    """What the real engines share: servers, load, counts taken at the servers."""

    port: int
    path: str
    engine: HAProxy | Envoy | Nginx

    def __init__(self) -> None:
        self.servers = {Slot.A: ModelServer("a", "v1"), Slot.B: ModelServer("b", "v2")}
        self.threads = ServerThread(*self.servers.values())

    async def send(self, who: Iterable[str], segment: str = "") -> Tally:
        """One request for each of these users, who say that they are of this segment."""
        head = f"{SEGMENTS.header}: {segment}\r\n" if segment else ""
        return await burst(self.port, who, path=self.path, head=head)

    def load(self, rate: float) -> AbstractAsyncContextManager[Tally]:
        """A steady load of distinct users."""
        return load(self.port, rate, path=self.path)

    def restart(self) -> None:
        """End it politely and start it with its files as they are."""
        self.engine.program.stop()
        self.engine.start()

    def kill(self) -> None:
        """End it by force."""
        self.engine.program.kill()


class HAProxyRig(RealRig):
    """HAProxy with the shipped configuration, changed by ``edit`` where a test wants it wrong."""

    engine: HAProxy

    def __init__(
        self, folder: Path, lease: str = "60s", edit: Callable[[str], str] | None = None, apart: bool = False
    ) -> None:
        super().__init__()
        self.engine = HAProxy(folder, {ROUTE: self.servers}, lease=lease, edit=edit, segments=_apart(apart))
        self.port, self.path = self.engine.ports[ROUTE], "/predict"
        self.router = self.engine.router()

    def second(self) -> Router:
        """Another adapter on the same engine."""
        return self.engine.router()


class EnvoyRig(RealRig):
    """Envoy with the shipped configuration and a second route that nothing may touch."""

    engine: Envoy

    def __init__(self, folder: Path, apart: bool = False) -> None:
        super().__init__()
        self.engine = Envoy(folder, {ROUTE: self.servers, "other": self.servers}, segments=_apart(apart))
        self.port, self.path = self.engine.port, self.engine.path(ROUTE)
        self.router = self.engine.router()

    def second(self) -> Router:
        """Another adapter on the same engine."""
        return self.engine.router()


class NginxRig(RealRig):
    """nginx with the shipped configuration and a second route that nothing may touch."""

    engine: Nginx

    def __init__(self, folder: Path, keepalive: str = "0", apart: bool = False) -> None:
        super().__init__()
        routes = {ROUTE: self.servers, "other": self.servers}
        self.engine = Nginx(folder, routes, keepalive=keepalive, segments=_apart(apart))
        self.port, self.path = self.engine.port, self.engine.path(ROUTE)
        self.router = self.engine.router()

    def second(self) -> Router:
        """Another adapter on the same engine."""
        return self.engine.router()

    def kill(self) -> None:
        """End it by force, its workers too."""
        self.engine.kill()


class MemoryRig(Rig):
    """The router in memory; a request goes where its reading says, by a draw from the user's name."""

    router: MemoryRouter

    def __init__(self) -> None:
        self.clock = HandClock()
        self.router = MemoryRouter(self.clock, [ROUTE])

    def second(self) -> Router:
        """Another adapter on the same engine."""
        return self.router

    async def send(self, who: Iterable[str], segment: str = "") -> Tally:
        """One request for each of these users, who say that they are of this segment."""
        tally, reading = Tally(), await self.router.read(ROUTE)
        named = segment if segment in SEGMENTS.names else OTHER
        share = ZERO if named in reading.isolated else reading.override.of(named)
        for user in who:
            drawn = zlib.crc32(user.encode()) % FULL_BP < share.basis_points
            slot = reading.override_slot if drawn and reading.override_slot else reading.base
            tally.add(user, 200, slot.value, 0.0)
        return tally

    def restart(self) -> None:
        """End it politely and start it with its files as they are."""
        self.router.restart()

    def kill(self) -> None:
        """End it by force."""
        self.router.fail(Fault.UNREACHABLE)


@contextmanager
def running(rig: RealRig) -> Iterator[None]:
    """The rig's servers and engine run inside the block, and are gone after it."""
    with ExitStack() as parts:
        parts.enter_context(rig.threads)
        parts.enter_context(rig.engine)
        yield
