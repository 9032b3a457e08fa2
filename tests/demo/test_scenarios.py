"""The demo's scenarios, side by side on one real Envoy and one daemon: each comes to its stated end by all counters."""

from __future__ import annotations

import json
import subprocess

import pytest

from bench.demo.scenarios import SCENARIOS
from tests.demo.place import COMMAND, Place
from tests.tidy import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("demo")]

DONE_WITHIN_S = 180
SEGMENTED = ("rings", "bad-segment")
LABELLED = "delayed-labels"


def test_every_scenario_comes_to_its_stated_end(place: Place) -> None:
    """Done, aborted from 100 % at once, rolled back from 50 %, held at zero: by Envoy's and the servers' counters.

    The demo itself holds the counters against each outcome and ends with 1 where they differ: who is served at the
    end, that preview and shadow had no user, but probes and copies, and that blue-green lost no request on its way.
    """
    words = [word for name in SCENARIOS if name not in (*SEGMENTED, LABELLED) for word in ("--scenario", name)]
    done = subprocess.run(
        [*COMMAND, "--headless", "--json", *words],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=DONE_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout.splitlines()[-1])["rollouts"]}
    assert {name: (row["outcome"], row["share_now_bp"], row["max_share_bp"]) for name, row in rows.items()} == {
        "canary": ("done", 10_000, 10_000),
        "blue-green": ("aborted", 0, 10_000),
        "shadow-then-canary": ("done", 10_000, 10_000),
        "late-regression": ("rolled_back", 0, rows["late-regression"]["max_share_bp"]),
        "metrics-outage": ("held", 0, rows["metrics-outage"]["max_share_bp"]),
    }
    assert 5_000 <= rows["late-regression"]["max_share_bp"] < 10_000
    assert rows["late-regression"]["fault_to_zero_s"] >= rows["late-regression"]["fault_to_fail_s"] > 0
    assert rows["metrics-outage"]["max_share_bp"] < 10_000
    assert rows["blue-green"]["fault_to_zero_s"] > 0


def test_rings_a_bad_segment_and_late_labels_come_to_their_stated_ends(place: Place) -> None:
    """Ring by ring to everybody; a segment that suffers alone is found, named and isolated, and the others go on (I7).

    By Envoy's weights and the servers' own counters by segment: nobody reaches the challenger before his ring has it,
    nobody of the bad segment after it was isolated. What it cost until then is told. And a challenger that fails less
    often than the champion and whose answers are wrong (both by the servers' own counters) stays on its first stage,
    which waits for labels, and goes back once they are ripe, whatever was labelled twice or corrected (I3).
    """
    words = [word for name in (*SEGMENTED, LABELLED) for word in ("--scenario", name)]
    done = subprocess.run(
        [*COMMAND, "--headless", "--json", *words],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=DONE_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "shows harm in region=apac" in done.stdout
    rows = {row["name"]: row for row in json.loads(done.stdout.splitlines()[-1])["rollouts"]}
    ends = {name: (row["outcome"], row["share_now_bp"]) for name, row in rows.items()}
    assert ends == {"rings": ("done", 10_000), "bad-segment": ("isolated", 8_000), LABELLED: ("rolled_back", 0)}
    late = rows[LABELLED]
    assert "wrong: FAIL" in done.stdout
    assert (late["max_share_bp"], late["held_s"] >= 10.0) == (2_000, True)
    assert late["failed"][1] < late["failed"][0]
    assert late["wrong"][1] > 2 * late["wrong"][0]
    assert rows["rings"]["rings"] == ["internal", "eu", ""]
    assert 0 < rows["bad-segment"]["cost_failed"] < rows["bad-segment"]["cost_requests"]
    assert rows["bad-segment"]["fault_to_fail_s"] > 0


def test_scenarios_are_told_and_not_shown(place: Place) -> None:
    """Without --headless there is nothing to judge: a usage error, and nothing was started."""
    done = subprocess.run(
        [*COMMAND, "--scenario", "canary"],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=DONE_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nothing was started" in done.stderr
