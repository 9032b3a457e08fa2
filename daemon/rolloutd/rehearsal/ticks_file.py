"""Reads recorded tick counts from CSV or JSON lines, strictly and with the line of every fault; it judges nothing.

A line is one tick of one metric: ``time_s`` (left out: one tick after the line before of this metric), ``metric`` (may
be left out where the plan has one gate), ``champion_n``, ``champion_bad``, ``challenger_n``, ``challenger_bad``, and
``note``, which says why there is no data in a tick that has none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rolloutd.core.plan import Plan
from rolloutd.rehearsal.plan_file import Unusable

LINES_MAX = 2_000_000
_COUNTS = ("champion_n", "champion_bad", "challenger_n", "challenger_bad")
_KEYS = frozenset({"time_s", "metric", "note", *_COUNTS})
_NEXT = f"Keys of a line: {', '.join(sorted(_KEYS))}."


@dataclass(frozen=True, slots=True)
class Counts:
    """One tick of one metric, at a time on the recording's own clock. ``note`` is why it is blind."""

    at_ms: int
    metric: str
    champion_n: int
    champion_bad: int
    challenger_n: int
    challenger_bad: int
    note: str = ""


def read_ticks(text: str, file: str, plan: Plan) -> list[Counts]:
    """All ticks, in the order of time. Raises Unusable with the line that cannot be used."""
    known = {gate.metric: gate.every_ms for gate in plan.gates}
    only = next(iter(known)) if len(known) == 1 else None
    found: list[Counts] = []
    last = dict.fromkeys(known, 0)
    for number, row in _rows(text, file):
        where = f"{file}, line {number}"
        unknown = sorted(set(row) - _KEYS)
        if unknown:
            raise Unusable(f"{where} has the unknown key {unknown[0]!r}.", _NEXT)
        metric = row.get("metric") or only
        if not isinstance(metric, str) or metric not in known:
            raise Unusable(f"{where} names no metric of the plan.", f"Its gates are on {', '.join(known)}.")
        at_ms = _time(row, where) if row.get("time_s") not in (None, "") else last[metric] + known[metric]
        if at_ms <= last[metric] and last[metric]:
            raise Unusable(f"{where} is not later than the line before of {metric}.", "Sort the lines by time_s.")
        last[metric] = at_ms
        found.append(Counts(at_ms, str(metric), *_counts(row, where), str(row.get("note") or "")))
    if not found:
        raise Unusable(f"{file} has no ticks.", _NEXT)
    return sorted(found, key=lambda one: one.at_ms)


def _rows(text: str, file: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Line numbers with their keys."""
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        raise Unusable(f"{file} has more than {LINES_MAX:,} lines.", "Add ticks together first.")
    first = next((line for line in lines if line.strip()), "")
    if not first.lstrip().startswith("{"):
        reader = csv.DictReader(io.StringIO(text), strict=True)
        try:
            for row in reader:
                yield reader.line_num, {key or "?": value for key, value in row.items()}
        except csv.Error as error:
            raise Unusable(f"{file}, line {reader.line_num} is not CSV: {error}.", _NEXT) from error
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unusable(f"{file}, line {number} is not JSON: {error}.", _NEXT) from error
        if not isinstance(row, dict):
            raise Unusable(f"{file}, line {number} is not an object.", _NEXT)
        yield number, row


def _time(row: Mapping[str, object], where: str) -> int:
    value = _number(row["time_s"], "time_s", where)
    return round(value * 1000)


def _counts(row: Mapping[str, object], where: str) -> tuple[int, int, int, int]:
    blind = bool(row.get("note"))
    found = []
    for key in _COUNTS:
        value = row.get(key)
        if value in (None, "") and blind:
            found.append(0)
            continue
        number = _number(value, key, where)
        if number != int(number):
            raise Unusable(f"{where}: {key} is a whole number, not {value!r}.", _NEXT)
        found.append(int(number))
    n0, x0, n1, x1 = found
    if x0 > n0 or x1 > n1:
        raise Unusable(f"{where} has more bad requests than requests.", "bad is a part of n, in each arm.")
    return n0, x0, n1, x1


def _number(value: object, key: str, where: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not 0.0 <= number < 1e15:
        raise Unusable(f"{where}: {key} is a number from 0 up, not {value!r}.", _NEXT)
    return number
