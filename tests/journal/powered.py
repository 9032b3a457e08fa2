"""Appends to a journal event after event and says each that was acknowledged: the program whose writes are cut.

``python -m tests.journal.powered FOLDER COUNT SYNCHRONOUS``. It checkpoints far more often than the daemon does, so
that a short recording has all there is; NORMAL is for the control alone, which must lose something.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from rolloutd import store, writer
from rolloutd.journal_sqlite import SqliteJournal
from tests.journal.events import append

STREAMS = ("a", "b", "c")


async def run(folder: Path, count: int) -> None:
    """Append ``count`` events in turns, and say ``stream version`` once each is acknowledged."""
    journal = SqliteJournal.open(folder / "journal.db")
    for number in range(count):
        stream = STREAMS[number % len(STREAMS)]
        await append(journal, stream, number // len(STREAMS), number)
        os.write(1, f"{stream} {number // len(STREAMS) + 1}\n".encode())
    await journal.close()


def main() -> None:
    """Run once."""
    folder, count, synchronous = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    writer.CHECKPOINT_PAGES = 60
    if synchronous == "NORMAL":
        store._SYNCHRONOUS["FULL"] = store._SYNCHRONOUS["NORMAL"]  # every connection believes that it syncs
    asyncio.run(run(folder, count))


if __name__ == "__main__":
    main()
