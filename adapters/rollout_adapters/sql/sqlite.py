"""Asks an SQLite file one query, opened for reading alone and under a deadline; it blocks, so it runs in a thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from rollout_adapters.sql.rows import ROWS_MAX, NoCounts
from rolloutd.core.metrics import BlindReason

_STEPS = 10_000  # of the database's own machine between two looks at the clock
_PATIENCE_S = 1.0
Table = tuple[list[str], list[tuple[object, ...]]]
"""Names of columns, and rows."""


def text_of(at_ms: int) -> str:
    """A time as SQLite's own functions write it, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def ask(file: Path, query: str, since_ms: int, until_ms: int, deadline_s: float) -> Table:
    """The query's columns and rows, one more than are allowed at most. Raises NoCounts."""
    ends_s = time.monotonic() + deadline_s
    try:
        with closing(_opened(file, min(deadline_s, _PATIENCE_S))) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > ends_s, _STEPS)
            cursor = connection.execute(query, _parameters(since_ms, until_ms))
            rows = cursor.fetchmany(ROWS_MAX + 1)
            return [column[0] for column in cursor.description or ()], rows
    except sqlite3.OperationalError as error:
        raise _trouble(error, deadline_s) from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise NoCounts(BlindReason.BAD_ANSWER, f"SQLite says: {error}") from None


def _opened(file: Path, patience_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=patience_s)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # another file would not be opened for reading alone
    connection.execute("pragma query_only = on")
    return connection


def _parameters(since_ms: int, until_ms: int) -> Mapping[str, object]:
    return {
        "since": text_of(since_ms),
        "until": text_of(until_ms),
        "since_s": since_ms / 1000,
        "until_s": until_ms / 1000,
    }


def _trouble(error: sqlite3.OperationalError, deadline_s: float) -> NoCounts:
    if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
        return NoCounts(BlindReason.TIMEOUT, f"the query was not done within {deadline_s:g} s and was ended")
    away = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR)
    reason = BlindReason.UNREACHABLE if error.sqlite_errorcode & 0xFF in away else BlindReason.BAD_ANSWER
    return NoCounts(reason, f"SQLite says: {error}")
