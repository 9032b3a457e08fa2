"""A power cut at any moment loses no acknowledged event and leaves a whole chain (I2, I4); without FULL it would.

A real journal's writes are recorded with strace and replayed up to random moments, with random parts of what was not
yet synced. ``ROLLOUTD_POWER_CUTS`` sets how many.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rolloutd.journal import JournalError
from rolloutd.journal_sqlite import SqliteJournal
from tests.journal.power_cut import CALLS, Disk, Said, Step, steps
from tests.programs import needs

pytestmark = pytest.mark.real
CUTS = int(os.environ.get("ROLLOUTD_POWER_CUTS", "150"))
EVENTS = 120
KEEPS = (0.0, 0.5, 0.9, 1.0)
"""How much of what was not synced survives: nothing, half, most of it, all."""


def recorded(folder: Path, synchronous: str) -> tuple[Disk, list[Step]]:
    """A journal before its first event, and everything that was done to its files while events were appended."""
    place, trace = folder / synchronous, folder / f"{synchronous}.trace"
    place.mkdir(mode=0o700)
    command = [sys.executable, "-m", "tests.journal.powered", str(place)]
    subprocess.run([*command, "0", synchronous], check=True, timeout=60)
    before = {str(file): bytearray(file.read_bytes()) for file in place.iterdir() if not file.name.endswith("-shm")}
    strace = [needs("strace"), "-f", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run([*strace, *command, str(EVENTS), synchronous], check=True, timeout=120, stdout=subprocess.DEVNULL)
    return Disk(before), steps(trace.read_text(), place)


async def lost(files: dict[str, bytes], said: Sequence[str], place: Path) -> int:
    """How many acknowledged events are not in these files. Raises JournalError when they are no whole journal."""
    for old in place.iterdir():
        old.unlink()
    for name, content in files.items():
        (place / Path(name).name).write_bytes(content)
    journal = SqliteJournal.open(place / "journal.db")
    try:
        report = await journal.verify()
        assert report.intact, report
        kept = {stream: len(await journal.load(stream)) for stream in await journal.streams()}
    finally:
        await journal.close()
    last = {stream: int(version) for stream, version in (line.split() for line in said)}
    return sum(max(0, version - kept.get(stream, 0)) for stream, version in last.items())


async def cuts(disk: Disk, done: list[Step], folder: Path, count: int) -> list[int]:
    """How many events each of ``count`` power cuts lost, at random moments in the order of the recording."""
    place, chance = folder / "after", random.Random(count)
    place.mkdir(mode=0o700)
    moments = sorted(chance.choices(range(len(done) + 1), k=count))
    losses, said, at = [], list[str](), 0
    for moment in moments:
        for step in done[at:moment]:
            disk.do(step)
            if isinstance(step, Said):
                said.append(step.line)
        at = moment
        losses.append(await lost(disk.cut(chance, chance.choice(KEEPS)), said, place))
    assert said, "no moment came after the first acknowledged event"
    return losses


async def test_a_power_cut_loses_nothing_that_was_acknowledged(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every cut leaves a journal that opens, whose chain is whole, and that has every acknowledged event."""
    disk, done = recorded(tmp_path, "FULL")
    assert sum(isinstance(step, Said) for step in done) == EVENTS
    assert not any(await cuts(disk, done, tmp_path, CUTS))
    record_property("figure", f"{CUTS} cuts, 0 acknowledged events lost, 0 journals broken")


async def test_without_full_sync_the_same_cuts_lose_events(tmp_path: Path) -> None:
    """The control: a journal that syncs at checkpoints alone loses acknowledged events, and this replay sees it."""
    disk, done = recorded(tmp_path, "NORMAL")
    try:
        losses = await cuts(disk, done, tmp_path, 40)
    except JournalError:
        return  # not even whole
    assert any(losses)
