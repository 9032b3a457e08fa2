"""Asks a PostgreSQL one query in a transaction that can only read, under the server's own statement timeout.

Each question has a connection of its own: cancelling closes it. The rows come through a cursor, so an answer that is
too big is not taken in whole, and nothing but a single SELECT (or VALUES) is possible.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rollout_adapters.sql.rows import ROWS_MAX, NoCounts
from rollout_adapters.sql.sqlite import Table
from rolloutd.core.metrics import BlindReason

_PARAMETER = re.compile(r"(?<![:\w]):(since|until)(_s)?\b")
_DENIED = ("28", "42501")
_CONNECT_S = 10


def translated(query: str) -> str:
    """The query with psycopg's placeholders in the place of ours."""
    casts = {None: "timestamptz", "_s": "float8"}
    marked = _PARAMETER.sub(lambda found: f"\0({found[1]}{found[2] or ''})s::{casts[found[2]]}", query)
    return marked.replace("%", "%%").replace("\0", "%")


def fault_in(conninfo: str) -> str | None:
    """What is wrong with a connection string, which must hold no secret. Raises ImportError without psycopg."""
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = conninfo_to_dict(conninfo)
    except Error:  # its words may repeat a part of the string
        return "it is no connection string such as host=db.example.com dbname=labels user=rolloutd"
    if "password" in known:
        return "a password does not belong in it; use password, which refers to a secret"
    return None


async def ask(
    conninfo: str, password: str | None, query: str, since_ms: int, until_ms: int, deadline_s: float
) -> Table:
    """The query's columns and rows, one more than are allowed at most. Raises NoCounts."""
    import psycopg

    limit_ms = max(1, round(deadline_s * 1000))
    settings = {"default_transaction_read_only": "on", "statement_timeout": limit_ms, "lock_timeout": limit_ms}
    try:
        connection = await psycopg.AsyncConnection.connect(
            conninfo,
            password=password,
            connect_timeout=_CONNECT_S,
            application_name="rolloutd",
            options=" ".join(f"-c {key}={value}" for key, value in settings.items()),
        )
    except psycopg.Error as error:
        raise _trouble(error, "cannot be reached") from None
    try:
        await connection.set_read_only(True)
        cursor = connection.cursor(name="rolloutd")
        await cursor.execute(translated(query), _parameters(since_ms, until_ms))
        rows = await cursor.fetchmany(ROWS_MAX + 1)
        return [column.name for column in cursor.description or ()], rows
    except psycopg.errors.QueryCanceled:
        raise NoCounts(
            BlindReason.TIMEOUT, f"the query was not done within {deadline_s:g} s and was cancelled"
        ) from None
    except psycopg.Error as error:
        raise _trouble(error, "refuses the query") from None
    finally:
        await connection.close()


def _parameters(since_ms: int, until_ms: int) -> dict[str, object]:
    return {
        "since": datetime.fromtimestamp(since_ms / 1000, UTC),
        "until": datetime.fromtimestamp(until_ms / 1000, UTC),
        "since_s": since_ms / 1000,
        "until_s": until_ms / 1000,
    }


def _trouble(error: Exception, what: str) -> NoCounts:
    state, text = getattr(error, "sqlstate", None) or "", (str(error).splitlines() or ["no word"])[0][:200]
    if state.startswith(_DENIED) or "authentication failed" in text or "no password supplied" in text:
        return NoCounts(BlindReason.DENIED, f"PostgreSQL lets nobody in or see: {text}")
    away = what == "cannot be reached" or state.startswith(("08", "57P")) or not state
    return NoCounts(BlindReason.UNREACHABLE if away else BlindReason.BAD_ANSWER, f"PostgreSQL {what}: {text}")
