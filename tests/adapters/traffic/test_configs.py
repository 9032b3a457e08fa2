"""The configurations that are shipped: the programs themselves accept them, and each promise in them stands there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from rollout_adapters.traffic.envoy_config import EnvoyFiles, EnvoyRoute, render_bootstrap, render_routes
from rollout_adapters.traffic.haproxy_config import HAProxyFiles, HAProxyRoute, render_base_map, render_config
from rollout_adapters.traffic.nginx_config import NginxFiles, NginxRoute, render_first_splits
from rollout_adapters.traffic.nginx_config import render_config as render_nginx
from rolloutd.core.values import Slot
from rolloutd.ports import RouteConfig, RouteSlot
from tests.programs import needs

NAMES = ("ranker", "ranker-eu", "search.v2")
SERVERS = {Slot.A: "127.0.0.1:8001", Slot.B: "127.0.0.1:8002"}


def config(name: str) -> RouteConfig:
    """A route whose arms are called after it."""
    return RouteConfig(name, "edge", {slot: RouteSlot(f"{name}-{slot}", "http://127.0.0.1/") for slot in Slot})


def haproxy_text(folder: Path) -> str:
    """The shipped configuration for three routes."""
    files = HAProxyFiles(folder / "s", folder / "base.map", metrics_bind="127.0.0.1:9100")
    routes = [HAProxyRoute(config(name), f"127.0.0.1:{9101 + at}", SERVERS) for at, name in enumerate(NAMES)]
    (folder / "base.map").write_text(render_base_map(dict.fromkeys(NAMES, Slot.A)), encoding="utf-8")
    return render_config(files, routes)


@pytest.mark.real
def test_haproxy_accepts_the_configuration_without_a_word(tmp_path: Path) -> None:
    """No error and no warning."""
    (tmp_path / "haproxy.cfg").write_text(haproxy_text(tmp_path), encoding="utf-8")
    command = [needs("haproxy"), "-c", "-V", "-f", str(tmp_path / "haproxy.cfg")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr + checked.stdout


def test_haproxy_hides_no_failure_and_grants_no_right_too_many(tmp_path: Path) -> None:
    """No retry, no redispatch, no peers that carry a share over a reload; operator is the only level."""
    text = haproxy_text(tmp_path)
    assert "retries 0" in text
    assert "redispatch" not in text
    assert "peers" not in text.replace("# No peers", "")
    assert text.count("level ") == text.count("level operator") == 1


def nginx_text(folder: Path) -> str:
    """The shipped configuration for three routes."""
    files = NginxFiles(
        folder / "splits.conf",
        "127.0.0.1:9103",
        "127.0.0.1:9104",
        pid_file=folder / "nginx.pid",
        temporary=folder,
        user="root" if os.getuid() == 0 else None,
    )
    routes = [NginxRoute(config(name), SERVERS, location=f"/{name}/") for name in NAMES]
    files.splits_file.write_text(render_first_splits(routes, dict.fromkeys(NAMES, Slot.A)), encoding="utf-8")
    return render_nginx(files, routes)


@pytest.mark.real
def test_nginx_accepts_the_configuration_without_a_word(tmp_path: Path) -> None:
    """No error and no warning."""
    (tmp_path / "nginx.conf").write_text(nginx_text(tmp_path), encoding="utf-8")
    command = [needs("nginx"), "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_nginx_hides_no_failure_and_looks_for_its_stop_file_at_every_request(tmp_path: Path) -> None:
    """No request is tried on another server, no side is taken for dead, and no answer about a file is kept."""
    text = nginx_text(tmp_path)
    assert text.count("proxy_next_upstream off;") == text.count("proxy_pass ") == len(NAMES)
    assert text.count("max_fails=0") == 2 * len(NAMES)
    assert "open_file_cache off;" in text
    assert text.count("if (-f ") == 2 * len(NAMES)


@pytest.mark.real
def test_envoy_accepts_the_configuration(tmp_path: Path) -> None:
    """Bootstrap and route file, for routes by prefix and by host."""
    files = EnvoyFiles(tmp_path / "routes.json", admin_port=9901, listen_port=9902)
    servers = dict.fromkeys(Slot, ("127.0.0.1", 8001))
    routes = [EnvoyRoute(config(name), servers, prefix=f"/{name}/") for name in NAMES]
    routes.append(EnvoyRoute(config("by-host"), servers, domains=("models.internal",)))
    bases = dict.fromkeys((*NAMES, "by-host"), Slot.A)
    files.routes_file.write_text(render_routes(files, routes, bases), encoding="utf-8")
    boot = tmp_path / "boot.json"
    boot.write_text(render_bootstrap(files, routes), encoding="utf-8")
    command = [needs("envoy"), "-c", str(boot), "--mode", "validate", "--log-level", "error"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_envoy_matches_the_longer_prefix_first() -> None:
    """A route below another one gets its own requests; each host has its own list."""
    files = EnvoyFiles(Path("routes.json"), admin_port=1, listen_port=2)
    servers = dict.fromkeys(Slot, ("127.0.0.1", 8001))
    routes = [EnvoyRoute(config("all"), servers), EnvoyRoute(config("some"), servers, prefix="/some/")]
    text = render_routes(files, routes, {"all": Slot.A, "some": Slot.B})
    (host,) = json.loads(text)["resources"][0]["virtual_hosts"]
    assert [entry["name"] for entry in host["routes"]] == ["some", "all"]
    weights = host["routes"][0]["route"]["weighted_clusters"]["clusters"]
    assert weights == [{"name": "some-a", "weight": 0}, {"name": "some-b", "weight": 10_000}]


def test_envoy_retries_nothing_and_flushes_each_second() -> None:
    """A retry would hide the challenger's errors, a slow flush make its latency look older than it is."""
    files = EnvoyFiles(Path("routes.json"), admin_port=1, listen_port=2)
    routes = [EnvoyRoute(config("ranker"), dict.fromkeys(Slot, ("127.0.0.1", 8001)))]
    text = render_bootstrap(files, routes) + render_routes(files, routes, {"ranker": Slot.A})
    assert "retry" not in text
    assert json.loads(render_bootstrap(files, routes))["stats_flush_interval"] == "1s"
