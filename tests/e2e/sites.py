"""Whole sites: a proxy, the two model servers of its one route, and a daemon that is configured and not yet started."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from rolloutd.core.observed import RouteReading
from rolloutd.core.values import Share, Slot
from rolloutd.ports import RouteConfig
from tests.e2e.house import House, Status
from tests.e2e.paper import Config
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.load import Tally, load
from tests.engines.nginx import Nginx
from tests.engines.servers import ModelServer, ServerThread

ROUTE, NAME = "ranker", "ranker-v2"
FIRST = Share(1_000)
"""The share of the first stage of every rollout here."""
Proxy = TypeVar("Proxy", HAProxy, Envoy, Nginx)


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

    async def shows(self, share: Share, within_s: float = 15.0) -> float:
        """Wait until the engine gives slot b this share; returns how long that took, in seconds."""
        begun = time.monotonic()
        while (shown := await self.share()) != share:
            assert time.monotonic() - begun < within_s, f"the engine shows {shown}, not {share}; {self.house.tail()}"
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    async def begin(self, text: str) -> None:
        """Start the daemon and this rollout; returns when its first share is on the engine and in the record."""
        await asyncio.to_thread(self.house.start)
        await asyncio.to_thread(self.house.begin, text)
        await self.settles(FIRST)

    async def settles(self, share: Share) -> None:
        """Wait until the engine gives slot b this share and the daemon has confirmed it."""
        await self.shows(share)
        confirmed = share.basis_points / 10_000

        def settled(status: Status) -> bool:
            on_new = status["on_new"]
            return bool(on_new["asked"] == on_new["confirmed"] == confirmed)

        await asyncio.to_thread(self.house.wait_for, NAME, settled, f"{share} to be confirmed")

    async def write_by_hand(self, share: Share) -> None:
        """Give slot b this share past the daemon, as a person at the engine would."""
        router = self.proxy.router()
        try:
            await router.set_share(ROUTE, Slot.B, share)
        finally:
            await router.close()


def make_servers(failure_rate: float = 0.0) -> dict[Slot, ModelServer]:
    """The champion in slot a serves v1, the challenger in slot b serves v2."""
    versions = {Slot.A: "v1", Slot.B: "v2"}
    return {slot: ModelServer(f"{ROUTE}-{slot}", versions[slot], failure_rate) for slot in Slot}


@contextmanager
def haproxy_site(
    folder: Path,
    *,
    lease: str = "5s",
    failure_rate: float = 0.0,
    tick: str = "500ms",
    policy: str = "",
    source: Callable[[HAProxy], str] | None = None,
    errors: str = "haproxy.errors",
    probes: Mapping[Slot, str] | None = None,
) -> Iterator[Site[HAProxy]]:
    """A site on HAProxy, judged by its own counters unless ``source`` gives another table and ``errors`` its template.

    ``probes`` are addresses that the daemon probes instead of the servers' own.
    """
    servers = make_servers(failure_rate)
    with ServerThread(*servers.values()) as thread, HAProxy(folder, {ROUTE: servers}, lease=lease) as proxy:
        router = f'kind = "haproxy"\nsocket = "{proxy.socket}"\nbase_map = "{proxy.base_map}"\nlease = "{lease}"'
        counters = scrape(f"{proxy.metrics_url}?scope=backend") if source is None else source(proxy)
        config = Config(router, counters, errors, tick=tick, policy=policy)
        house = House(folder, config.text(folder, _probed(proxy.routes, probes or {})))
        try:
            yield Site(proxy, servers, thread, house, proxy.ports[ROUTE], "/predict")
        finally:
            house.stop()


@contextmanager
def envoy_site(
    folder: Path,
    *,
    failure_rate: float = 0.0,
    tick: str = "500ms",
    policy: str = "",
    more: str = "",
    logs: bool = False,
) -> Iterator[Site[Envoy]]:
    """A site on Envoy, judged by its own counters, with ``more`` tables; its servers may log what they answer."""
    servers = make_servers(failure_rate)
    for slot, server in servers.items():
        server.log = f"{folder}/{slot}.jsonl" if logs else ""
    with ServerThread(*servers.values()) as thread, Envoy(folder, {ROUTE: servers}) as proxy:
        router = f'kind = "envoy"\nadmin = "{proxy.admin_url}"\nroutes_file = "{proxy.routes_file}"'
        source = scrape(f"{proxy.admin_url}/stats/prometheus?filter=upstream_rq_(completed|5xx)") + f"\n{more}"
        house = House(
            folder, Config(router, source, "envoy.errors", tick=tick, policy=policy).text(folder, proxy.routes)
        )
        try:
            yield Site(proxy, servers, thread, house, proxy.port, proxy.path(ROUTE))
        finally:
            house.stop()


@contextmanager
def nginx_site(folder: Path, *, failure_rate: float = 0.0, tick: str = "500ms") -> Iterator[Site[Nginx]]:
    """A site on nginx, judged by the model servers' own counters: nginx has none by arm."""
    servers = make_servers(failure_rate)
    with ServerThread(*servers.values()) as thread, Nginx(folder, {ROUTE: servers}) as proxy:
        router = (
            f'kind = "nginx"\nsplits_file = "{proxy.splits_file}"\nreadback = "{proxy.readback}"\n'
            f'pid_file = "{proxy.pid_file}"\ncheck = {json.dumps(proxy.check)}'
        )
        source = scrape(*(f"{server.url}/metrics" for server in servers.values()))
        house = House(folder, Config(router, source, "python.errors", tick=tick).text(folder, proxy.routes))
        try:
            yield Site(proxy, servers, thread, house, proxy.port, proxy.path(ROUTE))
        finally:
            house.stop()


def scrape(*urls: str) -> str:
    """The table of a source that reads these pages."""
    targets = ", ".join(f'{{ url = "{url}" }}' for url in urls)
    return f'kind = "scrape"\nevery = "250ms"\ntargets = [{targets}]'


def _probed(routes: Mapping[str, RouteConfig], probes: Mapping[Slot, str]) -> dict[str, RouteConfig]:
    """The routes with these addresses to probe."""
    return {
        name: replace(
            route,
            slots={
                slot: replace(at, probe_url=probes[slot]) if slot in probes else at for slot, at in route.slots.items()
            },
        )
        for name, route in routes.items()
    }
