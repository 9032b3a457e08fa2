"""A real Envoy for the length of a ``with`` block, with the configuration that the adapter ships."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rollout_adapters.traffic.envoy import EnvoyOptions, EnvoyRouter
from rollout_adapters.traffic.envoy_config import EnvoyFiles, EnvoyRoute, render_bootstrap, render_routes
from rolloutd.core.values import Slot
from rolloutd.ports import Segments
from tests.engines.haproxy import route_config
from tests.engines.processes import Program, free_port, listens
from tests.engines.servers import ModelServer
from tests.programs import needs


class Envoy:
    """Envoy in a folder, all routes on one ``port``, told apart by the first part of the path (``/NAME/...``)."""

    def __init__(
        self,
        folder: Path,
        routes: Mapping[str, Mapping[Slot, ModelServer]],
        *,
        threads: int = 1,
        timeout_s: float = 2.0,
        segments: Mapping[str, Segments] | None = None,
        group: int | None = None,
    ) -> None:
        self.folder = folder
        self.routes_file = folder / "routes" / "routes.json"
        self.routes = {
            name: route_config(name, servers, segments=(segments or {}).get(name)) for name, servers in routes.items()
        }
        self.port, self.admin_port = free_port(), free_port()
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self._files = EnvoyFiles(self.routes_file, self.admin_port, self.port)
        self._layout = [
            EnvoyRoute(
                self.routes[name],
                {slot: ("127.0.0.1", servers[slot].port) for slot in Slot},
                prefix=f"/{name}/",
                timeout_s=timeout_s,
            )
            for name, servers in routes.items()
        ]
        boot = folder / "bootstrap.json"
        boot.write_text(render_bootstrap(self._files, self._layout), encoding="utf-8")
        options = ["--concurrency", str(threads), "--disable-hot-restart", "--log-level", "warn"]
        self.program = Program([needs("envoy"), "-c", str(boot), *options], folder, "envoy", group)

    def __enter__(self) -> Self:
        self.routes_file.parent.mkdir(exist_ok=True)
        bases = dict.fromkeys(self.routes, Slot.A)
        self.routes_file.write_text(render_routes(self._files, self._layout, bases), encoding="utf-8")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.program.stop()

    def start(self) -> None:
        """Start it (again) with the files as they are."""
        self.program.start(lambda: self._ready() and listens(self.port))

    def router(self) -> EnvoyRouter:
        """A router adapter on this Envoy."""
        return EnvoyRouter(EnvoyOptions(admin=self.admin_url, routes_file=self.routes_file), self.routes)

    def path(self, route: str) -> str:
        """A request path that belongs to this route."""
        return f"/{route}/predict"

    def admin(self, path: str, *, post: bool = False) -> str:
        """Ask the admin port past the adapter, as a person would. Blocks."""
        request = urllib.request.Request(self.admin_url + path, method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(answer.read().decode())

    def _ready(self) -> bool:
        try:
            return "LIVE" in self.admin("/ready")
        except (urllib.error.URLError, OSError):
            return False
