"""The same fleet as the stock widgets of the toolkit would show it: httpx, server-sent events, a DataTable.

``python -m bench.rig.stock_screen DIR``. Written the way its manual suggests, with what is cheap (fixed column widths,
a cell updated only where it changed); it is what our own screen is measured against, and has no actions.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import ClassVar

import httpx
from httpx_sse import aconnect_sse
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Static

COLUMNS = (("STATE", 15), ("ROLLOUT", 22), ("STAGE", 6), ("ON NEW", 7), ("ROUTER", 8), ("WORST", 24), ("NEXT", 20))
Row = dict[str, object]


def cells(row: Row) -> tuple[str, ...]:
    """One row as its cells."""
    asked, observed = float(str(row["asked"])), float(str(row["observed"]))
    return (
        str(row["state"]).upper(), f"{row['name']}", f"{row['stage']}/{row['stages']}", f"{asked:.1%}",
        f"{observed:.2%}", str(row["worst"]), str(row["next"]),
    )  # fmt: skip


class Stock(App[None]):
    """A table of the fleet and a line with the age of the last word."""

    BINDINGS: ClassVar[list[BindingType]] = [("j", "down", "Down"), ("k", "up", "Up"), ("q", "quit", "Quit")]

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._heard_s = time.monotonic()
        self._known: dict[str, tuple[str, ...]] = {}

    def compose(self) -> ComposeResult:
        """Line, table, footer."""
        yield Static("rolloutd", id="line")
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        """Columns, then listen."""
        table = self.query_one(DataTable)
        for name, width in COLUMNS:
            table.add_column(name, key=name, width=width)
        self.set_interval(1.0, self._age)
        self._listening = asyncio.create_task(self._listen())

    def _age(self) -> None:
        self.query_one("#line", Static).update(f"rolloutd  LIVE {time.monotonic() - self._heard_s:.0f}s")

    async def _listen(self) -> None:
        transport = httpx.AsyncHTTPTransport(uds=f"{self._folder}/view.sock")
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://rolloutd", timeout=None) as client,
            aconnect_sse(client, "GET", "/v1/events") as source,
        ):
            async for event in source.aiter_sse():
                self._heard_s = time.monotonic()
                if event.event == "snapshot":
                    self._all(json.loads(event.data)["rollouts"])
                elif event.event == "row":
                    self._one(json.loads(event.data))

    def _all(self, rows: list[Row]) -> None:
        table = self.query_one(DataTable)
        for row in rows:
            self._known[str(row["name"])] = cells(row)
            table.add_row(*map(Text, cells(row)), key=str(row["name"]))
        table.focus()

    def _one(self, row: Row) -> None:
        table, name = self.query_one(DataTable), str(row["name"])
        fresh, before = cells(row), self._known[name]
        self._known[name] = fresh
        for (column, _), new, old in zip(COLUMNS, fresh, before, strict=True):
            if new != old:
                table.update_cell(name, column, Text(new))

    def action_down(self) -> None:
        """The cursor one row down."""
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        """The cursor one row up."""
        self.query_one(DataTable).action_cursor_up()


if __name__ == "__main__":
    Stock(sys.argv[1]).run()
