"""A real HAProxy, what stands behind it, and the real daemon as a process of its own; each part can be stopped alone.

``FleetSite`` has as many routes as asked for on one HAProxy: each is a line of the base map and an entry of the share
table, which is all of HAProxy that the daemon reads and writes. Only the route ``front`` has a listener besides.
"""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.rig.fleet import arm
from bench.rig.past import write_live
from bench.rig.post import Post
from bench.rig.runtime_socket import RuntimeSocket
from rollout_adapters.traffic.haproxy_config import render_base_map
from rolloutd.core.plan import Spec
from rolloutd.core.values import Slot
from rolloutd.main import vocabulary
from rolloutd.settings.load import load_settings
from rolloutd.settings.spec_file import read_spec
from rolloutd.settings.tree import Settings
from tests.e2e.house import House
from tests.engines.haproxy import HAProxy
from tests.engines.processes import Program, free_port, listens
from tests.engines.servers import ModelServer

SHARE_BP = 1_000
_HEAD = """
[daemon]
state_dir = "{folder}/state"
tick = "{tick}"
[sockets]
dir = "{folder}/run"
group = "{group}"
[policy]
allow_short_times = true
min_time = "{min_time}"
min_ticks = {min_ticks}
warm_up = "{warm_up}"
window_ticks = 4
[routers.edge]
kind = "haproxy"
socket = "{proxy.socket}"
base_map = "{proxy.base_map}"
lease = "60s"
"""


class Missing(RuntimeError):
    """A program that the bench needs is not installed."""


def head(folder: Path, proxy: HAProxy, **values: str | int) -> str:
    """The tables of a configuration that have nothing to do with routes, sources and metrics."""
    known = {"tick": "10s", "min_time": "1h", "min_ticks": 30, "warm_up": "1s"} | values
    return _HEAD.format(folder=folder, proxy=proxy, group=grp.getgrgid(os.getegid()).gr_name, **known)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A private folder on the file system of the checkout's temporary files. Raises Missing without HAProxy."""
    if shutil.which("haproxy") is None:
        raise Missing("This bench needs haproxy. Nothing was measured. Install it (Debian: apt install haproxy).")
    with tempfile.TemporaryDirectory(prefix="rolloutd-bench-") as name:
        yield Path(name)


def settings_of(house: House) -> Settings:
    """The house's configuration as the daemon reads it."""
    return load_settings(house.file, vocabulary())


async def instance_of(proxy: HAProxy, route: str) -> str:
    """The process of HAProxy's that the daemon will find."""
    router = proxy.router()
    try:
        return (await router.read(route)).instance
    finally:
        await router.close()


_REGISTRY = '[registries.versions]\nkind = "mlflow"\nurl = "http://127.0.0.1:{port}"\nprefix = "v"\nevery = "5s"\n'
"""At the fleet's own server: it dies and hangs with the rest, and before that it has no sensible answer either."""


REGISTERED_MAX = 500
"""So many routes have a model there: a configuration of a thousand with one is longer than the daemon takes."""


class FleetProxy(HAProxy):
    """HAProxy with a line in its base map for every route of the fleet."""

    def __init__(self, place: Path, port: int, names: list[str]) -> None:
        slots = {Slot.A: ModelServer("front-a", port=port), Slot.B: ModelServer("front-b", port=port)}
        super().__init__(place, {"front": slots})
        self._names = names

    def start(self) -> None:
        """Start it with the fleet's bases."""
        self.base_map.write_text(render_base_map(dict.fromkeys(["front", *self._names], Slot.A)), encoding="utf-8")
        super().start()


class FleetSite:
    """A fleet of ``size`` live rollouts on one HAProxy, their metrics page, and the daemon that was started on them."""

    def __init__(self, place: Path, size: int, *, tells: tuple[str, ...] = (), registered: bool = False) -> None:
        self.names = [f"fleet-{number:04}" for number in range(size)]
        port = free_port()
        self._port = port
        self._post = Post(port, tells) if tells else None
        self._registered = registered
        command = [sys.executable, "-m", "bench.rig.fleet", str(port), str(size)]
        self.fleet = Program(command, Path.cwd(), "fleet")
        self.fleet.log_file = place / "fleet.log"
        self.proxy = FleetProxy(place, port, self.names)
        self.house = House(place, self._config(place))
        self.place = place
        spec_texts = (_spec(name) for name in self.names)
        settings = settings_of(self.house)
        self.specs: list[Spec] = [read_spec(text, "bench", settings) for text in spec_texts]

    def _config(self, place: Path) -> str:
        return "\n".join(
            [
                head(place, self.proxy),
                *(_route(number, name, self._port, self._registered) for number, name in enumerate(self.names)),
                '[sources.models]\nkind = "scrape"\nevery = "10s"',
                f'targets = [{{ url = "http://127.0.0.1:{self._port}/metrics" }}]',
                '[metrics.errors]\ntemplate = "python.errors"\nsource = "models"',
                "" if self._post is None else self._post.config,
                _REGISTRY.format(port=self._port) if self._registered else "",
            ]
        )

    async def start(self) -> None:
        """Write the past, give every route its share, start the daemon; the proxy and the fleet run already."""
        shutil.rmtree(self.place / "state", ignore_errors=True)
        with RuntimeSocket(self.proxy.socket) as hand:
            for name in self.names:
                hand.set_share(f"{name}/b", SHARE_BP)
        instance = await instance_of(self.proxy, "front")
        await write_live(self.place / "state", self.specs, instance)
        if self._post is not None:
            await self._post.write(self.place / "state", self.names)
        self.house.start()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The fleet's servers and the proxy for the length of a block; the daemon ends with them."""
        self.start_fleet()
        try:
            with self.proxy:
                yield
        finally:
            self.house.stop()
            self.fleet.kill()

    def start_fleet(self) -> None:
        """Start the servers (again)."""
        self.fleet.start(lambda: listens(self._port))

    def at_rest(self) -> bool:
        """Whether every rollout has ticked since the daemon's start, and its share was read from the router."""
        rows = self.house.client.get("rollouts", limit=len(self.names))["rollouts"]
        return len(rows) == len(self.names) and all(row["observed"] is not None for row in rows)


def _route(number: int, name: str, port: int, registered: bool) -> str:
    slots = "".join(
        f'[routes.{name}.slots.{slot}]\narm = "{arm(number, slot.value)}"\n'
        f'probe_url = "http://127.0.0.1:{port}/{version}/version"\n'
        for slot, version in ((Slot.A, "v1"), (Slot.B, "v2"))
    )
    registry = f'registry = "versions"\nmodel = "{name}"\n' if registered and number < REGISTERED_MAX else ""
    return f'[routes.{name}]\nrouter = "edge"\n{registry}{slots}'


def _spec(name: str) -> str:
    return f"""
[rollout]
name = "{name}"
model = "{name}"
champion = "v1"
challenger = "v2"
route = "{name}"
reason = "a bench"
[[stage]]
name = "canary"
share = "{SHARE_BP / 100:g}%"
min_time = "2h"
max_time = "4h"
[[stage]]
name = "watch"
share = "100%"
holdback = "20%"
min_time = "2h"
max_time = "4h"
[[gate]]
metric = "errors"
limit = "40%"
harm = {{ ratio = 1.0 }}
accept = {{ ratio = 4.0 }}
"""
