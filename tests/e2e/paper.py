"""The two texts that a person would write: the daemon's configuration and a rollout's file. It starts nothing."""

from __future__ import annotations

import grp
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig

STAGES = (("canary", "10%"), ("half", "50%"))


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration says. ``router`` and ``source`` are the bodies of their tables, ``errors`` a template."""

    router: str
    source: str
    errors: str
    tick: str = "500ms"
    policy: str = ""

    def text(self, folder: Path, routes: Mapping[str, RouteConfig]) -> str:
        """The TOML, for a daemon whose files are in ``folder``."""
        return f"""
[daemon]
state_dir = "{folder}/state"
tick = "{self.tick}"
[sockets]
dir = "{folder}/run"
group = "{grp.getgrgid(os.getegid()).gr_name}"
[policy]
allow_short_times = true
min_time = "200ms"
min_ticks = 1
warm_up = "0s"
window_ticks = 2
{self.policy}
[routers.edge]
{self.router}
{"".join(_route(name, route) for name, route in routes.items())}
[sources.counters]
{self.source}
[metrics.errors]
template = "{self.errors}"
source = "counters"
"""


def _route(name: str, route: RouteConfig) -> str:
    slots = "".join(
        f'[routes.{name}.slots.{slot}]\narm = "{at.arm_value}"\nprobe_url = "{at.probe_url}"\n'
        for slot, at in ((slot, route.slots[slot]) for slot in Slot)
    )
    return f'[routes.{name}]\nrouter = "edge"\n{slots}'


def spec(
    challenger: str = "v2",
    champion: str = "v1",
    *,
    name: str = "",
    route: str = "ranker",
    stages: tuple[tuple[str, str], ...] = STAGES,
    stay: str = "2s",
    accept: str = '{ difference = "20pp" }',
) -> str:
    """A rollout file of quick stages: a stay of ``stay`` each, then a watch with a fifth held back."""
    table = [(label, share, "") for label, share in stages] + [("watch", "100%", 'holdback = "20%"\n')]
    return f"""
[rollout]
name = "{name or f"{route}-{challenger}"}"
model = "{route}"
champion = "{champion}"
challenger = "{challenger}"
route = "{route}"
reason = "an end-to-end test"
{"".join(_stage(label, share, stay, more) for label, share, more in table)}
[[gate]]
metric = "errors"
limit = "40%"
harm = {{ ratio = 1.0 }}
accept = {accept}
"""


def _stage(name: str, share: str, stay: str, more: str) -> str:
    times = f'min_time = "{stay}"\nmax_time = "10m"\nmin_ticks = 1\n'
    return f'[[stage]]\nname = "{name}"\nshare = "{share}"\n{times}{more}'
