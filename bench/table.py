"""One row and one table for every bench, so that figures can be compared; it measures nothing itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

NO_VALUE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: ``ok`` is None where nothing is demanded of it, ``value`` is None where it could not be measured."""

    name: str
    value: float | None
    unit: str
    goal: str = ""
    ok: bool | None = None

    @classmethod
    def at_most(cls, name: str, value: float | None, unit: str, limit: float) -> Row:
        """A row whose figure must not exceed ``limit``; a figure that could not be measured fails."""
        return cls(name, value, unit, f"<= {limit:g}", value is not None and value <= limit)

    @classmethod
    def at_least(cls, name: str, value: float | None, unit: str, limit: float) -> Row:
        """A row whose figure must reach ``limit``; a figure that could not be measured fails."""
        return cls(name, value, unit, f">= {limit:g}", value is not None and value >= limit)


def as_text(bench: str, rows: Sequence[Row]) -> str:
    """The table a person reads: name, figure, unit, goal and whether it was met, in columns."""
    cells = [("", "", "", "goal", "")]
    cells += [(row.name, _figure(row.value), row.unit, row.goal or NO_VALUE, _word(row.ok)) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    lines = [f"bench {bench}"]
    for name, value, unit, goal, word in cells:
        line = (
            f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {goal:<{widths[3]}}  {word:<{widths[4]}}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def as_json(bench: str, rows: Sequence[Row]) -> str:
    """The line a script reads: one object with the bench's name and its rows."""
    return json.dumps({"bench": bench, "rows": [asdict(row) for row in rows]})


def _figure(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _word(ok: bool | None) -> str:
    return {None: "", True: "ok", False: "MISSED"}[ok]
