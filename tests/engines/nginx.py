"""A real nginx for the length of a ``with`` block, with the configuration that the adapter ships."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rollout_adapters.traffic.nginx import NginxOptions, NginxRouter
from rollout_adapters.traffic.nginx_config import NginxFiles, NginxRoute, render_config, render_first_splits
from rolloutd.core.values import Slot
from rolloutd.ports import Segments
from tests.engines.haproxy import route_config
from tests.engines.processes import Program, free_port, listens
from tests.engines.servers import ModelServer
from tests.programs import needs


class Nginx:
    """nginx in a folder, all routes on one ``port``, told apart by the first part of the path (``/NAME/...``).

    ``keepalive`` of 0 ends each connection with its answer: a reload then closes none that a client wants to use again.
    """

    def __init__(
        self,
        folder: Path,
        routes: Mapping[str, Mapping[Slot, ModelServer]],
        *,
        keepalive: str = "0",
        segments: Mapping[str, Segments] | None = None,
        mirror_timeout: str | None = "250ms",
        edit: Callable[[str], str] | None = None,
    ) -> None:
        """``edit`` changes the rendered configuration, to make it wrong on purpose."""
        self._edit = edit or str
        self.folder = folder
        self.splits_file = folder / "splits" / "splits.conf"
        self.config_file = folder / "nginx.conf"
        self.pid_file = folder / "nginx.pid"
        self.routes = {
            name: route_config(name, servers, segments=(segments or {}).get(name)) for name, servers in routes.items()
        }
        self.port, self.readback_port = free_port(), free_port()
        self.readback = f"http://127.0.0.1:{self.readback_port}/rolloutd"
        self._files = NginxFiles(
            self.splits_file,
            f"127.0.0.1:{self.port}",
            f"127.0.0.1:{self.readback_port}",
            pid_file=self.pid_file,
            temporary=folder,
            user="root" if os.getuid() == 0 else None,
            workers="2",
            keepalive=keepalive,
        )
        self._layout = [
            NginxRoute(
                self.routes[name],
                {slot: servers[slot].address for slot in Slot},
                location=f"/{name}/",
                mirror_timeout=mirror_timeout,
            )
            for name, servers in routes.items()
        ]
        # Its own log in the folder, also before it has read its files; as a child, not as a daemon.
        self._command = [needs("nginx"), "-p", str(folder), "-c", str(self.config_file), "-e", "stderr"]
        self.check = [*self._command, "-t", "-q"]
        # A group of its own: its workers outlive a master that is killed.
        self.program = Program([*self._command, "-g", "daemon off;"], folder, "nginx", group=0)

    def __enter__(self) -> Self:
        self.splits_file.parent.mkdir(exist_ok=True)
        self.config_file.write_text(self._edit(render_config(self._files, self._layout)), encoding="utf-8")
        bases = dict.fromkeys(self.routes, Slot.A)
        self.splits_file.write_text(render_first_splits(self._layout, bases), encoding="utf-8")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start it (again) with the files as they are."""
        self.program.start(lambda: listens(self.port) and self.pid_file.exists())

    def kill(self) -> None:
        """End the master and its workers by force."""
        if self.program.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.program.pid, signal.SIGKILL)
        self.program.kill()

    def router(self, *, check: bool = True) -> NginxRouter:
        """A router adapter on this nginx."""
        options = NginxOptions(
            splits_file=self.splits_file,
            readback=self.readback,
            pid_file=self.pid_file,
            check=tuple(self.check) if check else (),
        )
        return NginxRouter(options, self.routes)

    def path(self, route: str) -> str:
        """A request path that belongs to this route."""
        return f"/{route}/predict"
