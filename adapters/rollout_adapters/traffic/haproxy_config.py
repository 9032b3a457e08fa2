"""Writes a complete haproxy.cfg and its base map for routes as the HAProxy router expects them; it starts nothing.

A request draws a number from 0 to 9999: by its user's id, so that the same user stays on the same side and a larger
share contains all users of the smaller; at random where there is none. The entry of the slot that is not the base says
how many of the draws are that slot's. A slot without a healthy server gets none of them: the base serves, under a
backend of its own, so that such requests are counted (``<arm>-fallback``) and mixed into neither side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.values import Slot
from rolloutd.ports import OTHER, RouteConfig


@dataclass(frozen=True, slots=True)
class HAProxyRoute:
    """One route: where it listens and where its slots' model servers are (``host:port`` each)."""

    config: RouteConfig
    bind: str
    servers: Mapping[Slot, str]
    health_path: str = "/health"
    user_header: str = "x-user-id"


@dataclass(frozen=True, slots=True)
class HAProxyFiles:
    """Where the parts lie, and the times that hold for all routes."""

    socket: Path
    base_map: Path
    metrics_bind: str | None = None
    isolated_map: Path | None = None
    lease: str = "60s"
    connect_timeout: str = "250ms"
    server_timeout: str = "2s"
    check_interval: str = "500ms"
    threads: int = 2


def render_config(files: HAProxyFiles, routes: Sequence[HAProxyRoute]) -> str:
    """The text of haproxy.cfg."""
    parts = [_head(files), *(_frontend(files, route) for route in routes)]
    parts += [_backends(files, route) for route in routes]
    parts.append(_lease(files))
    if files.metrics_bind is not None:
        parts.append(_metrics(files.metrics_bind))
    return "\n\n".join(parts) + "\n"


def render_base_map(bases: Mapping[str, Slot]) -> str:
    """The text of the base map file for a first start: a line for each route."""
    return "".join(f"{route} {slot}\n" for route, slot in bases.items())


def _head(files: HAProxyFiles) -> str:
    return f"""\
global
  # Operator is enough for tables and maps; it cannot touch weights or servers.
  stats socket unix@{files.socket} mode 660 level operator
  nbthread {files.threads}
  # After a reload the old process goes on with its old shares, for what is under way and one request more on each
  # connection that a client keeps open (idle-close-on-response): bound that.
  hard-stop-after 30s

defaults
  mode http
  # A request goes to one side and is answered by it or fails: a retry would hide the challenger's errors.
  retries 0
  timeout connect {files.connect_timeout}
  timeout client 30s
  timeout server {files.server_timeout}
  timeout http-keep-alive 30s
  # A reload must not close an idle connection in the face of a request that is on its way.
  option idle-close-on-response"""


def _frontend(files: HAProxyFiles, route: HAProxyRoute) -> str:
    name, arm = route.config.name, {slot: route.config.slots[slot].arm_value for slot in Slot}
    header = f"req.hdr({route.user_header})"
    return f"""\
frontend {name}
  bind {route.bind}
  http-request set-var(txn.base) str({name}),map({files.base_map},a)
  http-request set-var(txn.share_a) str({name}/a),table_gpt0(lease)
  http-request set-var(txn.share_b) str({name}/b),table_gpt0(lease)
  http-request set-var(txn.draw) rand(10000)
  http-request set-var(txn.draw) {header},xxh32(7),mod(10000) if {{ {header} -m found }}
{_segments(files, route)}\
  acl base_b var(txn.base) -m str b
  acl drawn_a var(txn.draw),sub(txn.share_a) -m int lt 0
  acl drawn_b var(txn.draw),sub(txn.share_b) -m int lt 0
{_own_draws(route)}\
  acl up_a nbsrv({arm[Slot.A]}) gt 0
  acl up_b nbsrv({arm[Slot.B]}) gt 0
{_kept_off(route, arm)}\
  use_backend {arm[Slot.A]} if base_b drawn_a up_a
  use_backend {arm[Slot.A]}-fallback if base_b drawn_a
  use_backend {arm[Slot.B]} if base_b
  use_backend {arm[Slot.B]} if drawn_b up_b
  use_backend {arm[Slot.B]}-fallback if drawn_b
  default_backend {arm[Slot.A]}"""


def _segments(files: HAProxyFiles, route: HAProxyRoute) -> str:
    """Which segment a request is in, what that has of its own, and whether it stays on the base."""
    segments, name = route.config.segments, route.config.name
    if segments is None:
        return ""
    header = f"req.hdr({segments.header}),lower"
    own = "".join(
        f"  http-request set-var(txn.key_{slot}) str({name}/{slot}/),concat(,txn.segment)\n"
        f"  http-request set-var(txn.own_{slot}) var(txn.key_{slot}),table_gpt0(lease)\n"
        for slot in Slot
    )
    return (
        f"  http-request set-var(txn.segment) str({OTHER})\n"
        f"  http-request set-var(txn.segment) {header} if {{ {header} -m str {' '.join(segments.names)} }}\n"
        f"{own}"
        # No lease here: whoever is kept off stays so whatever runs out.
        f"  http-request set-var(txn.kept) str({name}/),concat(,txn.segment),map({files.isolated_map},in)\n"
    )


def _own_draws(route: HAProxyRoute) -> str:
    if route.config.segments is None:
        return ""
    return "".join(f"  acl drawn_{slot} var(txn.draw),sub(txn.own_{slot}) -m int lt 0\n" for slot in Slot)


def _kept_off(route: HAProxyRoute, arm: Mapping[Slot, str]) -> str:
    if route.config.segments is None:
        return ""
    return (
        "  acl kept_off var(txn.kept) -m str off\n"
        f"  use_backend {arm[Slot.B]} if kept_off base_b\n"
        f"  use_backend {arm[Slot.A]} if kept_off\n"
    )


def _backends(files: HAProxyFiles, route: HAProxyRoute) -> str:
    return "\n\n".join(_backend(files, route, slot) for slot in Slot)


def _backend(files: HAProxyFiles, route: HAProxyRoute, slot: Slot) -> str:
    arm, other = route.config.slots[slot].arm_value, route.config.slots[slot.other].arm_value
    check = f"check inter {files.check_interval} fall 2 rise 1"
    return f"""\
backend {arm}
  option httpchk GET {route.health_path}
  server {slot} {route.servers[slot]} {check}

backend {arm}-fallback
  # Requests that slot {slot} should have had while none of its servers was healthy.
  server {slot.other} {route.servers[slot.other]} track {other}/{slot.other}"""


def _lease(files: HAProxyFiles) -> str:
    return f"""\
backend lease
  # No peers: a share must not outlive the process that was told it.
  stick-table type string len 128 size 10k expire {files.lease} nopurge store gpt0"""


def _metrics(bind: str) -> str:
    return f"""\
frontend metrics
  bind {bind}
  http-request use-service prometheus-exporter if {{ path /metrics }}
  http-request return status 404"""
