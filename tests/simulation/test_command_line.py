"""The command line: counts at the end, and for a broken seed its time, its words, the story's end, and exit code 1."""

from __future__ import annotations

import json

import pytest

from rolloutd import simulate
from rolloutd.simulation.stores import StoreKind, file_system
from tests.simulation.planted import BUGS


def test_sound_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line says how many passed; the ones before say what was simulated."""
    assert simulate.main(["--seeds", "5", "--from", "1", "--store", "memory"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].endswith(", in memory")
    assert lines[-1] == "5 passed, 0 failed"
    assert lines[-4].startswith("5 seeds, ")
    assert lines[-3].startswith("outcomes: ")
    assert lines[-2].startswith("faults: ")


def test_a_broken_seed_is_told_and_fails_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A violation prints seed, time, invariant and how to see it again, and the exit code is 1."""
    BUGS["act_before_record"](monkeypatch)
    assert simulate.main(["--seeds", "1", "--from", "1"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("seed 1 broke at ")
    assert "  I1: the router is asked for 1%, but 0% is recorded" in out
    assert "again: ./dev sim --seeds 1 --from 1 --verbose" in out
    assert out.endswith("0 passed, 1 failed\n")


def test_two_jobs_find_what_one_finds(capsys: pytest.CaptureFixture[str]) -> None:
    """Seeds may be shared by processes; the counts are the same."""
    told = []
    for jobs in ("1", "2"):
        assert simulate.main(["--seeds", "12", "--jobs", jobs, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["seeds"] == 12
    assert (told[0]["store"], told[0]["file_system"]) == ("sqlite", file_system(StoreKind.SQLITE))
