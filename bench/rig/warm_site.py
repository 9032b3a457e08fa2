"""Blue-green rollouts in their watch, all traffic on the new side and the old one warm, on one HAProxy or one Envoy.

Each rollout has a route of its own; all routes share two model servers, which are a process of their own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.demo.servers import Backends
from bench.rig.floor import Hand, RuntimeHand, TableHand
from bench.rig.past import write_live
from bench.rig.site import settings_of
from bench.rig.users import Users
from rolloutd.core.plan import Spec
from rolloutd.core.values import FULL, Slot
from rolloutd.settings.spec_file import read_spec
from tests.e2e.house import House
from tests.e2e.paper import Config
from tests.engines.envoy import Envoy
from tests.engines.haproxy import HAProxy
from tests.engines.servers import ModelServer

OLD, NEW = "old", "new"
ENGINES = ("haproxy", "envoy")
_SPEC = """
[rollout]
name = "{name}"
model = "{name}"
champion = "v1"
challenger = "v2"
route = "{name}"
reason = "a bench"
[[stage]]
name = "preview"
share = "0%"
min_time = "1m"
max_time = "30m"
[[stage.smoke]]
name = "ready"
[[stage]]
name = "watch"
share = "100%"
holdback = "0%"
min_time = "1h"
max_time = "4h"
[[gate]]
metric = "errors"
limit = "40%"
"""


class WarmSite:
    """``size`` blue-green rollouts with nothing held back, on one engine, with ``rate`` requests a second on each."""

    def __init__(self, place: Path, engine: str, size: int, rate: float) -> None:
        self.place, self.names = place, [f"wayback-{number:02}" for number in range(size)]
        self._rate = rate
        self._servers = {Slot.A: ModelServer(OLD, "v1"), Slot.B: ModelServer(NEW, "v2")}
        routes = dict.fromkeys(self.names, self._servers)
        self.proxy: HAProxy | Envoy = HAProxy(place, routes) if engine == "haproxy" else Envoy(place, routes)
        self.house = House(place, self._config().text(place, self.proxy.routes))
        settings = settings_of(self.house)
        self.specs: list[Spec] = [read_spec(_SPEC.format(name=name), "bench", settings) for name in self.names]

    def _config(self) -> Config:
        if isinstance(self.proxy, HAProxy):
            router = f'kind = "haproxy"\nsocket = "{self.proxy.socket}"\nbase_map = "{self.proxy.base_map}"'
            url, errors = f"{self.proxy.metrics_url}?scope=backend", "haproxy.errors"
        else:
            router = f'kind = "envoy"\nadmin = "{self.proxy.admin_url}"\nroutes_file = "{self.proxy.routes_file}"'
            url, errors = f"{self.proxy.admin_url}/stats/prometheus?filter=upstream_rq_(completed|5xx)", "envoy.errors"
        source = f'kind = "scrape"\nevery = "5s"\ntargets = [{{ url = "{url}" }}]'
        return Config(router, source, errors, tick="5s")

    def address(self, name: str) -> tuple[int, str]:
        """The port and path of a rollout's route."""
        if isinstance(self.proxy, HAProxy):
            return self.proxy.ports[name], "/predict"
        return self.proxy.port, self.proxy.path(name)

    def hand(self) -> Hand:
        """The engine's own quickest commands, for the floor."""
        if isinstance(self.proxy, HAProxy):
            return TableHand(self.proxy.socket)
        return RuntimeHand(self.proxy.admin_port, ("floor-a", "floor-b"))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The servers and the proxy for the length of a block; the daemon ends with them."""
        with contextlib.ExitStack() as stack:
            backends = Backends(self.place, os.getpgrp(), self._servers.values())
            stack.callback(backends.stop)
            stack.enter_context(self.proxy)
            stack.callback(self.house.stop)
            yield

    async def start(self) -> None:
        """Give every route all traffic, write the past, start the daemon."""
        router = self.proxy.router()
        try:
            for name in self.names:
                await router.set_share(name, Slot.B, FULL)
            instance = (await router.read(self.names[0])).instance
        finally:
            await router.close()
        await write_live(self.place / "state", self.specs, instance, stage=1)
        self.house.start()

    def users(self) -> Users:
        """Users on every route."""
        return Users(self._rate, ["{}{}".format(*self.address(name)) for name in self.names])

    def at_rest(self) -> bool:
        """Whether every rollout has ticked since the daemon's start and is in its watch."""
        rows = self.house.client.get("rollouts", limit=len(self.names))["rollouts"]
        return len(rows) == len(self.names) and all(row["observed"] == 1.0 for row in rows)
