"""Whole sites: a proxy, the two model servers of its one route, and a daemon that is configured and not yet started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rolloutd.core.observed import RouteReading
from rolloutd.core.values import Share, Slot
from tests.e2e.house import House
from tests.e2e.paper import Config
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.load import Tally, load
from tests.engines.servers import ModelServer, ServerThread

ROUTE = "ranker"
Proxy = TypeVar("Proxy", HAProxy, Envoy)


@dataclass(frozen=True, slots=True)
class Site(Generic[Proxy]):
    """A proxy, its two servers (``thread`` can take them down) and the daemon beside them."""

    proxy: Proxy
    servers: dict[Slot, ModelServer]
    thread: ServerThread
    house: House
    port: int
    path: str

    def load(self, rate: float) -> AbstractAsyncContextManager[Tally]:
        """Requests without retries on the route, ``rate`` a second."""
        return load(self.port, rate, path=self.path)

    async def read(self) -> RouteReading:
        """The route as the engine itself shows it, past the daemon."""
        router = self.proxy.router()
        try:
            return await router.read(ROUTE)
        finally:
            await router.close()

    async def share(self) -> Share:
        """The share that the engine itself gives to slot b."""
        return (await self.read()).share_of(Slot.B)

    async def write_by_hand(self, share: Share) -> None:
        """Give slot b this share past the daemon, as a person at the engine would."""
        router = self.proxy.router()
        try:
            await router.set_share(ROUTE, Slot.B, share)
        finally:
            await router.close()


def make_servers(failure_rate: float = 0.0) -> dict[Slot, ModelServer]:
    """The champion in slot a serves v1, the challenger in slot b serves v2."""
    return {
        slot: ModelServer(f"{ROUTE}-{slot}", version, failure_rate)
        for slot, version in zip(Slot, ("v1", "v2"), strict=True)
    }


@contextmanager
def haproxy_site(
    folder: Path,
    *,
    lease: str = "5s",
    failure_rate: float = 0.0,
    source: Callable[[HAProxy], str] | None = None,
    tick: str = "500ms",
    policy: str = "",
) -> Iterator[Site[HAProxy]]:
    """A site on HAProxy, judged by its own counters unless ``source`` gives another source's table."""
    servers = make_servers(failure_rate)
    with ServerThread(*servers.values()) as thread, HAProxy(folder, {ROUTE: servers}, lease=lease) as proxy:
        router = f'kind = "haproxy"\nsocket = "{proxy.socket}"\nbase_map = "{proxy.base_map}"\nlease = "{lease}"'
        counters = scrape(f"{proxy.metrics_url}?scope=backend") if source is None else source(proxy)
        config = Config(router, counters, "haproxy.errors", tick=tick, policy=policy)
        house = House(folder, config.text(folder, proxy.routes))
        try:
            yield Site(proxy, servers, thread, house, proxy.ports[ROUTE], "/predict")
        finally:
            house.stop()


@contextmanager
def envoy_site(folder: Path, *, failure_rate: float = 0.0) -> Iterator[Site[Envoy]]:
    """A site on Envoy, judged by its own counters."""
    servers = make_servers(failure_rate)
    with ServerThread(*servers.values()) as thread, Envoy(folder, {ROUTE: servers}) as proxy:
        router = f'kind = "envoy"\nadmin = "{proxy.admin_url}"\nroutes_file = "{proxy.routes_file}"'
        source = scrape(f"{proxy.admin_url}/stats/prometheus?filter=upstream_rq_(completed|5xx)")
        house = House(folder, Config(router, source, "envoy.errors").text(folder, proxy.routes))
        try:
            yield Site(proxy, servers, thread, house, proxy.port, proxy.path(ROUTE))
        finally:
            house.stop()


def scrape(url: str) -> str:
    """The table of a source that reads this one page."""
    return f'kind = "scrape"\ntargets = [{{ url = "{url}" }}]'
