"""A real HAProxy for the length of a ``with`` block, with the configuration that the adapter ships."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rollout_adapters.traffic.haproxy import HAProxyOptions, HAProxyRouter
from rollout_adapters.traffic.haproxy_config import HAProxyFiles, HAProxyRoute, render_base_map, render_config
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, RouteSlot, Segments
from tests.engines.processes import Program, answers_at, free_port, listens, wait_until
from tests.engines.servers import ModelServer
from tests.programs import needs


def route_config(
    name: str, servers: Mapping[Slot, ModelServer], router: str = "edge", segments: Segments | None = None
) -> RouteConfig:
    """The route as the daemon's configuration would name it; its arms are ``NAME-a`` and ``NAME-b``."""
    slots = {slot: RouteSlot(f"{name}-{slot}", f"{servers[slot].url}/version") for slot in Slot}
    return RouteConfig(name, router, slots, segments=segments)


class HAProxy:
    """HAProxy in a folder, one listener a route (``ports``). ``socket`` is its runtime socket."""

    def __init__(
        self,
        folder: Path,
        routes: Mapping[str, Mapping[Slot, ModelServer]],
        *,
        lease: str = "60s",
        server_timeout: str = "2s",
        segments: Mapping[str, Segments] | None = None,
        edit: Callable[[str], str] | None = None,
    ) -> None:
        """``segments`` are by route; ``edit`` changes the rendered configuration, to make it wrong on purpose."""
        self._edit = edit or str
        self.folder = folder
        self.routes = {
            name: route_config(name, servers, segments=(segments or {}).get(name)) for name, servers in routes.items()
        }
        self.ports = {name: free_port() for name in routes}
        self.metrics_port = free_port()
        self.socket = folder / "haproxy.sock"
        self._master = folder / "master.sock"
        self.base_map = folder / "base.map"
        self.isolated_map = folder / "isolated.map"
        self.config_file = folder / "haproxy.cfg"
        self._files = HAProxyFiles(
            self.socket,
            self.base_map,
            isolated_map=self.isolated_map,
            metrics_bind=f"127.0.0.1:{self.metrics_port}",
            lease=lease,
            server_timeout=server_timeout,
        )
        self._layout: Sequence[HAProxyRoute] = [
            HAProxyRoute(
                self.routes[name],
                f"127.0.0.1:{self.ports[name]}",
                {slot: servers[slot].address for slot in Slot},
            )
            for name, servers in routes.items()
        ]
        self.program = Program(
            [needs("haproxy"), "-W", "-S", str(self._master), "-f", str(self.config_file)], folder, "haproxy"
        )

    def __enter__(self) -> Self:
        self.config_file.write_text(self._edit(render_config(self._files, self._layout)), encoding="utf-8")
        self.base_map.write_text(render_base_map(dict.fromkeys(self.routes, Slot.A)), encoding="utf-8")
        self.isolated_map.write_text("", encoding="utf-8")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.program.stop()

    @property
    def metrics_url(self) -> str:
        """Where its own counters are scraped."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def router(self) -> HAProxyRouter:
        """A router adapter on this HAProxy."""
        options = HAProxyOptions(
            socket=self.socket, base_map=self.base_map, isolated_map=self.isolated_map, lease=self._files.lease
        )
        return HAProxyRouter(options, self.routes)

    def start(self) -> None:
        """Start it (again) with the files as they are."""
        self.program.start(lambda: self.worker() != b"" and all(listens(port) for port in self.ports.values()))

    def worker(self) -> bytes:
        """The line of the runtime socket that names the worker process; empty while none answers. Blocks."""
        rows = answers_at(self.socket, b"show info\n").splitlines()
        return next((row for row in rows if row.startswith(b"Pid: ")), b"")

    def reload(self) -> None:
        """Reload the files; returns when another worker answers. A call that is under way meanwhile may break off."""
        before = self.worker()
        asked_s = 0.0

        def another() -> bool:
            # A master that has only just started loses the command without a word: ask again.
            nonlocal asked_s
            if time.monotonic() - asked_s > 3:
                asked_s = time.monotonic()
                answers_at(self._master, b"reload\n")
            return self.worker() not in (b"", before)

        wait_until(another, "HAProxy's reload")
