"""Writes the parts of the pages that the code knows better: ``python -m tests.docs.pages``. It invents no sentence.

A part stands between ``<!-- made: NAME -->`` and ``<!-- end -->``; its maker is in ``MAKERS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from rollout_adapters.traffic.envoy_config import EnvoyFiles, EnvoyRoute, render_bootstrap, render_routes
from rollout_adapters.traffic.haproxy_config import HAProxyFiles, HAProxyRoute, render_base_map, render_config
from rollout_adapters.traffic.nginx_config import NginxFiles, NginxRoute, render_first_splits
from rollout_adapters.traffic.nginx_config import render_config as render_nginx
from rollout_tui.keys import COMMANDS, Place, shown
from rollout_tui.words import STATES
from rolloutd.core.values import Slot
from rolloutd.ctl.exits import MEANINGS
from rolloutd.main import vocabulary
from rolloutd.settings import read_settings
from rolloutd.settings.takeover import ROWS
from rolloutd.settings.tree import Settings
from rolloutd.verbs import VERBS, Risk

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *(ROOT / "docs" / f"{name}.md" for name in ("on-call", "routers", "config")))
_ASKS = {
    Risk.LOWERS: "lowers: asks nothing",
    Risk.FREEZES: "freezes: asks nothing",
    Risk.RAISES: "raises: asks, and only `y` confirms",
    Risk.NONE: "changes no traffic",
}

_PLACES = {
    Place.EVERYWHERE: "On every screen",
    Place.FLEET: "In the fleet",
    Place.ROLLOUT: "On a rollout",
    Place.CHARTS: "On its charts",
    Place.SEGMENTS: "On its segments",
    Place.REPORT: "On a report",
    Place.WIZARD: "In the wizard of a start",
    Place.TIMELINE: "On its timeline, and in a replay",
}


def blocks(page: str, language: str) -> list[str]:
    """The page's code blocks in this language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def settings() -> Settings:
    """The configuration that the README shows. Raises SettingsError where it is not in order."""
    text = next(block for block in blocks(README.read_text(), "toml") if "[routers." in block)
    return read_settings(text, "config.toml", vocabulary())


def keys() -> str:
    """Every key that does something, by what it does to exposure."""
    lines = ["| key | verb | does | |", "|---|---|---|---|"]
    for risk, asks in _ASKS.items():
        for row in VERBS:
            if row.key and row.risk is risk:
                built = "" if row.built else " (not built yet)"
                does = "raises: a wizard with a dry run, then only `y` confirms" if row.verb == "start" else asks
                lines.append(f"| `{row.key}` | {row.verb} | {row.help}{built} | {does} |")
    return "\n".join([*lines, "", *(f"{where}: {_listed(place)}." for place, where in _PLACES.items())])


def _listed(place: Place) -> str:
    """The screen's own keys of one place."""
    own = [one for one in COMMANDS if one.place is place and one.row is None]
    return ", ".join(f"`{' '.join(shown(key) for key in one.keys)}` {one.help}" for one in own)


def exits() -> str:
    """The exit codes of ``rollout``."""
    lines = ["| code | means |", "|---|---|"]
    return "\n".join(lines + [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()])


def states() -> str:
    """The words of the screen for where a rollout is, most urgent first."""
    lines = ["| | word | means |", "|---|---|---|"]
    return "\n".join(lines + [f"| `{one.symbol}` | {one.word} | {one.means} |" for one in STATES])


def haproxy() -> str:
    """haproxy.cfg for the README's route."""
    route = settings().routes["ranker"]
    servers = {slot: route.slots[slot].probe_url.split("/")[2] for slot in Slot}
    files = HAProxyFiles(
        Path("/run/haproxy/admin.sock"), Path("/etc/haproxy/rolloutd/base.map"), metrics_bind="127.0.0.1:8404"
    )
    return f"```text\n{render_config(files, [HAProxyRoute(route, '127.0.0.1:8080', servers)])}```"


def base_map() -> str:
    """The base map for a first start."""
    return f"```text\n{render_base_map({'ranker': Slot.A})}```"


def _envoy() -> tuple[EnvoyFiles, EnvoyRoute]:
    route = settings().routes["ranker"]
    hosts = {slot: route.slots[slot].probe_url.split("/")[2].split(":") for slot in Slot}
    servers = {slot: (host, int(port)) for slot, (host, port) in hosts.items()}
    return EnvoyFiles(Path("/etc/envoy/rolloutd/routes.json"), 9901, 8080), EnvoyRoute(route, servers)


def envoy_bootstrap() -> str:
    """Envoy's bootstrap for the README's route."""
    files, route = _envoy()
    return f"```json\n{render_bootstrap(files, [route])}```"


def envoy_routes() -> str:
    """Envoy's first route file."""
    files, route = _envoy()
    return f"```json\n{render_routes(files, [route], {'ranker': Slot.A})}```"


def _nginx() -> tuple[NginxFiles, NginxRoute]:
    route = settings().routes["ranker"]
    servers = {slot: route.slots[slot].probe_url.split("/")[2] for slot in Slot}
    files = NginxFiles(Path("/etc/nginx/rolloutd/splits.conf"), "127.0.0.1:8080", "127.0.0.1:8081", user="www-data")
    return files, NginxRoute(route, servers)


def nginx() -> str:
    """nginx.conf for the README's route."""
    files, route = _nginx()
    return f"```nginx\n{render_nginx(files, [route])}```"


def nginx_splits() -> str:
    """nginx's first splits file."""
    return f"```nginx\n{render_first_splits([_nginx()[1]], {'ranker': Slot.A})}```"


def reload() -> str:
    """What a running daemon takes over, and what waits for a restart."""
    lines = ["| part | a running daemon | |", "|---|---|---|"]
    for row in sorted(ROWS, key=lambda row: not row.at_once):
        part = f"`[{row.path[0]}]`{f' `{row.path[1]}`' if len(row.path) > 1 else ''}"
        lines.append(f"| {part} | {'takes it over' if row.at_once else '**needs a restart**'} | {row.means} |")
    return "\n".join(lines)


MAKERS: dict[str, Callable[[], str]] = {
    "keys": keys,
    "exits": exits,
    "states": states,
    "reload": reload,
    "haproxy.cfg": haproxy,
    "base.map": base_map,
    "bootstrap.json": envoy_bootstrap,
    "routes.json": envoy_routes,
    "nginx.conf": nginx,
    "splits.conf": nginx_splits,
}


def renewed(page: str) -> str:
    """The page with everything between its marks made anew. Raises KeyError for a mark without a maker."""
    pattern = re.compile(r"<!-- made: (\S+) -->\n.*?<!-- end -->", re.DOTALL)
    return pattern.sub(lambda found: f"<!-- made: {found[1]} -->\n{MAKERS[found[1]]()}\n<!-- end -->", page)


if __name__ == "__main__":
    for file in PAGES:
        file.write_text(renewed(file.read_text()))
