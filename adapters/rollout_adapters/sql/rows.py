"""What a query's rows say of each arm, checked row by row; it asks no database and never makes a zero from silence.

Columns are known by their names: ``arm``, ``n`` (requests that count, those with a label), and one of ``bad``,
``successes`` and ``value`` (the part that is bad; of a metric that is a mean, the mean). ``due`` are all that were to
count, with a label or without, and ``newest`` is the time of the newest label there is. Others are passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from rolloutd.core.metrics import BlindReason, Unreadable

ROWS_MAX = 2_000
COUNT_MAX = 10**12
_WHOLE = 1e-6
_ONE_OF = ("bad", "successes", "value")


class NoCounts(Exception):
    """A query that gave nothing to count; carries why. It never leaves the source."""

    def __init__(self, reason: BlindReason, detail: str) -> None:
        super().__init__(detail)
        self.why = Unreadable(reason, detail)


class ArmRow(NamedTuple):
    """One arm's row: of ``n`` that count ``bad`` are bad; ``due`` is at least ``n``; ``newest_ms`` where it is said.

    Of a mean ``bad`` is the sum.
    """

    n: int
    bad: float
    due: int
    newest_ms: int | None


def read_rows(
    names: Sequence[str], rows: Sequence[Sequence[object]], *, mean: bool = False
) -> dict[str, ArmRow | Unreadable]:
    """Each arm's row, or why it is none. Raises NoCounts for an answer of which nothing can be used."""
    one_of = ("value",) if mean else _ONE_OF
    if len(rows) > ROWS_MAX:
        raise NoCounts(BlindReason.TOO_BIG, f"the query gives more than {ROWS_MAX} rows; it has one for each arm")
    columns = [name.lower() for name in names]
    said = [column for column in one_of if column in columns]
    missing = [column for column in ("arm", "n") if column not in columns]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if missing or len(said) != 1 or twice:
        wanted = "arm, n and value" if mean else f"arm, n and one of {', '.join(_ONE_OF)}"
        raise NoCounts(BlindReason.BAD_ANSWER, f"the query's columns are {', '.join(columns)}; it needs {wanted}")
    found: dict[str, ArmRow | Unreadable] = {}
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        arm = cells["arm"]
        if not isinstance(arm, str) or not arm:
            raise NoCounts(BlindReason.BAD_ANSWER, "a row has no arm: nobody knows whose requests these are")
        if arm in found:
            raise NoCounts(BlindReason.BAD_ANSWER, f"the query has two rows for {arm[:80]}; it needs: group by arm")
        try:
            found[arm] = _row(cells, "mean" if mean else said[0])
        except ValueError as error:
            found[arm] = Unreadable(BlindReason.NOT_A_NUMBER, str(error))
    return found


def _row(cells: Mapping[str, object], said: str) -> ArmRow:
    n = _count(cells["n"], "n")
    due = _count(cells["due"], "due") if "due" in cells else n
    if due < n:
        raise ValueError(f"n is {n} and due {due}; due are all of them, with a label or without")
    newest = None if cells.get("newest") is None else _time_ms(cells["newest"])
    if said == "mean":
        return ArmRow(n, _sum_of_mean(cells["value"], n), due, newest)
    if said == "value":
        return ArmRow(n, _bad_of_part(cells["value"], n), due, newest)
    count = _count(cells[said], said)
    if count > n:
        raise ValueError(f"{said} is {count}, more than n, which is {n}")
    return ArmRow(n, n - count if said == "successes" else count, due, newest)


def _sum_of_mean(cell: object, n: int) -> float:
    if n == 0 and cell is None:  # the mean of no row
        return 0.0
    mean = _number(cell, "value")
    if mean < 0:
        raise ValueError(f"value is {mean:g}; a mean that is compared is never below zero")
    return mean * n


def _bad_of_part(cell: object, n: int) -> int:
    if n == 0 and cell is None:  # the mean of no row
        return 0
    part = _number(cell, "value")
    if not 0.0 <= part <= 1.0:
        raise ValueError(f"value is {part}; it is the part that is bad, between 0 and 1")
    bad = round(part * n)
    if abs(bad - part * n) > max(_WHOLE, _WHOLE * n):
        raise ValueError(f"value is {part}, which of {n} is no whole number")
    return bad


def _count(cell: object, name: str) -> int:
    number = _number(cell, name)
    if number < 0 or number != int(number):
        raise ValueError(f"{name} is {number:g}, which is no count")
    return int(number)


def _number(cell: object, name: str) -> float:
    number = math.nan
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        with suppress(OverflowError):
            number = float(cell)
    if not math.isfinite(number):
        shown = "NULL" if cell is None else repr(cell)[:40]
        raise ValueError(f"{name} is {shown}, which is no number")
    if abs(number) > COUNT_MAX:
        raise ValueError(f"{name} is more than any count, {COUNT_MAX:.0e}")
    return number


def _time_ms(cell: object) -> int:
    """A time as databases say it: with or without a zone (then UTC), as text, or in Unix seconds."""
    at = cell
    if isinstance(cell, str):
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError(f"newest is {cell[:40]!r}, which is no time") from None
    if isinstance(at, datetime):
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    return round(_number(cell, "newest") * 1000)
