"""SQL as a metric source of kind ``sql``: asks each metric's query for one window of ripe requests after the other.

A window ends where requests are as old as the metric says (``ripe``), for both arms alike, and begins where the last
one ended, so each request counts once. One that could not be read is read again, longer, with the next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, model_validator

from rollout_adapters.metrics.timing import DurationMs, SteadyWall
from rollout_adapters.options import AdapterOptions, check_options
from rollout_adapters.sql import postgres, sqlite
from rollout_adapters.sql.ledger import Ledger
from rollout_adapters.sql.rows import NoCounts, read_rows
from rolloutd.core.metrics import Answer, BlindReason, GateKind, MetricTemplate, Question

_AT_ONCE = 2
_LEDGERS_MAX = 500
_GAP_MS = 600_000
"""A query that nobody asked for so long begins anew, rather than with one endless window."""


class SqlOptions(AdapterOptions):
    """What a source of kind sql can be told: ``sqlite`` (a file) or ``postgres`` (a connection string, no password).

    ``timeout`` is the longest time of one query. Of an arm's ripe requests at least ``least_labelled`` must have a
    label, where the query says how many were ``due``.
    """

    every: DurationMs = 60_000
    max_age: DurationMs | None = None
    sqlite: Path | None = None
    postgres: str = ""
    password: SecretStr | None = None
    timeout: DurationMs = 5_000
    least_labelled: float = Field(default=0.8, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _one(self) -> SqlOptions:
        if (self.sqlite is None) == (not self.postgres):
            raise ValueError("it needs exactly one of sqlite and postgres")
        if self.sqlite is not None and not self.sqlite.is_absolute():
            raise ValueError("sqlite is a whole path, from the first / on")
        if self.sqlite is not None and self.password is not None:
            raise ValueError("password belongs to postgres; a file has none")
        if self.postgres:
            try:
                fault = postgres.fault_in(self.postgres)
            except ImportError:
                raise ValueError("postgres needs the driver psycopg; install rolloutd[postgres]") from None
            if fault is not None:
                raise ValueError(f"postgres: {fault}")
        return self

    @property
    def max_age_ms(self) -> int:
        """The oldest age of a usable sample."""
        return 2 * self.every if self.max_age is None else self.max_age


def make(name: str, options: Mapping[str, object]) -> SqlSource:
    """A source that asks a database. Raises BadOption."""
    return SqlSource(name, check_options(SqlOptions, options, f"Source {name} (sql)"))


class SqlSource:
    """One database. Counts are kept in memory: after a restart they begin anew, as those of a restarted server do."""

    def __init__(self, name: str, options: SqlOptions) -> None:
        self.name = name
        self.clock = SteadyWall()
        self._options = options
        self._ledgers: dict[MetricTemplate, Ledger] = {}
        self._turns: dict[MetricTemplate, asyncio.Lock] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Ask for the requests that are ripe since the last time, and answer for every asked arm."""
        template = question.template
        if not template.ripens:
            detail = f"{template.name} is no query, and this is a database"
            return Answer.unreadable(question, self.clock.now_ms(), BlindReason.BAD_ANSWER, detail)
        if len(self._turns) >= _LEDGERS_MAX and template not in self._turns:
            detail = f"more than {_LEDGERS_MAX} queries are asked of {self.name}"
            return Answer.unreadable(question, self.clock.now_ms(), BlindReason.TOO_BIG, detail)
        async with self._turns.setdefault(template, asyncio.Lock()), self._few:
            try:
                await self._turn(template, min(deadline_s, self._options.timeout / 1000))
            except NoCounts as trouble:
                why = trouble.why
                return Answer.unreadable(question, self.clock.now_ms(), why.reason, why.detail)
            now_ms = self.clock.now_ms()
            least, age_ms = self._options.least_labelled, self._options.max_age_ms
            return Answer(now_ms, self._ledgers[template].readings(question.arm_values, now_ms, age_ms, least))

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _turn(self, template: MetricTemplate, deadline_s: float) -> None:
        """Read one window more. Raises NoCounts, and then the window is as it was."""
        ledger = self._ledgers.setdefault(template, Ledger())
        until_ms = self.clock.now_ms() - template.ripe_ms
        if ledger.until_ms is not None and until_ms - ledger.until_ms > _GAP_MS + 2 * self._options.max_age_ms:
            ledger = self._ledgers[template] = Ledger()
        since_ms = until_ms - self._options.max_age_ms if ledger.until_ms is None else ledger.until_ms
        if until_ms <= since_ms:
            return
        names, rows = await self._ask(template.total.series, since_ms, until_ms, deadline_s)
        read = read_rows(names, rows, mean=template.kind is GateKind.MEAN)
        ledger.take(read, until_ms, self.clock.now_ms())

    async def _ask(self, query: str, since_ms: int, until_ms: int, deadline_s: float) -> sqlite.Table:
        options = self._options
        if options.sqlite is not None:
            return await asyncio.to_thread(sqlite.ask, options.sqlite, query, since_ms, until_ms, deadline_s)
        password = None if options.password is None else options.password.get_secret_value()
        return await postgres.ask(options.postgres, password, query, since_ms, until_ms, deadline_s)
