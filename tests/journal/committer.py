"""A process to be killed: for each line on its input it forks a child that commits without end and says what was kept.

Forking from a warm process makes a kill cheap. ``python -m tests.journal.committer FOLDER``; the child's first line is
its process id, each later one ``stream version`` of an acknowledged append. ``dead`` follows when it is gone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from rolloutd.core.values import Instant
from rolloutd.evidence_sqlite import SqliteEvidence
from rolloutd.evidence_store import EvidenceRow
from rolloutd.journal_sqlite import SqliteJournal
from tests.journal.events import append

STREAMS = ("a", "b", "c", "d")


def say(line: str) -> None:
    """One line in one write, so that a kill cannot cut it."""
    os.write(1, f"{line}\n".encode())


async def commit_for_ever(folder: Path) -> None:
    """Append to all streams at once, and evidence beside them, until somebody kills this process."""
    journal = SqliteJournal.open(folder / "journal.db")
    evidence = SqliteEvidence.open(folder / "evidence.db")

    async def one_stream(stream: str) -> None:
        for version in count(len(await journal.load(stream))):
            await append(journal, stream, version, version)
            say(f"{stream} {version + 1}")

    async def gate() -> None:
        stored = await evidence.load("r")
        for tick in count(stored["g"].tick + 1 if stored else 1):
            await evidence.save([EvidenceRow("r", "g", tick, f'{{"tick":{tick}}}', Instant(tick, 0), float(tick))])
            say(f"tick {tick}")
            await asyncio.sleep(0.001)

    await asyncio.gather(gate(), *map(one_stream, STREAMS))


def main() -> None:
    """Serve one child for each line, until the input ends."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            say(str(os.getpid()))
            asyncio.run(commit_for_ever(Path(sys.argv[1])))
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main()
