"""The daemon's real server over a made-up fleet, in a process of its own; nothing is behind its rows.

``python -m bench.rig.show DIR ROWS``: listens in DIR until stdin ends. A line ``N`` on stdin makes N of the first rows
change each second from then on. The rows are cached as the daemon caches them, so the server costs what it costs.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from rolloutd import wire
from rolloutd.access import Access, Roles
from rolloutd.server import LocalServer
from rolloutd.sockets import open_listeners
from tests.server.fake_service import NOW, FakeService, picture

VISIBLE = 20
FIRST = "first"


def name_of(number: int) -> str:
    """A rollout's name; the first is the most urgent one."""
    return f"{FIRST}-{number:04}" if number < VISIBLE else f"model-{number:04}"


class Shown(FakeService):
    """A fleet whose rows are ready, and change when told to."""

    def __init__(self, rows: int) -> None:
        super().__init__(picture(name_of(0)))
        self._rows = {name_of(number): self._row(number, 0) for number in range(rows)}

    def _row(self, number: int, turn: int) -> wire.FleetRow:
        """A row whose every turn changes one cell: what the router shows, or the worst signal."""
        seen, urgent = turn // VISIBLE, number < VISIBLE
        share, worst = 0.1 + ((seen + 1) // 2 % 10) / 1000, 50 + seen // 2 % 40
        return wire.FleetRow(
            name=name_of(number), model=name_of(number), champion="v41", challenger="v42",
            state="harm" if urgent else "collecting", phase="running", revision=300 + turn, needs_you=urgent,
            ended=False, stage=1, stages=4, asked=0.1, observed=share, worst=f"errors harm {worst}%",
            next="50% in ~1h52m", who="ci", as_of=NOW,
        )  # fmt: skip

    def row(self, name: str) -> wire.FleetRow | None:
        """One line."""
        return self._rows.get(name)

    def fleet(self, filter_text: str, limit: int) -> wire.Fleet:
        """All lines."""
        rows = list(self._rows.values())
        return wire.Fleet(as_of=NOW, rollouts=rows[:limit], total=len(rows), needs_you=VISIBLE)

    def turn(self, at: int) -> None:
        """One of the first rows looks different."""
        number = at % VISIBLE
        self._rows[name_of(number)] = self._row(number, at)
        self.feed.publish(name_of(number))


async def serve(folder: Path, rows: int) -> None:
    """Answer until stdin ends."""
    service, stop = Shown(rows), asyncio.Event()
    server = LocalServer(service, Access(Roles()), open_listeners(folder, None, {}))
    running = asyncio.create_task(server.run(stop))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    rate, turn = 0, 0
    line = asyncio.create_task(reader.readline())
    while True:
        await asyncio.wait({line}, timeout=1 / rate if rate else None)
        if line.done():
            told = line.result()
            if not told:
                break
            rate, line = int(told), asyncio.create_task(reader.readline())
        elif rate:
            turn += 1
            service.turn(turn)
    stop.set()
    with suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
