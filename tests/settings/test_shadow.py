"""Plans with a shadow as they are written: what is read of them, and what is refused with a sentence and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Plan
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, ZERO
from rolloutd.main import vocabulary
from rolloutd.settings import Settings, read_settings, read_spec
from rolloutd.settings.problems import SettingsError

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples" / "shadow.toml").read_text(encoding="utf-8")
CONFIG = (ROOT / "config.example.toml").read_text(encoding="utf-8")
HAPROXY = ('[routes.scorer]                   # Another one, for plans with a shadow (docs/gates.md).\nrouter = "edge"',
           '[routes.scorer]\nrouter = "gateway"')  # fmt: skip


def configured(*edits: tuple[str, str]) -> Settings:
    """The example configuration, changed."""
    text = CONFIG
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return read_settings(text, "config.toml", vocabulary())


def plan(text: str = EXAMPLE, *edits: tuple[str, str]) -> Plan:
    """The plan of a rollout file."""
    return read_spec(text, "shadow.toml", configured(*edits)).plan


def test_the_example_mirrors_first_and_has_gates_of_every_kind() -> None:
    """No share in the shadow; agreement by its limit, pairs by differences, coverage holds."""
    made = plan()
    assert [(str(stage.share), str(stage.mirror)) for stage in made.stages][:2] == [("0%", "100%"), ("1%", "0%")]
    assert made.stages[0].mirror == FULL
    assert made.stages[0].share == ZERO
    kinds = {gate.metric: gate.template.kind for gate in made.gates}
    assert kinds["agreement"] is GateKind.AGREEMENT
    assert made.gate("agreement").limit == pytest.approx(0.02)
    assert made.gate("failed-alone").harm == Margin.difference(0.0)
    assert made.gate("failed-alone").accept == Margin.difference(0.005)


def test_a_slow_answer_is_a_metric_of_pairs_with_its_slo() -> None:
    """The bound stands with the metric."""
    made = plan(EXAMPLE.replace('metric = "coverage"\nlimit = "1%"', 'metric = "slow-alone"'))
    gate = made.gate("slow-alone")
    assert (gate.template.kind, gate.template.slo_ms, gate.accept) == (GateKind.PAIRED, 100.0, Margin.difference(0.01))


@pytest.mark.parametrize(
    ("text", "edits", "said"),
    [
        (EXAMPLE, [HAPROXY], "a router of kind haproxy cannot do that"),
        (EXAMPLE, [("mirror_is_safe = true", "mirror_is_safe = false")], "nobody says that this is safe"),
        (EXAMPLE.replace('mirror = "100%"', 'mirror = "100%"\nshare = "1%"'), [], "neither a share nor smoke probes"),
        (EXAMPLE.replace('limit = "2%"', ""), [], "needs a limit"),
        (EXAMPLE.replace('limit = "2%"', 'limit = "2%"\nharm = { ratio = 1.1 }'), [], "against its limit alone"),
        (EXAMPLE.replace('difference = "0.5pp"', "ratio = 1.5"), [], "are differences"),
        (EXAMPLE.replace('name = "shadow"\nmirror = "100%"', 'name = "shadow"\nshare = "0.5%"'), [], "never speak"),
        (EXAMPLE.replace('mirror = "100%"', 'mirror = "0%"'), [], "needs smoke probes, or a mirror"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(text: str, edits: list[tuple[str, str]], said: str) -> None:
    """Before anything starts."""
    with pytest.raises(SettingsError, match=said):
        plan(text, *edits)
