"""Adapters by kind: the shipped ones, those of others, and what a wrong kind or option is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rollout_adapters.options import BadOption
from rollout_adapters.registry import ROUTERS, SOURCES, lease_ms, make_prober, make_router, make_source
from rolloutd.core.values import Slot
from rolloutd.ports import MetricSource, Prober, RouteConfig, Router, RouteSlot

ROUTES = {
    "ranker": RouteConfig("ranker", "edge", {slot: RouteSlot(f"ranker-{slot}", "http://127.0.0.1:1/") for slot in Slot})
}
ROUTER_OPTIONS: dict[str, dict[str, object]] = {
    "haproxy": {"socket": "/run/haproxy.sock", "base_map": "/etc/base.map", "lease": "30s"},
    "envoy": {"admin": "http://127.0.0.1:9901", "routes_file": "/etc/envoy/routes/routes.json"},
    "nginx": {"splits_file": "/etc/nginx/rolloutd/splits.conf", "readback": "http://127.0.0.1:8081/rolloutd"},
    "memory": {},
}
SOURCE_OPTIONS: dict[str, dict[str, object]] = {
    "prometheus": {"url": "http://127.0.0.1:9090"},
    "scrape": {"targets": [{"url": "http://127.0.0.1:9901/stats/prometheus"}]},
    "memory": {},
    "predictions": {"listen": "127.0.0.1:9188"},
    "sql": {"sqlite": "/var/lib/app/answers.db"},
}
LEASES = {"haproxy": 30_000, "envoy": None, "nginx": None, "memory": 60_000}


@pytest.mark.parametrize("kind", ROUTERS)
async def test_every_shipped_router_can_be_made(kind: str) -> None:
    """From plain options, without any connection; its lease is known before it is used."""
    router = make_router(kind, ROUTER_OPTIONS[kind], ROUTES)
    assert isinstance(router, Router)
    assert lease_ms(router) == LEASES[kind]
    await router.close()


@pytest.mark.parametrize("kind", SOURCES)
async def test_every_shipped_source_can_be_made(kind: str) -> None:
    """From plain options, without any connection."""
    source = make_source(kind, "here", SOURCE_OPTIONS[kind] | {"every": "1s"})
    assert isinstance(source, MetricSource)
    assert source.name == "here"
    await source.close()


async def test_the_prober_is_made_of_the_routes() -> None:
    """One prober for all."""
    prober = make_prober(ROUTES)
    assert isinstance(prober, Prober)
    await prober.close()


def test_an_unknown_kind_names_the_nearest() -> None:
    """A slip is answered with what was probably meant, under the key that is wrong."""
    with pytest.raises(BadOption, match=r"no router of kind 'haprxy'[.] Did you mean haproxy") as caught:
        make_router("haprxy", {}, ROUTES)
    assert caught.value.key == "kind"
    with pytest.raises(BadOption, match="Known are memory, predictions, prometheus, scrape"):
        make_source("zzz", "s", {})


@pytest.mark.parametrize("kind", ["haproxy", "envoy", "nginx"])
def test_an_unknown_option_names_the_nearest(kind: str) -> None:
    """Each adapter knows its own keys and refuses all others."""
    key = next(iter(ROUTER_OPTIONS[kind]))
    slip = key[:-1]
    with pytest.raises(BadOption, match=f"{kind} has no option '{slip}'. Did you mean {key}") as caught:
        make_router(kind, ROUTER_OPTIONS[kind] | {slip: "x"}, ROUTES)
    assert caught.value.key == slip
    with pytest.raises(BadOption, match=f"needs the option {key}"):
        make_router(kind, {name: value for name, value in ROUTER_OPTIONS[kind].items() if name != key}, ROUTES)


@pytest.mark.parametrize("lease", ["soon", "0s", "-1s", "100ms", 60])
def test_a_lease_that_is_none_is_refused(lease: object) -> None:
    """It is a duration, and long enough to be renewed."""
    with pytest.raises(BadOption) as caught:
        make_router("haproxy", ROUTER_OPTIONS["haproxy"] | {"lease": lease}, ROUTES)
    assert caught.value.key == "lease"


def test_only_the_named_adapter_is_imported() -> None:
    """A daemon on HAProxy does not load Envoy's client."""
    code = (
        "import sys; from rollout_adapters.registry import make_router; make_router('memory', {}, {});"
        "sys.exit(any(name in sys.modules for name in ('httpx', 'rollout_adapters.traffic.envoy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def brought(folder: Path, text: str, entry: str) -> None:
    """An installed distribution of somebody else's with one entry point."""
    (folder / "their_adapters.py").write_text(text, encoding="utf-8")
    info = folder / "their_adapters-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-adapters\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[rolloutd.adapters]\n{entry}\n", encoding="utf-8")


def test_others_bring_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through an entry point, under a name of their own."""
    text = "from rollout_adapters.memory import make\ndef source(name, options): return 'no source'\n"
    brought(tmp_path, text, "router.theirs = their_adapters:make\nsource.theirs = their_adapters:source")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert isinstance(make_router("theirs", {"lease": "5s"}, ROUTES), Router)
    with pytest.raises(BadOption, match="not a metric source"):
        make_source("theirs", "s", {})


def test_a_brought_adapter_that_cannot_be_loaded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error stands in the sentence, beside the kind."""
    brought(tmp_path, "import no_such_module_at_all\n", "router.broken = their_adapters:make")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_adapters", raising=False)
    with pytest.raises(BadOption, match="router kind broken cannot be loaded: No module named 'no_such_module_at_all'"):
        make_router("broken", {}, ROUTES)
