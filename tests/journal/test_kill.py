"""SIGKILL at any moment loses no acknowledged row (I2, I4), breaks no chain, and never tears a tick of evidence."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.journal_sqlite import SqliteJournal

KILLS = 40


@pytest.fixture
def committer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The warm process whose children commit."""
    command = [sys.executable, "-m", "tests.journal.committer", str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate(timeout=10)


def run_and_kill(committer: subprocess.Popen[str], after_lines: int) -> list[tuple[str, int]]:
    """Start a child, kill it once it said so many lines, and return all that it said was kept."""
    assert committer.stdin is not None
    assert committer.stdout is not None
    committer.stdin.write("go\n")
    committer.stdin.flush()
    child = int(committer.stdout.readline())
    kept: list[tuple[str, int]] = []
    for line in committer.stdout:
        if line == "dead\n":
            break
        name, number = line.split()
        kept.append((name, int(number)))
        if len(kept) == after_lines:
            os.kill(child, signal.SIGKILL)
    return kept


async def test_no_acknowledged_row_is_lost(committer: subprocess.Popen[str], tmp_path: Path) -> None:
    """After each of many kills everything that was acknowledged is there, in order, and the chain is whole."""
    chance = random.Random(7)
    said: dict[str, int] = {}
    for _ in range(KILLS):
        said.update(run_and_kill(committer, chance.randint(1, 40)))
        journal = SqliteJournal.open(tmp_path / "journal.db")
        evidence = SqliteEvidence.open(tmp_path / "evidence.db")
        assert (await journal.verify()).intact
        for stream in set(said) - {"tick"}:
            versions = [recorded.version for recorded in await journal.load(stream)]
            assert versions == list(range(1, len(versions) + 1))
            assert len(versions) >= said[stream]
        gate = (await evidence.load("r")).get("g")
        if "tick" in said:
            assert gate is not None
            assert gate.tick >= said["tick"]
            assert (gate.body, gate.champion_n) == (f'{{"tick":{gate.tick}}}', float(gate.tick))
        await journal.close()
        await evidence.close()
    assert sum(said.values()) > KILLS


@pytest.mark.parametrize("point", ["P7", "P9", "P9:2"])
async def test_a_kill_in_a_checkpoint_or_migration_leaves_a_whole_store(tmp_path: Path, point: str) -> None:
    """A process killed there leaves what was acknowledged before, and the next one starts as if it had not begun."""
    command = [sys.executable, "-m", "tests.journal.committer", str(tmp_path)]
    environment = {**os.environ, "ROLLOUTD_CRASH_AT": point, "ROLLOUTD_CRASH_LOG": str(tmp_path / "log")}
    done = subprocess.run(
        command, env=environment, input="go\n", capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stdout.split("\n")[1:-1]
    assert lines.pop() == "dead"
    assert (tmp_path / "log").read_text().endswith(f"{point[:2]}\n")
    said = {name: int(number) for name, number in map(str.split, lines)}
    journal = SqliteJournal.open(tmp_path / "journal.db")
    assert (await journal.verify()).intact
    for stream, version in said.items():
        assert stream == "tick" or len(await journal.load(stream)) >= version
    await journal.close()
