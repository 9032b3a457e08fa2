"""Metrics of labels as they are written: what becomes of them, and what is refused with a sentence and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutd.core.metrics import GateKind, MetricTemplate
from rolloutd.core.plan import Plan
from rolloutd.main import vocabulary
from rolloutd.settings import Settings, read_settings, read_spec
from rolloutd.settings.problems import SettingsError

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples" / "labels.toml").read_text(encoding="utf-8")
CONFIG = (ROOT / "config.example.toml").read_text(encoding="utf-8")
SOURCES = '[sources.db]\nkind = "sql"\nsqlite = "/x.db"\n[sources.log]\nkind = "predictions"\nlisten = "/x.sock"\n'
QUERY = 'query = "select :since, :until"'


def read(text: str) -> Settings:
    """A configuration with two sources and this."""
    return read_settings(SOURCES + text, "config.toml", vocabulary())


def template(text: str) -> MetricTemplate:
    """The metric that is written so."""
    return read(f"[metrics.m]\n{text}").metrics["m"].template


def test_a_query_goes_into_the_plan_with_its_age() -> None:
    """A changed file changes no running rollout: the statement itself is in the record."""
    made: Plan = read_spec(EXAMPLE, "labels.toml", read_settings(CONFIG, "config.toml", vocabulary())).plan
    gate = made.gate("wrong")
    assert (gate.source, gate.template.kind, gate.template.arm_label) == ("warehouse", GateKind.PROPORTION, "arm")
    assert gate.template.ripe_ms == 6 * 3_600_000
    assert "count(label) as n" in gate.template.total.series
    assert made.gate("errors").template.ripe_ms == 0


def test_labels_of_a_prediction_log_have_a_template() -> None:
    """And any counters may be of labels, where ripe says so."""
    shipped = template('template = "labels.wrong"\nsource = "log"\nripe = "30m"')
    assert (shipped.total.series, shipped.ripe_ms) == ("labels_total", 1_800_000)
    order = template('template = "labels.misordered"\nsource = "log"\nripe = "6h"')
    assert (order.kind, order.total.series, order.ripens) == (GateKind.PROPORTION, "labels_pairs_total", True)
    written = 'arm_label = "arm"\nsource = "log"\ntotal = { series = "x" }\nbad = { series = "y" }\nripe = "2h"'
    assert template(written).ripens


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (f'source = "db"\n{QUERY}', "query", "A query needs ripe: so old is a request when it counts."),
        ('source = "db"\nripe = "1h"\nquery = "select 1"', "query", "The statement lacks :since and :until"),
        ('source = "db"\nripe = "1h"\nquery = "select :since, x::until"', "query", "The statement lacks :until"),
        ('source = "db"\nripe = "1h"\nquery = "select :since,\\u0000:until"', "query", "one SQL statement of visible"),
        (f'source = "log"\nripe = "1h"\n{QUERY}', "query", "of kind predictions, which is asked by no query; sql is."),
        ('source = "db"\nripe = "1h"\ntemplate = "labels.wrong"', "source", "is asked by a query, and this metric has"),
        (
            f'source = "db"\nripe = "1h"\n{QUERY}\ntemplate = "envoy.errors"',
            "template",
            "Leave out the one or the other",
        ),
        (f'source = "db"\nripe = "1h"\n{QUERY}\nslo = "1s"', "slo", "Leave out the one or the other"),
        ('source = "log"\ntemplate = "labels.wrong"', "template", "labels.wrong needs ripe"),
        ('source = "log"\ntemplate = "envoy.errors"\nripe = "1h"', "template", "ripe belongs to labels"),
        (f'source = "db"\nripe = "90d"\n{QUERY}', "ripe", "lies between 1s and 30d"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, said: str) -> None:
    """With the key and what to do."""
    with pytest.raises(SettingsError) as refused:
        read(f"[metrics.m]\n{text}")
    assert [problem.key for problem in refused.value.problems] == [f"metrics.m.{key}"]
    assert said in refused.value.problems[0].message


def test_a_template_of_labels_is_not_named_without_its_age() -> None:
    """In a gate it would stand without ripe."""
    with pytest.raises(SettingsError, match=r"labels.wrong is of labels, which come late. Write a \[metrics.NAME\]"):
        read_settings(
            '[sources.log]\nkind = "predictions"\nlisten = "/x.sock"\n[policy]\ngates = ["labels.wrong"]',
            "config.toml",
            vocabulary(),
        )


def test_a_stage_that_ends_before_its_labels_are_ripe_is_refused() -> None:
    """What plan check says of it names the stage, both times, and the way on."""
    short = EXAMPLE.replace('max_time = "1d"                   #', 'max_time = "4h" #')
    with pytest.raises(SettingsError) as refused:
        read_spec(short, "labels.toml", read_settings(CONFIG, "config.toml", vocabulary()))
    assert refused.value.problems[0].message == (
        "Stage canary is over after 4h, and wrong has the first labels of its requests after 6h5m: give the stage a "
        "longer max_time."
    )


def test_means_are_written_out_or_asked_for() -> None:
    """``sum`` with ``better``, or a query with ``better``; a gate on one has ratios, a twentieth by default."""
    text = 'arm_label = "v"\nsource = "log"\ntotal = { series = "n" }\nsum = { series = "cost" }\nbetter = "higher"'
    made = template(text)
    assert made.bad is not None
    assert (made.kind, made.bad.series, made.higher_is_better) == (GateKind.MEAN, "cost", True)
    asked = template(f'source = "db"\nripe = "1h"\nbetter = "lower"\n{QUERY}')
    assert (asked.kind, asked.higher_is_better, asked.ripe_ms) == (GateKind.MEAN, False, 3_600_000)
    spec = EXAMPLE.replace('metric = "wrong"', 'metric = "cost"').replace("accept = { ratio = 1.5 }", "")
    gate = read_spec(spec, "x.toml", read_settings(CONFIG, "config.toml", vocabulary())).plan.gate("cost")
    assert (gate.harm.factor, gate.accept.factor, gate.limit) == (1.0, 1.05, None)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('total = { series = "n" }\nsum = { series = "s" }', "sum", "better says which way is"),
        ('total = { series = "n" }\nbad = { series = "s" }\nbetter = "lower"', "better", "A mean has sum"),
        ('total = { series = "n" }\nbad = { series = "s" }\nsum = { series = "s" }', "total", "or for a mean sum"),
        ('template = "envoy.errors"\nbetter = "lower"', "better", "This metric has a template"),
    ],
)
def test_what_is_no_mean_is_refused(text: str, key: str, said: str) -> None:
    """With the key."""
    label = "" if "template" in text else 'arm_label = "v"\n'
    with pytest.raises(SettingsError) as refused:
        read(f'[metrics.m]\nsource = "log"\n{label}{text}')
    assert refused.value.problems[0].key == f"metrics.m.{key}"
    assert said in refused.value.problems[0].message
