"""The real daemon as a process on a real HAProxy, with everything it needs to be asked and killed. It knows no test."""

from __future__ import annotations

import grp
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rolloutd.core.values import Slot
from rolloutd.ctl.client import Client
from rolloutd.ctl.exits import Failure
from tests.engines.haproxy import HAProxy
from tests.engines.processes import Program, wait_until

PLAN_STAGES = (("canary", "10%"), ("half", "50%"))


def config(folder: Path, proxy: HAProxy, source: str, every: str = "250ms", tick: str = "500ms", lease: str = "5s") -> str:
    """A configuration for this proxy's routes; ``source`` is the body of the one metric source's table."""
    routes = "".join(
        f'[routes.{name}]\nrouter = "edge"\n'
        + "".join(
            f'[routes.{name}.slots.{slot}]\narm = "{route.slots[slot].arm_value}"\n'
            f'probe_url = "{route.slots[slot].probe_url}"\n'
            for slot in Slot
        )
        for name, route in proxy.routes.items()
    )
    return f"""
[daemon]
state_dir = "{folder}/state"
tick = "{tick}"
[sockets]
dir = "{folder}/run"
group = "{grp.getgrgid(os.getegid()).gr_name}"
[policy]
allow_short_times = true
min_time = "1s"
min_ticks = 2
warm_up = "0s"
window_ticks = 4
[routers.edge]
kind = "haproxy"
socket = "{proxy.socket}"
base_map = "{proxy.base_map}"
lease = "{lease}"
{routes}
[sources.proxy]
every = "{every}"
{source}
[metrics.errors]
template = "haproxy.errors"
source = "proxy"
"""


def scrape_source(proxy: HAProxy) -> str:
    """The proxy's own counters as the source."""
    return f'kind = "scrape"\ntargets = [{{ url = "{proxy.metrics_url}?scope=backend" }}]'


def spec(challenger: str = "v2", champion: str = "v1", route: str = "ranker", **more: str) -> str:
    """A rollout file of quick stages whose margins suit a few hundred requests a second."""
    stages = "".join(
        f'[[stage]]\nname = "{name}"\nshare = "{share}"\nmin_time = "2s"\nmax_time = "10m"\nmin_ticks = 2\n'
        for name, share in PLAN_STAGES
    )
    name = more.get("name", f"{route}-{challenger}")
    return f"""
[rollout]
name = "{name}"
model = "{route}"
champion = "{champion}"
challenger = "{challenger}"
route = "{route}"
reason = "an end-to-end test"
{stages}
[[stage]]
name = "watch"
share = "100%"
holdback = "20%"
min_time = "2s"
max_time = "10m"
min_ticks = 2
[[gate]]
metric = "errors"
limit = "40%"
harm = {{ ratio = 1.0 }}
accept = {{ ratio = {more.get("accept", "4.0")} }}
"""


class House:
    """The daemon in a folder. ``start`` waits until it answers; ``environment`` may arm a crash point."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(0o600)
        self.run = folder / "run"
        self.client = Client(str(self.run), 10.0)
        self.program = Program(self._command({}), folder, "rolloutd")

    def _command(self, environment: Mapping[str, str]) -> list[str]:
        words = [f"{key}={value}" for key, value in environment.items()]
        return ["env", *words, sys.executable, "-m", "rolloutd.main", "--config", str(self.file)]

    def start(self, **environment: str) -> None:
        """Start the daemon and wait until it answers."""
        self.program = Program(self._command(environment), self.folder, "rolloutd")
        self.program.start(self.answers)

    def answers(self) -> bool:
        """Whether the daemon answers on its socket."""
        try:
            return bool(self.client.get("health")["ok"])
        except (Failure, OSError):
            return False

    def begin(self, text: str) -> dict[str, Any]:
        """Start a rollout through the socket."""
        body = {"spec_toml": text, "file": "rollout.toml", "reason": ""}
        return self.client.post("rollouts", body=body)

    def act(self, name: str, verb: str, *, revision: int | None = None, wait_s: float = 0, **body: Any) -> dict[str, Any]:
        """One verb through the socket."""
        words = {"wait_s": wait_s, **body}
        return self.client.post("rollouts", name, verb, body=words, revision=revision, wait_s=wait_s)

    def status(self, name: str) -> dict[str, Any]:
        """One rollout now."""
        return self.client.get("rollouts", name)

    def timeline(self, name: str) -> list[dict[str, Any]]:
        """Its record."""
        entries: list[dict[str, Any]] = self.client.get("rollouts", name, "timeline")["entries"]
        return entries

    def wait(self, name: str, *phases: str, within_s: float = 90.0) -> dict[str, Any]:
        """Wait until the rollout is in one of these phases; a daemon that is away meanwhile is waited for."""
        found: dict[str, Any] = {}

        def there() -> bool:
            try:
                found.update(self.status(name))
            except (Failure, OSError):
                return False
            return found.get("phase") in phases

        wait_until(there, f"{name} to be {' or '.join(phases)} (is {found.get('phase')})", within_s)
        return found

    def stop(self) -> None:
        """End the daemon politely."""
        self.program.stop()


def emergency_abort(house: House, *words: str) -> int:
    """Run `rolloutd emergency-abort` beside the daemon; its exit code."""
    command = [sys.executable, "-m", "rolloutd.main", "--config", str(house.file), "emergency-abort", *words]
    return os.spawnv(os.P_WAIT, sys.executable, command)
