"""What must still be told, in a SQLite file of its own beside the journal; everything in it can be derived again.

It is not in the journal's own file, so that telling people never stands in the writer's queue before an abort. It holds
how far the journal was read, the incidents that are open there, and each message with every notifier that is due it:
one transaction for the three. A power cut may set it back as a whole; then the same messages are derived with the same
ids. It decides nothing and sends nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from rolloutd import codec, sql_outbox
from rolloutd.core.incidents import Incident, Message, Turn
from rolloutd.crashpoints import CrashPoint, reach
from rolloutd.reader import Reader
from rolloutd.store import Store
from rolloutd.writer import Writer

KEPT_MS = 7 * 86_400_000
"""How long a message that is over (told or dead) can be looked at."""
READ_AT_ONCE = 100
MIGRATIONS = Migrations("outbox")


@MIGRATIONS(name="001_first")
def _first(db: Database) -> None:
    db.table("cursor").create({"id": int, "seq": int}, pk="id", not_null={"id", "seq"}, strict=True)
    incident = {"rollout": str, "body": str}
    db.table("incident").create(incident, pk="rollout", not_null=incident, strict=True)
    message = {
        "number": int,
        "notifier": str,
        "id": str,
        "rollout": str,
        "turn": str,
        "body": str,
        "state": str,
        "error": str,
    }
    message |= {"state": str, "error": str, "made_clock_ms": int, "due_clock_ms": int, "tries": int}
    db.table("message").create(message, pk="number", not_null=message, strict=True)
    db.table("message").create_index(["notifier", "id"], unique=True)
    db.table("message").create_index(["notifier", "state", "due_clock_ms", "number"])
    reach(CrashPoint.IN_MIGRATION)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that one notifier has not taken yet, without its words. Times are on the rollout clock."""

    number: int
    rollout: str
    turn: Turn
    made_ms: int
    due_ms: int
    tries: int


@dataclass(frozen=True, slots=True)
class Step:
    """What reading the journal up to ``seq`` came to."""

    seq: int
    changed: Sequence[Incident] = ()
    closed: Sequence[str] = ()
    messages: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """How a notifier's post stands: what waits and since when, what was given up, the last error."""

    waiting: int = 0
    oldest_ms: int | None = None
    dead: int = 0
    error: str = ""


class Outbox:
    """Make it with ``open``."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def open(cls, path: Path) -> Outbox:
        """Open or make the file. Blocks: call it before the event loop has work. Raises the Store errors."""
        store = Store(path, "NORMAL", MIGRATIONS)
        store.prepare()
        return cls(Reader(store), Writer(store))

    async def read(self) -> tuple[int | None, dict[str, Incident]]:
        """How far the journal was read (None: never), and the incidents that are open there, by rollout."""
        return await self._reader.run(_read)

    async def keep(self, step: Step, notifiers: Callable[[Message], Sequence[str]], now_ms: int) -> None:
        """Take a step as a whole. A message that is known already, by its id, is not taken again."""
        due = [(name, message) for message in step.messages for name in notifiers(message)]
        rows = [(name, m.id, m.rollout, m.turn.value, codec.encode(m), now_ms, now_ms) for name, m in due]

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql_outbox.MOVE_CURSOR, (step.seq,))
            bodies = [(incident.rollout, codec.encode(incident)) for incident in step.changed]
            connection.executemany(sql_outbox.PUT_INCIDENT, bodies)
            connection.executemany(sql_outbox.CLOSE_INCIDENT, [(name,) for name in step.closed])
            connection.executemany(sql_outbox.ADD_MESSAGE, rows)
            connection.execute(sql_outbox.FORGET, (now_ms - KEPT_MS,))

        await self._writer.run(job)

    async def waiting(self, notifier: str) -> list[Waiting]:
        """The first messages that a notifier has not taken, by when they are due; one rollout's keep their order."""
        return await self._reader.run(_waiting, notifier)

    async def words(self, waiting: Sequence[Waiting]) -> list[Message]:
        """What these say. Only what is sent is read: taking a hundred apart each time would be felt by an abort."""
        return await self._reader.run(_words, [one.number for one in waiting])

    async def told(self, numbers: Sequence[int], state: str = "told") -> None:
        """These are over: told, or ``merged`` into a later one."""
        rows = [(state, number) for number in numbers]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(sql_outbox.FINISH, rows)

        await self._writer.run(job)

    async def failed(self, numbers: Sequence[int], due_ms: int, error: str, *, dead: bool) -> None:
        """These were not taken; they are due again then, or given up."""
        rows = [("dead" if dead else "waiting", due_ms, error, number) for number in numbers]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(sql_outbox.FAIL, rows)
            if not dead:
                connection.executemany(sql_outbox.PUT_OFF, [(due_ms, number) for number in numbers])

        await self._writer.run(job)

    async def figures(self, notifier: str) -> Figures:
        """How this notifier's post stands."""
        return await self._reader.run(_figures, notifier)

    async def close(self) -> None:
        """Finish what was asked before, then let go of the file."""
        await self._reader.close()
        await self._writer.close()


def _read(db: Database) -> tuple[int | None, dict[str, Incident]]:
    cursor = db.execute(sql_outbox.READ_CURSOR).fetchone()
    rows = db.execute(sql_outbox.READ_INCIDENTS).fetchall()
    return (cursor[0] if cursor else None), {name: codec.decode(Incident, body) for name, body in rows}


def _waiting(db: Database, notifier: str) -> list[Waiting]:
    return [
        Waiting(number, rollout, Turn(turn), made_ms, due_ms, tries)
        for number, rollout, turn, made_ms, due_ms, tries in db.execute(sql_outbox.WAITING, [notifier, READ_AT_ONCE])
    ]


def _words(db: Database, numbers: list[int]) -> list[Message]:
    bodies = [db.execute(sql_outbox.BODY, [number]).fetchone()[0] for number in numbers]
    return [codec.decode(Message, body) for body in bodies]


def _figures(db: Database, notifier: str) -> Figures:
    waiting, oldest_ms, dead, error = db.execute(sql_outbox.FIGURES, {"notifier": notifier}).fetchone()
    return Figures(waiting or 0, oldest_ms, dead or 0, error or "")
