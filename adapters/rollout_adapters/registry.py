"""Finds adapters by the kind that the configuration names, and imports only those; it knows nothing else about them.

Others bring their own through the entry point group ``rolloutd.adapters``: an entry ``router.NAME`` is a function of
(options, routes), ``source.NAME``, ``notifier.NAME`` and ``registry.NAME`` one of (name, options), ``check.NAME`` one
of (name, options, prober). Shipped names cannot be taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

from rollout_adapters.options import BadOption, nearest_of
from rolloutd.ports import Examiner, MetricSource, Notifier, Prober, Registry, RouteConfig, Router

GROUP = "rolloutd.adapters"
ROUTERS = {
    "haproxy": "rollout_adapters.traffic.haproxy:make",
    "envoy": "rollout_adapters.traffic.envoy:make",
    "nginx": "rollout_adapters.traffic.nginx:make",
    "memory": "rollout_adapters.memory:make",
}
CANNOT_MIRROR = frozenset({"haproxy"})
"""The kinds of routers that copy no requests; all others are asked when a rollout begins that needs it."""
SOURCES = {
    "prometheus": "rollout_adapters.metrics.prometheus:make",
    "scrape": "rollout_adapters.metrics.scrape:make",
    "memory": "rollout_adapters.memory_metrics:make",
    "predictions": "rollout_adapters.predictions.source:make",
    "sql": "rollout_adapters.sql.source:make",
}
ASKED_BY_QUERY = frozenset({"sql"})
"""The kinds of sources that are asked by a query of the configuration, and by nothing else."""
NOTIFIERS = {
    "alertmanager": "rollout_adapters.notify.alertmanager:make",
    "apprise": "rollout_adapters.notify.apprise:make",
    "memory": "rollout_adapters.notify.memory:make",
    "pagerduty": "rollout_adapters.notify.pagerduty:make",
    "webhook": "rollout_adapters.notify.webhook:make",
}


CHECKS = {
    "command": "rollout_adapters.checks.command:make",
    "load": "rollout_adapters.checks.load:make",
    "webhook": "rollout_adapters.checks.webhook:make",
}
REGISTRIES = {
    "mlflow": "rollout_adapters.registries.mlflow:make",
    "memory": "rollout_adapters.registries.memory:make",
}


@runtime_checkable
class Leasing(Protocol):
    """A router whose shares run out by themselves."""

    lease_ms: int


def make_router(kind: str, options: Mapping[str, object], routes: Mapping[str, RouteConfig]) -> Router:
    """The router of this kind for its routes. Opens no connection. Raises BadOption, whose ``key`` may be ``kind``."""
    made = _factory("router", kind, ROUTERS)(options, routes)
    if not isinstance(made, Router):
        raise BadOption(f"What the router kind {kind} makes is not a router.", "kind")
    return made


def make_source(kind: str, name: str, options: Mapping[str, object]) -> MetricSource:
    """The metric source of this kind. Opens no connection. Raises BadOption, whose ``key`` may be ``kind``."""
    made = _factory("source", kind, SOURCES)(name, options)
    if not isinstance(made, MetricSource):
        raise BadOption(f"What the source kind {kind} makes is not a metric source.", "kind")
    return made


def make_notifier(kind: str, name: str, options: Mapping[str, object]) -> Notifier:
    """The notifier of this kind. Opens no connection. Raises BadOption, whose ``key`` may be ``kind``."""
    made = _factory("notifier", kind, NOTIFIERS)(name, options)
    if not isinstance(made, Notifier):
        raise BadOption(f"What the notifier kind {kind} makes is not a notifier.", "kind")
    return made


def make_check(kind: str, name: str, options: Mapping[str, object], prober: Prober) -> Examiner:
    """The check before traffic of this kind. Opens no connection. Raises BadOption, whose ``key`` may be ``kind``."""
    made = _factory("check", kind, CHECKS)(name, options, prober)
    if not isinstance(made, Examiner):
        raise BadOption(f"What the check kind {kind} makes is not a check.", "kind")
    return made


def make_registry(kind: str, name: str, options: Mapping[str, object]) -> Registry:
    """The model registry of this kind. Opens no connection. Raises BadOption, whose ``key`` may be ``kind``."""
    made = _factory("registry", kind, REGISTRIES)(name, options)
    if not isinstance(made, Registry):
        raise BadOption(f"What the registry kind {kind} makes is not a registry.", "kind")
    return made


def make_prober(routes: Mapping[str, RouteConfig]) -> Prober:
    """The prober of all routes' model servers."""
    from rollout_adapters.traffic.prober import HttpProber

    return HttpProber(routes)


def lease_ms(router: Router) -> int | None:
    """How long this router keeps a share that nobody renews; None where it keeps it for ever."""
    return router.lease_ms if router.abilities.leases and isinstance(router, Leasing) else None


def _factory(what: str, kind: str, shipped: Mapping[str, str]) -> Callable[..., object]:
    """The function that makes an adapter, imported now."""
    brought = {entry.name.removeprefix(f"{what}."): entry for entry in _brought(what)}
    if kind not in shipped and kind not in brought:
        raise BadOption(f"There is no {what} of kind {kind!a}. {nearest_of(kind, {**brought, **shipped})}", "kind")
    try:
        made: Any = _shipped(shipped[kind]) if kind in shipped else brought[kind].load()
    except (ImportError, AttributeError) as error:
        raise BadOption(f"The {what} kind {kind} cannot be loaded: {error}.", "kind") from error
    if not callable(made):
        raise BadOption(f"The {what} kind {kind} is not a function that makes one.", "kind")
    factory: Callable[..., object] = made
    return factory


def _shipped(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _brought(what: str) -> list[EntryPoint]:
    return [entry for entry in entry_points(group=GROUP) if entry.name.startswith(f"{what}.")]
