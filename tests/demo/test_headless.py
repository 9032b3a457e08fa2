"""The headless demo on real parts: the line for scripts is right, and however it ends nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from tests.demo.place import COMMAND, GONE_WITHIN_S, Place
from tests.tidy import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.xdist_group("demo")]

DONE_WITHIN_S = 180
KEYS = ["name", "outcome", "max_share_bp", "share_now_bp", "fault_to_fail_s", "fault_to_zero_s"]
KEYS += ["alpha", "beta", "margins", "requests"]


def test_all_four_rollouts_come_out_right(place: Place) -> None:
    """Healthy and drifting are done, harmful is rolled back, blind is held at zero, by Envoy's own word, in time."""
    done = subprocess.run(
        [*COMMAND, "--headless", "--json"],
        cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False, timeout=DONE_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout.splitlines()[-1])["rollouts"]}
    assert {name: (row["outcome"], row["share_now_bp"]) for name, row in rows.items()} == {
        "healthy": ("done", 10_000),
        "harmful": ("rolled_back", 0),
        "blind": ("held", 0),
        "drifting": ("done", 10_000),
    }
    for row in rows.values():
        assert list(row) == KEYS
        assert (row["alpha"], row["beta"]) == (0.01, 0.05)
        assert row["requests"] > 0
    assert _seconds(rows) == {
        "healthy": (None, None),
        "harmful": ("some", "some"),
        "blind": (None, "some"),
        "drifting": (None, None),
    }
    assert rows["harmful"]["fault_to_zero_s"] >= rows["harmful"]["fault_to_fail_s"] > 0
    assert rows["harmful"]["max_share_bp"] < 10_000


def _seconds(rows: dict[str, dict[str, Any]]) -> dict[str, tuple[str | None, str | None]]:
    """Which of the seconds there are."""
    keys = ("fault_to_fail_s", "fault_to_zero_s")
    return {name: tuple(None if row[key] is None else "some" for key in keys) for name, row in rows.items()}  # type: ignore[misc]  # two keys


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_stopped_leaves_nothing(place: Place, number: signal.Signals) -> None:
    """Interrupted, ended or killed in the middle: every process, socket and file of it is gone soon."""
    demo = subprocess.Popen(
        [*COMMAND, "--headless"], cwd=ROOT, env=place.environment, stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    with demo.stdout as lines:
        assert any("router confirms" in line for line in lines)
        assert len(place.processes()) >= 6
        os.kill(demo.pid, number)
        assert demo.wait(GONE_WITHIN_S) != 0
