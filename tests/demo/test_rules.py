"""The demo's stories in which a rule says no: on a real Envoy (and a real MLflow), each comes to its stated end."""

from __future__ import annotations

import json
import subprocess

import pytest

from bench.demo.rules import STORIES
from tests.demo.place import COMMAND, Place
from tests.programs import needs
from tests.tidy import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("demo")]

DONE_WITHIN_S = 700  # by itself each takes less than a minute; this is for machines with other work
SAYS = {
    "low-traffic": "requests a second, the first stage needs",
    "freeze": "The policy's freeze lasts",
    "bad-offline-metrics": "auc 0.79 against the champion's 0.84 on test d1",
}


@pytest.mark.parametrize("name", list(STORIES))
def test_a_rule_says_no_and_envoy_shows_it(place: Place, name: str) -> None:
    """I2, I3: what is refused gets nothing; what stood through a freeze did not go up in it and goes back at once."""
    if name == "bad-offline-metrics":
        needs("mlflow")
    done = subprocess.run(
        [*COMMAND, "--headless", "--json", "--scenario", name],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=DONE_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(done.stdout.splitlines()[-1])["rollouts"]
    most = 2_000 if name == "freeze" else 0
    assert (row["outcome"], row["max_share_bp"], row["share_now_bp"]) == (STORIES[name][1], most, 0)
    assert SAYS[name] in row["said"]


def test_a_rules_story_stands_alone(place: Place) -> None:
    """It has parts of its own, so nothing else runs beside it: a usage error, and nothing was started."""
    words = ["--headless", "--scenario", "freeze", "--scenario", "canary"]
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "stands alone; nothing was started" in done.stderr
