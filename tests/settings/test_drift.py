"""Metrics of drift in the configuration: what answers are told apart by is said before the first look, or refused."""

from __future__ import annotations

import pytest

from rolloutd.core.metrics import GateKind, MetricTemplate
from rolloutd.main import vocabulary
from rolloutd.settings import SettingsError, read_settings, read_spec

SOURCES = '[sources.log]\nkind = "predictions"\nlisten = "/x.sock"\n[sources.prom]\nkind = "prometheus"\n'
SHIPPED = 'template = "answers.drift"\nsource = "log"'
COUNTED = 'source = "prom"\narm_label = "slot"\nclass_label = "class"\nclasses = ["x"]\ntotal = { series = "n" }'


def template(text: str) -> MetricTemplate:
    """The metric that this table makes."""
    return read_settings(f"{SOURCES}[metrics.m]\n{text}", "config.toml", vocabulary()).metrics["m"].template


def test_a_prediction_log_has_classes_or_edges() -> None:
    """They are in the plan, and so in the record: what is told apart does not change in a running rollout."""
    by_class = template(f'{SHIPPED}\nclasses = ["cat", "a dog"]')
    assert (by_class.kind, by_class.bins, by_class.class_label) == (GateKind.DRIFT, ("cat", "a dog"), "class")
    by_edge = template(f"{SHIPPED}\nedges = [0, 0.5, 1]")
    assert by_edge.bins == ("<0", "0..0.5", "0.5..1", ">=1")


def test_counters_have_their_class_in_a_label() -> None:
    """All and by class are the same series."""
    counted = template(COUNTED)
    assert (counted.kind, counted.class_label, counted.classes) == (GateKind.DRIFT, "class", ("x",))
    assert counted.total == counted.bad


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (SHIPPED, "template", "answers.drift needs classes, or edges where the answer is a number"),
        (f'{SHIPPED}\nclasses = ["x"]\nedges = [1.0]', "edges", "by classes or by edges, not by both"),
        (f'{SHIPPED}\nclasses = ["x", "x"]', "classes", "Each class is named once"),
        (f"{SHIPPED}\nclasses = ['a\"b']", "classes", "without backslashes"),
        (f"{SHIPPED}\nedges = [0.5, 0.2]", "edges", "grow from one to the next"),
        (f"{SHIPPED}\nedges = [0.5, nan]", "edges[1]", "finite"),
        (f'{SHIPPED}\nclasses = ["x"]\nclass_label = "y"', "class_label", "says itself what is counted"),
        (f'{SHIPPED}\nclases = ["x"]', "clases", "Did you mean classes?"),
        (f'{SHIPPED}\nclasses = ["x"]\nripe = "1h"', "template", "ripe belongs to labels"),
        ('template = "envoy.errors"\nsource = "prom"\nclasses = ["x"]', "template", "belong to answers.drift"),
        (f"{COUNTED}\nedges = [1.0]", "edges", "Edges belong to the template answers.drift"),
        (f'{COUNTED}\nbad = {{ series = "y" }}', "bad", "a drift is of all answers alike"),
        (COUNTED.replace('classes = ["x"]', ""), "class_label", "and classes, which there are"),
        (COUNTED.replace('"slot"', '"class"'), "arm_label", "that is not the class's"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, said: str) -> None:
    """With the key and what to do."""
    with pytest.raises(SettingsError) as refused:
        template(text)
    assert f"metrics.m.{key}" in [problem.key for problem in refused.value.problems]
    assert any(said.lower() in problem.message.lower() for problem in refused.value.problems)


def test_a_template_of_drift_is_not_named_without_its_classes() -> None:
    """In a gate it would stand without."""
    with pytest.raises(SettingsError, match=r"Write a \[metrics.NAME\] with this template and with classes"):
        read_settings(
            '[sources.log]\nkind = "predictions"\nlisten = "/x.sock"\n[policy]\ngates = ["answers.drift"]',
            "config.toml",
            vocabulary(),
        )


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ('metric = "m"\nharm = { ratio = 1.1 }', "how large one is harm says psi"),
        ('metric = "m"\nlimit = "5%"', "it has psi and no limit"),
        ('metric = "errors"\npsi = 0.2', "errors is no gate on drift and has no psi"),
        ('metric = "m"\npsi = 0', "psi"),
        ('metric = "m"\npis = 0.2', "Did you mean psi?"),
    ],
)
def test_a_gate_on_drift_has_psi_alone(gate: str, said: str) -> None:
    """0.1 where it is left out."""
    routes = '[routers.edge]\nkind = "envoy"\n[routes.ranker]\nrouter = "edge"\n' + "".join(
        f'slots.{slot} = {{ arm = "{slot}", probe_url = "http://127.0.0.1:800{slot == "a":d}/" }}\n' for slot in "ab"
    )
    errors = '[metrics.errors]\ntemplate = "envoy.errors"\nsource = "prom"\n[policy]\ngates = ["errors"]\n'
    settings = read_settings(f"{routes}{SOURCES}{errors}[metrics.m]\n{COUNTED}", "config.toml", vocabulary())
    head = '[rollout]\nmodel = "r"\nchampion = "1"\nchallenger = "2"\nroute = "ranker"\n[[gate]]\n'
    plain = read_spec(f'{head}metric = "m"', "r.toml", settings).plan
    assert plain.gate("m").psi == 0.1
    assert read_spec(f'{head}metric = "m"\npsi = 0.25', "r.toml", settings).plan.gate("m").psi == 0.25
    with pytest.raises(SettingsError, match=said.replace("?", r"\?")):
        read_spec(f"{head}{gate}", "r.toml", settings)
