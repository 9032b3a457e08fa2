"""The example plans: each is accepted with the example configuration, decides at the page's traffic, and is told of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutd.main import vocabulary
from rolloutd.settings import Settings, read_settings, read_spec
from tests.docs.pages import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
PAGE = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
CONFIG = ROOT / "config.example.toml"


@pytest.fixture(scope="module")
def configured() -> Settings:
    """The example configuration, with what real adapters know."""
    return read_settings(CONFIG.read_text(encoding="utf-8"), CONFIG.name, vocabulary())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_accepted(file: Path, configured: Settings) -> None:
    """Read whole, without a fault, as `rollout start` would."""
    assert read_spec(file.read_text(encoding="utf-8"), file.name, configured).route in configured.routes


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_plan_check_lets_an_example_start(file: Path) -> None:
    """The real command, at the traffic of the page's table."""
    script = Path(sys.executable).with_name("rollout")
    rates = ["--rps", "100", "--champion-errors", "1%", "--latency", "2%"]
    ran = subprocess.run(
        [script, "plan", "check", file, "--config", CONFIG, *rates, "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["decision"] == "go"


def test_the_page_names_every_example_and_every_built_in_strategy(configured: Settings) -> None:
    """And no other: one file a strategy, each with a link."""
    assert set(re.findall(r"\(\.\./examples/([\w-]+\.toml)\)", PAGE)) == {file.name for file in EXAMPLES}
    assert set(re.findall(r'strategy = "([\w-]+)"`, built in', PAGE)) == set(configured.strategies)


def test_blue_green_of_the_example_begins_with_a_preview_and_goes_to_all(configured: Settings) -> None:
    """As the page says: no traffic, then all of it, with nothing held back."""
    text = (ROOT / "examples" / "blue-green.toml").read_text(encoding="utf-8")
    first, last = read_spec(text, "blue-green.toml", configured).plan.stages
    assert (str(first.share), str(last.share)) == ("0%", "100%")
    assert [probe.name for probe in first.smoke] == ["ready", "predicts"]
