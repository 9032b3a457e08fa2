"""A named place kills the process exactly when asked to, and is nothing at all otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutd import crashpoints
from rolloutd.crashpoints import CrashPoint, arm

PASS_ALL_THRICE = """
from rolloutd.crashpoints import CrashPoint, reach
for _ in range(3):
    for point in CrashPoint:
        reach(point)
print("alive")
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    """Pass all places three times in a process of its own."""
    command = [sys.executable, "-c", PASS_ALL_THRICE]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_there_are_the_twelve_of_the_fault_model_and_six_of_telling() -> None:
    """P0 to P11, in order, and those around telling people and the registry."""
    assert list(CrashPoint) == [f"P{i}" for i in range(18)]


def test_unarmed_it_is_one_empty_function() -> None:
    """Without the variables nothing is counted, written or killed."""
    assert arm({}) is crashpoints._nothing
    assert arm({"ROLLOUTD_CRASH_AT": ""}) is crashpoints._nothing


@pytest.mark.parametrize(("at", "passed"), [("P0", 1), ("P11", 12), ("P1:3", 38)])
def test_it_kills_at_the_wanted_pass(tmp_path: Path, at: str, passed: int) -> None:
    """The process dies of SIGKILL at that place and pass, and the log has every place up to it."""
    log = tmp_path / "log"
    done = run(ROLLOUTD_CRASH_AT=at, ROLLOUTD_CRASH_LOG=str(log))
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    lines = log.read_text().splitlines()
    assert (len(lines), lines[-1]) == (passed, at.partition(":")[0])


def test_it_only_counts_when_asked_only_for_the_log(tmp_path: Path) -> None:
    """A log alone tells which places a run passes, so that a test knows which it can kill at."""
    log = tmp_path / "log"
    assert run(ROLLOUTD_CRASH_LOG=str(log)).stdout == "alive\n"
    assert len(log.read_text().splitlines()) == 54


def test_a_place_that_does_not_exist_is_an_error() -> None:
    """A misspelt place must not make a kill test pass by never killing."""
    with pytest.raises(ValueError, match="P99"):
        arm({"ROLLOUTD_CRASH_AT": "P99"})
