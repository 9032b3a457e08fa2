"""`rolloutd audit verify` and `rolloutd backup`: what a journal file proves by itself, and a copy that proves the same.

Both work beside a running daemon and without one, and write nothing into the journal. A copy is kept only when it is
whole: SQLite's own check, the chain from its first event to the head, and every share change with its outcome.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rolloutd.codec import CodecError
from rolloutd.core.audit import Audit, audit
from rolloutd.core.events import Recorded
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.journal import ChainBroken, Head, JournalError, StoreBroken
from rolloutd.journal_sqlite import SqliteJournal
from rolloutd.store import sync_directory, translated

JOURNAL, EVIDENCE = "journal.db", "evidence.db"
EXIT_DAMAGED, EXIT_NOT_WHOLE = 4, 12


@dataclass(frozen=True, slots=True)
class Proof:
    """What a journal file proves: its head once the chain holds to it, and the audit of what it tells."""

    head: Head
    audit: Audit


def prove(path: Path, published: Head | None = None) -> Proof:
    """Read the whole file, checking each row against the chain. Raises the journal's errors, or CodecError.

    ``published`` is a head that was told elsewhere (the system journal): the file must lead through it.
    """
    if not path.is_file():
        raise StoreBroken(f"There is no journal at {path}. Nothing was verified and traffic is as before.")
    return asyncio.run(_prove(path, published))


async def _prove(path: Path, published: Head | None) -> Proof:
    journal = SqliteJournal.open(path, read_only=True)
    try:
        told: list[Recorded] = [recorded async for recorded in journal.load_all()]
        if published is not None and await journal.hash_at(published.seq) != published.hash:
            raise ChainBroken(published.seq, "its hash is not the one that was published")
        return Proof(await journal.head(), audit(told))
    finally:
        await journal.close()


def verify(path: Path, published: str | None) -> int:
    """The command: print what the file proves; 0 when it is whole, 4 when it is damaged, 12 when a change is untold."""
    try:
        proof = prove(path, None if published is None else _head(published))
    except (JournalError, CodecError) as error:
        print(f"{path.name} is DAMAGED or cannot be read. {error}\nNext: {error.next_step}", file=sys.stderr)
        return EXIT_DAMAGED
    print(f"{path.name}: {proof.audit.events} events, the chain holds; head {proof.head.seq} {proof.head.hash}")
    print(proof.audit.sentence)
    for finding in proof.audit.findings:
        print(f"NOT WHOLE: {finding}", file=sys.stderr)
    return 0 if proof.audit.whole else EXIT_NOT_WHOLE


def backup(state_dir: Path, target: Path) -> int:
    """The command: copy journal and evidence into a new folder; 0 when both copies are whole and durable."""
    try:
        target.mkdir(mode=0o700, parents=True)
        proof = _copy(state_dir / JOURNAL, target / JOURNAL)
        if (state_dir / EVIDENCE).exists():
            _write(state_dir / EVIDENCE, target / EVIDENCE)
        sync_directory(target)
    except FileExistsError:
        print(f"{target} exists already. Nothing was copied: a backup never overwrites one.", file=sys.stderr)
        return EXIT_NOT_WHOLE
    except (JournalError, CodecError, OSError) as error:
        print(f"No backup was kept: {error}", file=sys.stderr)
        return EXIT_DAMAGED
    print(f"{target}: {proof.audit.events} events, the chain holds; head {proof.head.seq} {proof.head.hash}")
    return 0


def _copy(source: Path, target: Path) -> Proof:
    """A copy of the journal under its name only once it proved whole."""
    unchecked = target.with_name(f"{target.name}.unchecked")
    _write(source, unchecked)
    reach(CrashPoint.IN_BACKUP)
    proof = prove(unchecked)
    if not proof.audit.whole:
        raise StoreBroken(f"The journal itself is not whole: {proof.audit.findings[0]}. Traffic is as before.")
    with closing(
        sqlite3.connect(unchecked)
    ) as copy:  # reading left the files of a WAL; whoever may write takes them away
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    unchecked.rename(target)
    return proof


def _write(source: Path, target: Path) -> None:
    """SQLite's online copy, in one step so that a writer cannot make it begin anew; checked, and durable."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with translated(source):
        place = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as origin, closing(sqlite3.connect(target)) as copy:
            origin.backup(copy)
            said = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if said != "ok":
        raise StoreBroken(f"The copy of {source.name} is not sound ({said}). It is no backup; traffic is as before.")
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _head(text: str) -> Head:
    """SEQ:HASH or SEQ HASH, as the daemon's log says it."""
    seq, _, link = text.replace(" ", ":").partition(":")
    if not seq.isdigit() or not link:
        raise StoreBroken(f"A published head is written SEQ:HASH, not {text!r}. Nothing was verified.")
    return Head(int(seq), link)
