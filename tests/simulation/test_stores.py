"""R1: seeds run on the daemon's own files, every commit synced; the doubles in memory tell the same stories (I13)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rolloutd.core.values import Instant
from rolloutd.evidence_store import EvidenceRow
from rolloutd.journal import StoreBroken
from rolloutd.simulation import stores
from rolloutd.simulation.run import run_seed
from rolloutd.simulation.scenario import Kind, draw
from rolloutd.simulation.stores import EVIDENCE, JOURNAL, SNAPSHOTS, WAL, Disk, SqliteDisk, StoreKind, new_disk
from rolloutd.simulation.timewarp import VirtualLoop, run_virtual
from rolloutd.store import Store
from rolloutd.transactions import Transactions
from tests.journal.events import append, everything, wanted
from tests.simulation.planted import BUGS


def first(kind: Kind) -> int:
    """The first seed that has such a fault, at a moment and not at a border that may not be met."""
    return next(
        n for n in range(1, 500) for fault in draw(n).faults if fault.kind is kind and fault.word in ("", "now")
    )


SEEDS = sorted({*range(1, 9), *map(first, (Kind.CRASH, Kind.REBOOT, Kind.STORE_FULL, Kind.STORE_SLOW))})


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for the seeds' files."""
    stores._prepared()
    monkeypatch.setattr(stores, "parent", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_the_same_story_on_files_and_in_memory(seed: int) -> None:
    """Outcome, events and every line of the trace: the doubles do what the real stores do."""
    assert run_seed(seed, StoreKind.SQLITE) == run_seed(seed, StoreKind.MEMORY)


def test_every_process_opens_its_files_anew_and_the_journal_syncs_every_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What SQLite says of each connection: FULL for the journal, WAL for all."""
    set_pragmas = Store._set_pragmas
    seen: Counter[tuple[str, object, object]] = Counter()

    def watched(self: Store, connection: object, *, read_only: bool) -> None:
        set_pragmas(self, connection, read_only=read_only)  # type: ignore[arg-type]
        asked = (connection.execute(f"PRAGMA {one}").fetchone()[0] for one in ("journal_mode", "synchronous"))  # type: ignore[attr-defined]
        seen[self.path.name, *asked] += 1

    monkeypatch.setattr(Store, "_set_pragmas", watched)
    assert run_seed(first(Kind.REBOOT)).broken == ""
    assert set(seen) == {(JOURNAL, "wal", 2), (EVIDENCE, "wal", 1), (SNAPSHOTS, "wal", 1)}
    assert seen[EVIDENCE, "wal", 1] >= 2 * 3  # two processes, each with a connection to migrate, to read and to write


def test_a_journal_that_does_not_sync_is_not_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """FULL is asserted: a SQLite that would not do it ends the seed."""
    stores._prepared()
    monkeypatch.setattr("rolloutd.store._SYNCHRONOUS", {"FULL": 9, "NORMAL": 1})
    with pytest.raises(StoreBroken, match="synchronous is"):
        run_seed(1)


def test_a_kill_leaves_the_wal_and_the_next_process_has_all_of_it(parent: Path) -> None:
    """Nothing is put into the file by a kill; what was answered is found again, of journal and of evidence."""
    found: list[object] = []

    async def main(_: VirtualLoop) -> None:
        with new_disk(StoreKind.SQLITE) as disk:
            opened = disk.open()
            await append(opened.journal, "a", 0, 1, 2, 3)
            await opened.evidence.save([EvidenceRow("a", "errors", 1, "{}", Instant(1, 1))])
            disk.kill()
            assert isinstance(disk, SqliteDisk)
            found.append((disk._place / (JOURNAL + WAL)).stat().st_size > 0)
            again = disk.open()
            found.append([row.event for row in await everything(again.journal)] == [wanted(n) for n in (1, 2, 3)])
            found.append((await again.evidence.load("a"))["errors"].body)
            found.append((await again.journal.verify()).intact)

    run_virtual(main)
    assert found == [True, True, "{}", True]
    assert list(parent.iterdir()) == []


def test_nothing_is_left_of_a_seed_that_broke(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed's directory goes when its invariant breaks, and when the simulator itself does."""
    with monkeypatch.context() as changed:
        BUGS["act_before_record"](changed)
        assert run_seed(1).broken
    assert list(parent.iterdir()) == []

    def fails(self: Disk) -> None:
        raise RuntimeError

    monkeypatch.setattr(SqliteDisk, "kill", fails)
    with pytest.raises(RuntimeError):
        run_seed(1)
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize("bug", ["answers_before_commit", "start_removes_the_wal"])
def test_what_only_the_real_store_can_lose_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """I13: an answer before the commit, and a WAL thrown away, are found; in memory neither can happen."""
    BUGS[bug](monkeypatch)
    broken = (result.broken for seed in range(1, 201) if (result := run_seed(seed)).broken)
    assert next(broken, "").startswith("I13: not all ")
    assert not run_seed(SEEDS[0], StoreKind.MEMORY).broken


def test_the_wal_is_moved_into_the_file_within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds have checkpoints in them, so that kills come after some of them, too."""
    checkpoint, moved = Transactions.checkpoint, 0

    def counted(self: Transactions, after_pages: int) -> None:
        nonlocal moved
        moved += self._pages >= after_pages
        checkpoint(self, after_pages)

    monkeypatch.setattr(Transactions, "checkpoint", counted)
    run_seed(3)
    assert moved
