"""Opens a SQLite file the only way we do: private, in WAL, with every pragma read back; it knows no table by name.

Also the one place that says what a SQLite error means for the journal.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlite_utils import Database, Migrations

from rolloutd.journal import JournalError, StoreBroken, StoreBusy, StoreFull, StoreTooNew

BUSY_TIMEOUT_MS = 250
_SYNCHRONOUS = {"NORMAL": 1, "FULL": 2}
_CALLERS_FAULTS = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG}
_DONT_TRUST_BEYOND = 0o022  # group or others may write into the directory


@dataclass(frozen=True)
class Store:
    """A file with its tables: where it is, how hard it syncs, and the steps that make it what it must be."""

    path: Path
    synchronous: Literal["NORMAL", "FULL"]
    migrations: Migrations

    def prepare(self) -> None:
        """Make the file and bring its tables up to date, each step whole or not at all; raises the Store errors."""
        _check_directory(self.path.parent)
        _create(self.path)
        with closing(self.connect()) as connection, translated(self.path):
            self.check_age(connection)
            db = database(connection)
            waiting = self.migrations.pending(db)
            if waiting and self.migrations.applied(db):
                _keep_copy(connection, self.path.with_name(f"{self.path.name}.before-{waiting[0].name}"))
            self.migrations.apply(db)

    def check_age(self, connection: sqlite3.Connection) -> None:
        """Raise StoreTooNew when a newer program changed the tables."""
        with closing(sqlite3.connect(":memory:")) as empty:
            known = {step.name for step in self.migrations.pending(database(empty))}
        newer = [step.name for step in self.migrations.applied(database(connection)) if step.name not in known]
        if newer:
            raise StoreTooNew(
                f"{self.path.name} was made by a newer rolloutd (step {newer[-1]}). "
                "This one does not write it; traffic is as before."
            )

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """A connection with every pragma set and read back. It may move to another thread, but never serve two."""
        mode = "ro" if read_only else "rw"
        with translated(self.path):
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                timeout=BUSY_TIMEOUT_MS / 1_000,
                check_same_thread=False,
            )
            try:
                self._set_pragmas(connection, read_only=read_only)
            except BaseException:
                connection.close()
                raise
        return connection

    def _set_pragmas(self, connection: sqlite3.Connection, *, read_only: bool) -> None:
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
        wanted: dict[str, object] = {
            "journal_mode": "wal",
            "synchronous": _SYNCHRONOUS[self.synchronous],
            "foreign_keys": 1,
            "trusted_schema": 0,
            "busy_timeout": BUSY_TIMEOUT_MS,
            # The writer checkpoints by itself: SQLite's own would hide a failed fsync (see transactions.py).
            "wal_autocheckpoint": 0,
            "query_only": int(read_only),
        }
        for pragma, value in wanted.items():
            if pragma != "journal_mode":
                connection.execute(f"PRAGMA {pragma} = {value}")
            found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            if found != value:
                raise StoreBroken(
                    f"{self.path.name} cannot be opened safely: {pragma} is {found}, not {value}. "
                    "Nothing was written and traffic is as before."
                )


def database(connection: sqlite3.Connection) -> Database:
    """sqlite-utils on a connection of ours, without plugins and without a say in its pragmas."""
    return Database(connection, recursive_triggers=False, execute_plugins=False)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise as_journal_error(error, path.name) from error
    except UnicodeDecodeError as error:  # a damaged file, where SQLite's own sentence quotes the damage
        raise damaged(path.name) from error


def damaged(name: str) -> StoreBroken:
    """What it means where text was written and other bytes are read."""
    return StoreBroken(f"{name} is damaged: it holds bytes that are no text. Nothing more is recorded.")


def is_callers_fault(error: sqlite3.Error) -> bool:
    """Whether one statement's own values were wrong, while the store is well."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _CALLERS_FAULTS


def as_journal_error(error: sqlite3.Error, name: str) -> JournalError:
    """What a SQLite error means here."""
    said = f"{name}: {error} ({getattr(error, 'sqlite_errorname', 'no code')})"
    if is_callers_fault(error):
        return JournalError(f"{said}. Nothing of this was recorded; traffic is as before.")
    code = error.sqlite_errorcode
    # Without room for its index of the WAL, SQLite reports an input/output error although the disk is only full.
    if code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreFull(f"There is no space for {said}. Nothing of this was recorded; traffic is as before.")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"Another process holds {said}. Nothing of this was recorded; traffic is as before.")
    return StoreBroken(f"{said}. Whether the last record survived is not known; nothing more is recorded.")


def _check_directory(directory: Path) -> None:
    try:
        found = directory.stat()
    except OSError as error:
        raise StoreBroken(
            f"The state directory {directory} cannot be used: {error.strerror}. Nothing was written.",
            "Make it, owned by the daemon's user with mode 0700 (systemd: StateDirectory=), then start again.",
        ) from error
    safe = stat.S_ISDIR(found.st_mode) and found.st_uid in (0, os.geteuid()) and not found.st_mode & _DONT_TRUST_BEYOND
    if not safe:
        raise StoreBroken(
            f"The state directory {directory} is not private (owner {found.st_uid}, "
            f"mode {found.st_mode & 0o7777:04o}): somebody else could exchange the journal. "
            "Nothing was written and traffic is as before.",
            f"Give it to the daemon's user and close it: chmod go-w {directory}",
        )


def _create(path: Path) -> None:
    """Make an empty file that only we may read, and make its name durable. An existing one is closed to others."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        path.chmod(0o600)
        sync_directory(path.parent)
    except OSError as error:
        raise StoreBroken(f"{path.name} cannot be opened: {error.strerror}. Traffic is as before.") from error


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_copy(connection: sqlite3.Connection, target: Path) -> None:
    """Leave a checked copy of the store as it is now. A copy that a crash cut short is made anew."""
    unchecked = target.with_name(target.name + ".unchecked")
    unchecked.unlink(missing_ok=True)
    _create(unchecked)
    with closing(sqlite3.connect(unchecked)) as copy:
        connection.backup(copy)
        said = copy.execute("PRAGMA integrity_check").fetchone()[0]
        copy.execute("PRAGMA journal_mode = DELETE")
    if said != "ok":
        raise StoreBroken(f"The copy before a migration is not sound ({said}). The store was not changed.")
    with suppress(FileNotFoundError):
        target.unlink()
    unchecked.rename(target)
    sync_directory(target.parent)
