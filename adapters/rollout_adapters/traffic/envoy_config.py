"""Writes a complete bootstrap and first route file for routes as the Envoy router expects them; it starts nothing.

Sticky by the user's id: the same user stays on the same side, and a larger share contains all users of the smaller.
Nothing is retried, so no answer of one arm hides behind the other's. JSON, because Envoy's YAML takes ``n`` for false.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout_adapters.split import Split
from rollout_adapters.traffic.envoy_routes import NOTE, Json, note
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig

_V3 = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


@dataclass(frozen=True, slots=True)
class EnvoyRoute:
    """One route: which requests are its own, and where its slots' model servers are (host and port)."""

    config: RouteConfig
    servers: Mapping[Slot, tuple[str, int]]
    domains: tuple[str, ...] = ("*",)
    prefix: str = "/"
    user_header: str = "x-user-id"
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True)
class EnvoyFiles:
    """Where the parts lie, and what holds for all routes."""

    routes_file: Path
    admin_port: int
    listen_port: int
    listen_host: str = "127.0.0.1"
    route_config: str = "rollout"
    connect_timeout_s: float = 0.25


def render_bootstrap(files: EnvoyFiles, routes: Sequence[EnvoyRoute]) -> str:
    """The text of the bootstrap, JSON."""
    clusters = [_cluster(files, route, slot) for route in routes for slot in Slot]
    bootstrap: Json = {
        "node": {"id": "rolloutd", "cluster": "rolloutd"},
        "admin": {"address": _address("127.0.0.1", files.admin_port)},
        # Histograms move only at a flush; the default of 5 s would make latency look older than it is.
        "stats_flush_interval": "1s",
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {}}, {"name": "admin", "admin_layer": {}}]},
        "static_resources": {"clusters": clusters, "listeners": [_listener(files)]},
    }
    return json.dumps(bootstrap, indent=1) + "\n"


def render_routes(files: EnvoyFiles, routes: Sequence[EnvoyRoute], bases: Mapping[str, Slot]) -> str:
    """The text of the first route file: every route wholly on its base. Longer prefixes come first."""
    hosts: dict[tuple[str, ...], list[Json]] = {}
    for route in sorted(routes, key=lambda route: len(route.prefix), reverse=True):
        hosts.setdefault(route.domains, []).extend(_entries(route, Split(bases[route.config.name])))
    virtual_hosts = [
        {"name": f"host-{number}", "domains": list(domains), "routes": entries}
        for number, (domains, entries) in enumerate(hosts.items())
    ]
    resource = {"@type": _V3, "name": files.route_config, "virtual_hosts": virtual_hosts}
    return json.dumps({"version_info": "1", "resources": [resource]}, indent=1) + "\n"


def _entries(route: EnvoyRoute, split: Split) -> list[Json]:
    """An entry for each named segment, so that it has weights of its own; then that of everybody else."""
    segments = route.config.segments
    if segments is None:
        return [_entry(route, split)]
    return [*(_entry(route, split, segments.header, name) for name in segments.names), _entry(route, split)]


def _entry(route: EnvoyRoute, split: Split, header: str = "", segment: str = "") -> Json:
    weights = split.weights()
    match: Json = {"prefix": route.prefix}
    if segment:
        match["headers"] = [{"name": header, "string_match": {"exact": segment, "ignore_case": True}}]
    # The order of the clusters stays for ever: a user's draw is compared with the weights from the first one on.
    clusters = [{"name": route.config.slots[slot].arm_value, "weight": weights[slot]} for slot in Slot]
    return {
        "name": f"{route.config.name}-{segment}" if segment else route.config.name,
        "match": match,
        "metadata": {"filter_metadata": {NOTE: note(split, 1, segment)}},
        "route": {
            "weighted_clusters": {
                "clusters": clusters,
                "runtime_key_prefix": f"rollout.{route.config.name}",
                "use_hash_policy": True,
            },
            "hash_policy": [{"header": {"header_name": route.user_header}}],
            "timeout": f"{route.timeout_s:g}s",
        },
    }


def _cluster(files: EnvoyFiles, route: EnvoyRoute, slot: Slot) -> Json:
    name = route.config.slots[slot].arm_value
    endpoint = {"endpoint": {"address": _address(*route.servers[slot])}}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": f"{files.connect_timeout_s:g}s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _listener(files: EnvoyFiles) -> Json:
    source = {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": str(files.routes_file),
            "watched_directory": {"path": str(files.routes_file.parent)},
        },
    }
    manager: Json = {
        "@type": _HTTP,
        "stat_prefix": "rollout",
        "rds": {"route_config_name": files.route_config, "config_source": source},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": "rollout",
        "address": _address(files.listen_host, files.listen_port),
        "filter_chains": [{"filters": filters}],
    }


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}
