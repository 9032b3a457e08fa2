"""The shipped templates and the sources' options: what is refused, in which words, and how buckets are found."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from rollout_adapters import memory_metrics
from rollout_adapters.metrics import prometheus, scrape
from rollout_adapters.metrics.promql import samples_query
from rollout_adapters.metrics.templates import ENVOY_BOUNDS_MS, NAMES, le_pattern, make_template
from rollout_adapters.options import BadOption
from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.core.values import BadValue
from rolloutd.ports import MetricSource

bounds = st.decimals("0.0001", "9999999", places=4).filter(lambda bound: bound > 0)


@given(bounds)
def test_a_bound_is_found_however_it_is_written(bound: Decimal) -> None:
    """Every usual way to write the bound fits."""
    number = float(bound)
    ways = {str(bound), f"{bound:f}", f"{bound.normalize():f}", repr(number), floatToGoString(number), f"{number:.12e}"}
    assert all(re.fullmatch(le_pattern(bound), way) for way in ways), ways


@given(bounds, bounds)
def test_no_other_bound_is_found(bound: Decimal, other: Decimal) -> None:
    """A bound of another size does not fit."""
    if bound != other:
        assert not re.fullmatch(le_pattern(bound), f"{other.normalize():f}")
        assert not re.fullmatch(le_pattern(bound), floatToGoString(float(other)))


def test_every_name_makes_a_template() -> None:
    """Each shipped name gives a template of its kind; the arm's label can be another."""
    for name in NAMES:
        slo_ms = 250.0 if name.endswith(("latency", "slow")) else None
        template = make_template(name, "version", slo_ms)
        assert (template.name, template.arm_label, template.slo_ms) == (name, "version", slo_ms)
        assert (template.kind is GateKind.LATENCY) == name.endswith("latency")
        assert template.kind.of_pairs == name.startswith("pairs.")


@pytest.mark.parametrize(
    ("name", "slo_ms", "words"),
    [
        ("envoy.erors", None, "Did you mean envoy.errors?"),
        ("zzz", None, "Known are answers.drift, envoy.errors"),
        ("haproxy.latency", 250, "no histogram"),
        ("envoy.latency", None, "needs an slo"),
        ("envoy.latency", 300, "nearest end at 100 and 250 ms"),
        ("envoy.latency", float("nan"), "longer than nothing"),
        ("python.latency", -1, "longer than nothing"),
        ("python.errors", 250, "takes no slo"),
    ],
)
def test_refused_templates(name: str, slo_ms: float | None, words: str) -> None:
    """What cannot be read is refused in a sentence that says what can."""
    with pytest.raises(BadValue, match=re.escape(words)):
        make_template(name, None, slo_ms)


def test_envoy_bounds() -> None:
    """Each of Envoy's own buckets can be a limit."""
    assert all(make_template("envoy.latency", slo_ms=bound).good for bound in ENVOY_BOUNDS_MS)


def test_queries_fetch_only_what_may_be_wanted() -> None:
    """One selector holds both names, the shared conditions and the wanted bucket; what differs is chosen afterwards."""
    latency = samples_query(make_template("python.latency", slo_ms=250), ["b", "a.1"], 60_000)
    assert latency == (
        '{__name__=~"http_request_seconds_bucket|http_request_seconds_count",slot=~"a\\\\.1|b",'
        'le=~"|(?:0?\\\\.250*|2\\\\.50*[eE]-0*1)"}[60000ms]'
    )
    path, code = LabelMatch("path", MatchKind.NOT_EQUAL, "/live"), LabelMatch("code", MatchKind.REGEX, "5..")
    total, bad = Selector("requests_total", (path,)), Selector("requests_total", (path, code))
    own = MetricTemplate("mine", GateKind.PROPORTION, "slot", total, bad=bad)
    assert samples_query(own, ["a"], 1_000) == 'requests_total{slot=~"a",path!="/live"}[1000ms]'


@pytest.mark.parametrize(
    ("make", "options", "key"),
    [
        (prometheus.make, {"url": "http://127.0.0.1:9090", "evry": "5s"}, "evry"),
        (prometheus.make, {}, "url"),
        (prometheus.make, {"url": "127.0.0.1:9090"}, "url"),
        (prometheus.make, {"url": "http://me:secret@127.0.0.1"}, "url"),
        (prometheus.make, {"url": "http://127.0.0.1", "params": {"query": "up"}}, "params"),
        (prometheus.make, {"url": "http://127.0.0.1", "every": "soon"}, "every"),
        (prometheus.make, {"url": "http://127.0.0.1", "max_age": 5}, "max_age"),
        (prometheus.make, {"url": "http://127.0.0.1", "ca_file": "/no/such/file"}, "ca_file"),
        (scrape.make, {"targets": []}, "targets"),
        (scrape.make, {"targets": [{"url": "ftp://127.0.0.1"}]}, "targets.0.url"),
        (scrape.make, {"targets": [{"url": "http://127.0.0.1", "lables": {}}]}, "targets.0.lables"),
        (scrape.make, {"targets": [{"url": "http://127.0.0.1/a"}, {"url": "http://127.0.0.1/b"}]}, ""),
        (memory_metrics.make, {"url": "http://127.0.0.1"}, "url"),
    ],
)
def test_refused_options(
    make: Callable[[str, dict[str, object]], MetricSource], options: dict[str, object], key: str
) -> None:
    """An option that is wrong is named, with its source, and nothing of a password is shown."""
    with pytest.raises(BadOption) as refused:
        make("mine", options)
    assert refused.value.key == key
    assert "Source mine" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_times_of_a_source() -> None:
    """The cadence and the oldest age are numbers on the source; the age is two cadences unless it is said."""
    told = {"targets": [{"url": "http://127.0.0.1"}], "every": "250ms"}
    assert (scrape.make("s", told).every_ms, scrape.make("s", told).max_age_ms) == (250, 500)
    assert scrape.make("s", {**told, "max_age": "3s"}).max_age_ms == 3_000


def test_a_broken_certificate_file(tmp_path: Path) -> None:
    """A file that holds no certificate is refused when the source is made, not in the middle of a rollout."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for make, where in ((prometheus.make, {"url": "https://h"}), (scrape.make, {"targets": [{"url": "https://h"}]})):
        with pytest.raises(BadOption, match="certificate"):
            make("mine", {**where, "ca_file": str(file)})
