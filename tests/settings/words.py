"""A vocabulary and small files for the tests of settings: what adapters would tell, without any adapter."""

from __future__ import annotations

from pathlib import Path

from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.settings import Settings, Vocabulary, read_settings
from rolloutd.settings.problems import did_you_mean

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text()

CONFIG = """
[policy]
gates = ["errors"]

[routers.edge]
kind = "envoy"

[routes.ranker]
router = "edge"
slots.a = { arm = "ranker-a", probe_url = "http://127.0.0.1:8001/" }
slots.b = { arm = "ranker-b", probe_url = "http://127.0.0.1:8002/" }

[sources.scrape]
kind = "scrape"
every = "5s"
scrape_interval = "15s"

[metrics.errors]
template = "envoy.errors"

[metrics.latency]
template = "envoy.latency"
slo = "250ms"
"""

SPEC = """
[rollout]
model = "ranker"
champion = "v41"
challenger = "v42"
route = "ranker"
"""


TEMPLATES = ("envoy.errors", "envoy.latency", "haproxy.errors")
PAIRS = {
    "pairs.agreement": GateKind.AGREEMENT,
    "pairs.coverage": GateKind.COVERAGE,
    "pairs.errors": GateKind.PAIRED,
    "pairs.slow": GateKind.PAIRED,
}
OTHERS = {
    "answers.drift": MetricTemplate(
        "answers.drift", GateKind.DRIFT, "arm", Selector("answers"), bad=Selector("by_class"), class_label="class"
    ),
    "labels.brier": MetricTemplate(
        "labels.brier", GateKind.MEAN, "arm", Selector("scored"), bad=Selector("squared"), ripe_ms=1
    ),
    "labels.misordered": MetricTemplate(
        "labels.misordered", GateKind.PROPORTION, "arm", Selector("pairs"), bad=Selector("misordered"), ripe_ms=1
    ),
}


def template_of(name: str, arm_label: str | None, slo_ms: float | None) -> MetricTemplate:
    """A template as adapters make them: counters by cluster; latency needs a bucket's bound."""
    if name in PAIRS:
        bad = Selector(f"{name.replace('.', '_')}_total")
        return MetricTemplate(name, PAIRS[name], "arm", Selector("pairs_total"), bad=bad, slo_ms=slo_ms)
    if name in OTHERS:
        return OTHERS[name]
    if name not in TEMPLATES:
        raise ValueError(f"There is no template {name}. {did_you_mean(name, TEMPLATES)}")
    label = arm_label or "cluster"
    if name != "envoy.latency":
        return MetricTemplate(name, GateKind.PROPORTION, label, Selector("rq_total"), bad=Selector("rq_5xx"))
    if slo_ms is None:
        raise ValueError("envoy.latency needs an slo, such as 250ms.")
    within = Selector("rq_time_bucket", (LabelMatch("le", MatchKind.EQUAL, f"{slo_ms:g}"),))
    return MetricTemplate(name, GateKind.LATENCY, label, Selector("rq_time_count"), good=within, slo_ms=slo_ms)


VOCABULARY = Vocabulary(template_of, TEMPLATES)
FULL_VOCABULARY = Vocabulary(
    template_of,
    TEMPLATES,
    router_keys={
        "envoy": ("admin", "routes_file", "route_config"),
        "haproxy": ("socket", "base_map", "isolated_map", "table", "lease"),
        "nginx": ("splits_file", "readback", "pid_file", "check"),
    },
    source_keys={
        "prometheus": ("url", "token"),
        "scrape": ("targets",),
        "memory": (),
        "predictions": ("files", "listen", "listen_format", "window", "tolerance", "most_waiting"),
        "sql": ("sqlite", "postgres", "password", "timeout", "least_labelled"),
    },
    notifier_keys={
        "alertmanager": ("url", "hosts", "networks", "labels"),
        "pagerduty": ("routing_secret",),
        "webhook": ("url", "hosts", "secret"),
    },
)


def config(text: str = CONFIG) -> Settings:
    """The settings of a text."""
    return read_settings(text, "config.toml", VOCABULARY)
