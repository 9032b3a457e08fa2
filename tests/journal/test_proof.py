"""`rolloutd audit verify` and `backup` on real files: what is whole passes, what is not is named (I4, I13, S7)."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from rolloutd import proof
from rolloutd.core import events as ev
from rolloutd.core.values import Instant
from rolloutd.journal import Head, StoreBroken
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.main import main
from tests.core.playbook import Playbook
from tests.journal.events import append


async def _write(path: Path, rows: list[ev.Recorded]) -> Head:
    """A journal with these events, appended one by one."""
    journal = SqliteJournal.open(path)
    for version, row in enumerate(rows):
        await journal.append(row.stream, version, [row.event], at=row.at, actor=row.actor, epoch=row.epoch)
    head = await journal.head()
    await journal.close()
    return head


def _journal(folder: Path, rows: list[ev.Recorded] | None = None) -> tuple[Path, Head]:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / proof.JOURNAL
    return path, asyncio.run(_write(path, rows or Playbook().until("done").journal))


def test_a_whole_journal_is_proved_from_its_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No configuration, no daemon: exit code 0, the head, and the count of changes."""
    path, head = _journal(tmp_path / "state")
    assert main(["audit", "verify", str(path), "--published", f"{head.seq}:{head.hash}"]) == 0
    said = capsys.readouterr().out
    assert f"head {head.seq} {head.hash}" in said
    assert "4 share changes in 1 streams: 4 shown by the router" in said


def test_a_journal_that_was_written_anew_is_not_the_published_one(tmp_path: Path) -> None:
    """A rewritten log has a chain that holds; the head that was told elsewhere gives it away."""
    _, head = _journal(tmp_path / "state")
    rows = Playbook().until("done").journal
    rows[0] = ev.Recorded(1, rows[0].stream, 1, Instant(5, 5), rows[0].actor, 1, rows[0].event)
    forged, _ = _journal(tmp_path / "forged", rows)
    assert proof.verify(forged, None) == 0
    assert proof.verify(forged, f"{head.seq}:{head.hash}") == proof.EXIT_DAMAGED
    assert proof.verify(forged, f"{head.seq + 9}:{head.hash}") == proof.EXIT_DAMAGED
    assert proof.verify(forged, "rubbish") == proof.EXIT_DAMAGED


def test_a_changed_row_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4, and the event's number."""
    path, _ = _journal(tmp_path / "state")
    with sqlite3.connect(path) as hand:
        hand.execute("UPDATE event SET body = replace(body, '100', '900') WHERE kind = 'TrafficWanted'")
    hand.close()
    assert main(["audit", "verify", str(path)]) == proof.EXIT_DAMAGED
    assert "damaged at event" in capsys.readouterr().err


def test_a_change_without_its_outcome_is_named_although_the_chain_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 12: a program that records no outcome makes a sound chain of an untold story."""
    rows = [row for row in Playbook().until("done").journal if not isinstance(row.event, ev.TrafficConfirmed)]
    path, _ = _journal(tmp_path / "state", rows)
    assert main(["audit", "verify", str(path)]) == proof.EXIT_NOT_WHOLE
    assert "NOT WHOLE: event" in capsys.readouterr().err


def test_no_journal_is_no_proof(tmp_path: Path) -> None:
    """An absent file is an error and is not made."""
    with pytest.raises(StoreBroken, match="There is no journal"):
        proof.prove(tmp_path / "journal.db")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_proves_what_the_journal_does_and_can_be_started_from(tmp_path: Path) -> None:
    """The copy has the same head, is private, goes on being a journal, and is never written over."""
    path, head = _journal(tmp_path / "state")
    assert proof.backup(path.parent, tmp_path / "copies" / "monday") == 0
    copy = tmp_path / "copies" / "monday" / proof.JOURNAL
    assert [file.name for file in copy.parent.iterdir()] == [proof.JOURNAL]
    assert proof.prove(copy, head).head == head
    assert copy.stat().st_mode & 0o777 == 0o600

    async def goes_on() -> Head:
        journal = SqliteJournal.open(copy)
        await append(journal, "another", 0, 1)
        found = await journal.head()
        await journal.close()
        return found

    assert asyncio.run(goes_on()).seq == head.seq + 1
    assert proof.backup(path.parent, tmp_path / "copies" / "monday") == proof.EXIT_NOT_WHOLE


def test_a_journal_that_is_not_whole_is_not_kept_as_a_backup(tmp_path: Path) -> None:
    """I13: damage is not copied over a good backup's place; what was written is left under another name only."""
    path, _ = _journal(tmp_path / "state")
    with sqlite3.connect(path) as hand:
        hand.execute("DELETE FROM event WHERE seq = 5")
    hand.close()
    assert proof.backup(path.parent, tmp_path / "copy") == proof.EXIT_DAMAGED
    assert not (tmp_path / "copy" / proof.JOURNAL).exists()


async def test_a_backup_beside_a_writer_is_one_moment_of_it(tmp_path: Path) -> None:
    """While events are appended all the time, the copy ends at one of them, and its chain leads there."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    journal = SqliteJournal.open(state / proof.JOURNAL)
    await append(journal, "busy", 0, 1)
    done = asyncio.Event()

    async def write() -> int:
        version = 1
        while not done.is_set():
            await append(journal, "busy", version, version + 1)
            version += 1
        return version

    writing = asyncio.create_task(write())
    await asyncio.to_thread(proof._write, state / proof.JOURNAL, tmp_path / "copy.db")
    done.set()
    most = await writing
    await journal.close()
    copy = SqliteJournal.open(tmp_path / "copy.db")
    report = await copy.verify()
    await copy.close()
    assert report.intact
    assert 1 <= report.checked <= most
