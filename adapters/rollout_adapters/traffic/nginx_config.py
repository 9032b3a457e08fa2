"""Writes a complete nginx.conf and first splits file for routes as the nginx router expects them; it starts nothing.

Sticky by the user's id: the same user stays on the same side, and a larger share contains all users of the smaller; a
request without one is drawn by its own id. Nothing is retried, so no answer of one arm hides behind the other's. nginx
counts nothing by arm: gates read the model servers' own counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout_adapters.split import Split
from rollout_adapters.traffic.nginx_split import Routed, Splits, identifier, render_splits
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig

_REQUEST_ID = '  map $http_x_request_id $rollout_request_id { "" $request_id; default $http_x_request_id; }'


@dataclass(frozen=True, slots=True)
class NginxRoute:
    """One route: which requests are its own, and where its slots' model servers are (``host:port`` each)."""

    config: RouteConfig
    servers: Mapping[Slot, str]
    location: str = "/"
    user_header: str = "x-user-id"
    timeout: str = "2s"
    mirror_timeout: str | None = None
    """How long a copy may take, where the route's requests may be copied; None where they may not. While a copy runs,
    the next request of the same client connection waits, so keep it short."""


@dataclass(frozen=True, slots=True)
class NginxFiles:
    """Where the parts lie, and what holds for all routes."""

    splits_file: Path
    listen: str
    readback: str
    """The address that answers what is served. It has no authentication: keep it on loopback."""
    pid_file: Path = Path("/run/nginx.pid")
    temporary: Path | None = None
    """A folder for request bodies and answers that do not fit into memory; nginx's own where there is none."""
    user: str | None = None
    """Whose the workers are, where the master is root's. They must be able to see the splits file's folder."""
    workers: str = "auto"
    connect_timeout: str = "250ms"
    keepalive: str = "30s"


def render_config(files: NginxFiles, routes: Sequence[NginxRoute]) -> str:
    """The text of nginx.conf."""
    maps = "\n".join([*(_user(route) for route in routes), *([_REQUEST_ID] if _mirrors(routes) else [])])
    upstreams = "\n".join(_upstream(route, slot) for route in routes for slot in Slot)
    user = f"user {files.user};\n" if files.user else ""
    return f"""\
{user}worker_processes {files.workers};
pid {files.pid_file};
# After a reload old workers finish what is under way, and take nothing new.
worker_shutdown_timeout 30s;

events {{
  worker_connections 4096;
}}

http {{
  access_log off;
  # Four variables a route.
  variables_hash_max_size 4096;
  map_hash_bucket_size 128;
{_temporary(files)}\
  keepalive_timeout {files.keepalive};
  # A stop file must be seen at the next request.
  open_file_cache off;

{maps}
  include {files.splits_file};

{upstreams}
{_live(files, routes)}
{_readback(files, routes)}
}}
"""


def render_first_splits(routes: Sequence[NginxRoute], bases: Mapping[str, Slot]) -> str:
    """The text of the splits file for a first start: every route wholly on its base."""
    return render_splits(
        Splits(
            1,
            {
                route.config.name: Routed(
                    Split(bases[route.config.name]), {slot: route.config.slots[slot].arm_value for slot in Slot}
                )
                for route in routes
            },
        )
    )


def _temporary(files: NginxFiles) -> str:
    if files.temporary is None:
        return ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"  {kind}_temp_path {files.temporary / kind};\n" for kind in kinds)


def _user(route: NginxRoute) -> str:
    header = "$http_" + route.user_header.lower().replace("-", "_")
    own = identifier(route.config.name)
    return f'  map {header} $rollout_user_{own} {{ "" $request_id; default {header}; }}'


def _upstream(route: NginxRoute, slot: Slot) -> str:
    return f"""\
  upstream {route.config.slots[slot].arm_value} {{
    server {route.servers[slot]} max_fails=0;
    keepalive 64;
  }}"""


def _stop(files: NginxFiles, route: NginxRoute) -> Path:
    return files.splits_file.with_name(f"stop-{identifier(route.config.name)}")


def _live(files: NginxFiles, routes: Sequence[NginxRoute]) -> str:
    chosen = "\n".join(_chosen(files, route) for route in routes)
    locations = "\n".join(_location(files, route) for route in routes)
    return f"""
  server {{
    listen {files.listen};
{chosen}
{locations}
  }}"""


def _chosen(files: NginxFiles, route: NginxRoute) -> str:
    own = identifier(route.config.name)
    return f"""\
    # {route.config.name}: as drawn, or its base while the stop file is there, which needs no reload.
    set $rollout_{own} $rollout_drawn_{own};
    if (-f {_stop(files, route)}) {{ set $rollout_{own} $rollout_base_{own}; }}"""


def _location(files: NginxFiles, route: NginxRoute) -> str:
    copied = route.mirror_timeout is not None
    own = identifier(route.config.name)
    mirror = f"      mirror /_rollout_mirror_{own};\n      proxy_set_header X-Request-Id $rollout_request_id;\n"
    return f"""\
    location {route.location} {{
{mirror if copied else ""}\
      proxy_pass http://$rollout_{own};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_connect_timeout {files.connect_timeout};
      proxy_read_timeout {route.timeout};
      proxy_next_upstream off;
    }}{_copy(route) if copied else ""}"""


def _copy(route: NginxRoute) -> str:
    """Where a copy goes, if it is drawn at all. Its answer is thrown away."""
    own = identifier(route.config.name)
    return f"""
    location = /_rollout_mirror_{own} {{
      internal;
      if ($rollout_mirror_{own} = "") {{ return 204; }}
      proxy_pass http://$rollout_mirror_{own}$request_uri;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Request-Id $rollout_request_id;
      proxy_connect_timeout {route.mirror_timeout};
      proxy_send_timeout {route.mirror_timeout};
      proxy_read_timeout {route.mirror_timeout};
      proxy_next_upstream off;
    }}"""


def _mirrors(routes: Sequence[NginxRoute]) -> bool:
    return any(route.mirror_timeout is not None for route in routes)


def _readback(files: NginxFiles, routes: Sequence[NginxRoute]) -> str:
    notes = "\n".join(_note(files, route) for route in routes)
    return f"""
  # What this worker serves. Each answer ends its connection, so that the next one may come from another worker.
  server {{
    listen {files.readback};
    keepalive_timeout 0;
    default_type application/json;
    location / {{
      return 404;
    }}
{notes}
  }}"""


def _note(files: NginxFiles, route: NginxRoute) -> str:
    own = identifier(route.config.name)
    return f"""\
    location = /rolloutd/{route.config.name} {{
      set $rollout_stopped false;
      if (-f {_stop(files, route)}) {{ set $rollout_stopped true; }}
      return 200 '{{"worker": $pid, "generation": $rollout_generation, "stopped": $rollout_stopped, \
"mirrors": {"false" if route.mirror_timeout is None else "true"}, "runs": $rollout_note_{own}}}';
    }}"""
