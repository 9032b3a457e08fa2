"""The configuration as the daemon uses it: one frozen tree of checked values; reading it is load.py's work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rolloutd.access import Roles
from rolloutd.core.checks import Check
from rolloutd.core.metrics import GateKind, MetricTemplate
from rolloutd.core.offline import OfflineRule
from rolloutd.core.plan import Stage
from rolloutd.core.values import BadValue
from rolloutd.ports import RolloutdError, RouteConfig
from rolloutd.settings.config_tables import DaemonTable, PolicyTable, SocketsTable
from rolloutd.settings.document import Document
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import GateTable, TimingKeys
from rolloutd.settings.problems import SettingsError, did_you_mean

KeysByKind = Mapping[str, Collection[str]]
"""For each kind of adapter the keys it understands beside those that every kind has."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the adapters understand, as main tells it: settings imports no adapter.

    ``template_of(name, arm_label, slo_ms)`` makes a shipped template or raises ValueError with a sentence, also for a
    name that is not among ``templates`` (it may know why there is none).
    ``cannot_mirror`` are the kinds of routers that copy no requests, ``query_kinds`` those of sources that are asked by
    a query.
    ``router_keys``, ``source_keys`` and their like let a wrong kind or option be found here; without them it is the
    adapter's work.
    """

    template_of: Callable[[str, str | None, float | None], MetricTemplate]
    templates: Sequence[str]
    cannot_mirror: Collection[str] = ()
    query_kinds: Collection[str] = ()
    router_keys: KeysByKind | None = None
    source_keys: KeysByKind | None = None
    notifier_keys: KeysByKind | None = None
    check_keys: KeysByKind | None = None
    registry_keys: KeysByKind | None = None

    def template(self, name: str, arm_label: str | None = None, slo_ms: float | None = None) -> MetricTemplate:
        """A shipped template. Raises BadValue when there is none, or none that fits."""
        try:
            template = self.template_of(name, arm_label, slo_ms)
        except (ValueError, RolloutdError) as error:
            raise BadValue(str(error)) from None
        if slo_ms is not None and template.kind not in (GateKind.LATENCY, GateKind.PAIRED):
            raise BadValue(f"{name} has no histogram of latency, so it cannot be judged by an slo.")
        return template


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """One router. ``options`` are the adapter's own keys; secrets in them are SecretRef."""

    name: str
    kind: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One metric source, read ``every_ms``. A sample older than ``max_age_ms`` is no data."""

    name: str
    kind: str
    options: Mapping[str, object]
    every_ms: int
    max_age_ms: int

    def for_adapter(self) -> dict[str, object]:
        """The options with the two figures that every source is told, written as in a file."""
        return {**self.options, "every": f"{self.every_ms}ms", "max_age": f"{self.max_age_ms}ms"}


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """One model registry: how often it is looked at, the tag that starts a rollout, and the adapter's own keys."""

    name: str
    kind: str
    options: Mapping[str, object]
    every_ms: int
    start_tag: str
    webhook_port: int = 0


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """One notifier: what it is spared, how long its digests wait, and the adapter's own keys."""

    name: str
    kind: str
    options: Mapping[str, object]
    only_critical: bool
    digest_ms: int


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """One check before traffic: what goes into a rollout's record, and what its kind needs to carry it out.

    ``offline`` and ``schema`` are set for those kinds alone, with the registry to ask.
    """

    check: Check
    kind: str
    options: Mapping[str, object]
    offline: tuple[str, OfflineRule] | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that gates can name: how it is read, and where."""

    name: str
    template: MetricTemplate
    source: str


_NO_KEYS = TimingKeys()


@dataclass(frozen=True, slots=True)
class Strategy:
    """A plan that rollouts can name. Its gates and clocks are still as written: a rollout may add to them."""

    name: str
    stages: tuple[Stage, ...]
    gates: tuple[GateTable, ...] = ()
    timing: TimingKeys = _NO_KEYS


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, checked. ``sha256`` names its text, for the journal."""

    file: str
    sha256: str
    daemon: DaemonTable
    sockets: SocketsTable
    roles: Roles
    policy: PolicyTable
    routers: Mapping[str, AdapterSettings]
    routes: Mapping[str, RouteConfig]
    sources: Mapping[str, SourceSettings]
    notify: Mapping[str, NotifierSettings]
    registries: Mapping[str, RegistrySettings]
    checks: Mapping[str, CheckSettings]
    metrics: Mapping[str, Metric]
    strategies: Mapping[str, Strategy]
    vocabulary: Vocabulary = field(repr=False, compare=False)
    document: Document = field(repr=False, compare=False)

    def metric(self, name: str) -> Metric:
        """A configured metric, or a shipped template on the only source. Raises BadValue with what to do instead."""
        if name in self.metrics:
            return self.metrics[name]
        if name not in self.vocabulary.templates:
            raise BadValue(
                f"There is no metric {name}. {did_you_mean(name, [*self.metrics, *self.vocabulary.templates])}"
            )
        if len(self.sources) != 1:
            raise BadValue(
                f"{name} is a shipped template, and there is not exactly one source to read it from. "
                "Write a [metrics.NAME] with this template and its source, and name that."
            )
        template = self.vocabulary.template(name)
        if template.ripens:
            raise BadValue(
                f"{name} is of labels, which come late. Write a [metrics.NAME] with this template and with ripe (so "
                "old is a request when its label counts), and name that."
            )
        if template.kind is GateKind.DRIFT:
            raise BadValue(
                f"{name} needs to know what answers are told apart by. Write a [metrics.NAME] with this template and "
                "with classes, or with edges where the answer is a number, and name that."
            )
        return Metric(name, template, next(iter(self.sources)))

    def refused(self, path: Path, message: str) -> SettingsError:
        """The error for what only an adapter can judge, such as ``("routers", "edge", "socket")``, with its line."""
        return self.document.refused(path, message)
