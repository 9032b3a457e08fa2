"""One seed is one story: byte for byte the same in every process, whatever the hashes of strings are."""

from __future__ import annotations

import os
import subprocess
import sys

from rolloutd.simulation.run import run_seed
from rolloutd.simulation.scenario import draw

SEEDS = 12


def stories(hash_seed: str) -> str:
    """The whole output of some seeds in a process of its own."""
    command = [sys.executable, "-m", "rolloutd.simulate", "--seeds", str(SEEDS), "--from", "1", "--verbose", "--json"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_two_processes_tell_the_same_story() -> None:
    """Two processes with different hash seeds print the same traces and digests."""
    first, second = stories("1"), stories("2")
    assert first.count("digest") == SEEDS
    assert first == second


def test_the_digest_is_of_the_trace() -> None:
    """Another seed has another digest, the same seed the same, also the second time in one process."""
    assert run_seed(3).digest == run_seed(3).digest
    assert run_seed(3).digest != run_seed(4).digest


def test_a_scenario_is_a_value() -> None:
    """What a seed means is decided before anything runs."""
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)
