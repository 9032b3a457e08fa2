"""Two databases alike for the tests of the SQL source: a table of answers, a table of labels, and a clock to turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rollout_adapters.registry import make_source
from rollout_adapters.sql.source import SqlSource
from rolloutd.core.metrics import Answer, ArmReading, Counted, GateKind, MetricTemplate, Question, Selector
from tests.engines.postgres import READER_PASSWORD, Postgres

START_MS = 1_800_000_000_000
RIPE_MS = 60_000
ARMS = frozenset({"a", "b"})
COUNTED = """
select a.arm, count(l.label) as n, sum(case when l.label <> a.answer then 1 else 0 end) as bad, count(*) as due
from answers a left join labels l on l.request_id = a.request_id
where a.asked_at >= :since and a.asked_at < :until group by a.arm
"""
_TABLES = (
    "create table answers (request_id text primary key, arm text, asked_at {time}, answer text)",
    "create table labels (request_id text, label text)",
)


class Hands:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.at_ms = START_MS

    def now_ms(self) -> int:
        """The time that was set."""
        return self.at_ms


class SqliteRig:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "answers.db"
        for table in _TABLES:
            self.execute(table.format(time="text"))
        self.execute("pragma journal_mode = wal")
        self.options: dict[str, object] = {"sqlite": str(self.file)}
        self.slow = "with recursive t(i) as (select 1 union all select i + 1 from t) select count(*) from t"

    def execute(self, statement: str, *rows: tuple[object, ...]) -> None:
        """Carry out a statement, once for each of the rows."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            if rows:
                connection.executemany(statement.replace("%s", "?"), rows)
            else:
                connection.execute(statement)

    def time(self, at_ms: int) -> object:
        """A time as the table has it."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def close(self) -> None:
        """Nothing is open."""


class PostgresRig:
    """Two tables of a server that others use, too."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        for table in _TABLES:
            server.execute(table.format(time="timestamptz"))
        server.execute("grant select on answers, labels to reader")
        self.options: dict[str, object] = {"postgres": server.conninfo(), "password": READER_PASSWORD}
        self.slow = "select pg_sleep(60)"

    def execute(self, statement: str, *rows: tuple[object, ...]) -> None:
        """Carry out a statement as the tables' owner, once for each of the rows."""
        self.server.execute(statement, *rows)

    def time(self, at_ms: int) -> object:
        """A time as the table has it."""
        return datetime.fromtimestamp(at_ms / 1000, UTC)

    def close(self) -> None:
        """Drop what was made."""
        self.server.execute("drop table if exists answers, labels")


Rig = SqliteRig | PostgresRig


class Asked:
    """A source on a rig, and the answers and labels that are written there."""

    def __init__(self, rig: Rig, **options: object) -> None:
        self.rig = rig
        self.clock = Hands()
        self.options = {"every": "1s", "max_age": "5s", **rig.options, **options}
        self.source = self.begin()
        self._count = 0

    def begin(self) -> SqlSource:
        """A source that knows nothing yet, as after a restart."""
        made = make_source("sql", "warehouse", self.options)
        assert isinstance(made, SqlSource)
        made.clock = self.clock  # type: ignore[assignment]  # it only tells the time
        self.source = made
        return made

    def answers(self, arm: str, at_ms: int, labels: Sequence[str | None]) -> list[str]:
        """Write answers ``cat`` that were given at this time, each with its label or none yet; returns their ids."""
        ids = [f"r{self._count + n}" for n in range(len(labels))]
        self._count += len(labels)
        rows = [(name, arm, self.rig.time(at_ms), "cat") for name in ids]
        self.rig.execute("insert into answers values (%s, %s, %s, %s)", *rows)
        self.label(ids, labels)
        return ids

    def label(self, ids: Sequence[str], labels: Sequence[str | None]) -> None:
        """Write labels."""
        said = [(name, label) for name, label in zip(ids, labels, strict=True) if label is not None]
        if said:
            self.rig.execute("insert into labels values (%s, %s)", *said)

    async def ask(self, query: str = COUNTED, kind: GateKind = GateKind.PROPORTION) -> Answer:
        """What the source says now."""
        asked = Selector(query)
        template = MetricTemplate("wrong", kind, "arm", asked, bad=asked, ripe_ms=RIPE_MS)
        return await self.source.read(Question(template, ARMS), 5.0)

    async def figures(self, query: str = COUNTED) -> dict[str, tuple[float, float]]:
        """Counted and bad of each arm that has counters now."""
        return {arm: counted(reading) for arm, reading in (await self.ask(query)).by_arm.items() if _has(reading)}


def _has(reading: ArmReading) -> bool:
    return isinstance(reading, Counted)


def counted(reading: ArmReading) -> tuple[float, float]:
    """All and bad of a counted arm."""
    assert isinstance(reading, Counted), reading
    return reading.total[0].value, reading.part[0].value
