"""Prediction logs as a metric source of kind ``predictions``: counts of pairs, from log files and a socket of its own.

It answers for metrics of pairs alone. A sample is as old as the arm's last pair: without new ones it grows old, and
what rests on it goes blind. It opens files and socket at the first question, and keeps nothing on disk.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from rollout_adapters.metrics.timing import DurationMs, SteadyWall
from rollout_adapters.options import AdapterOptions, check_options
from rollout_adapters.predictions.formats import FORMATS, reader_of
from rollout_adapters.predictions.ingest import Ingest
from rollout_adapters.predictions.joiner import ArmCounts, Joiner, Timed
from rollout_adapters.predictions.record import BadRecord, Record
from rollout_adapters.predictions.tail import Tail
from rolloutd.core.metrics import (
    Answer,
    ArmReading,
    BlindReason,
    Counted,
    GateKind,
    MetricTemplate,
    Point,
    Question,
    Unreadable,
)

_SLICE = 1_000  # records that are joined before others have a turn
_FILES_MAX = 50
Counts = tuple[int, int, int]
"""All, bad, and when the last of all came."""


def _format(value: str) -> str:
    if value not in FORMATS:
        raise ValueError(f"known formats are {', '.join(FORMATS)}")
    return value


Format = Annotated[str, AfterValidator(_format)]


class LogFile(AdapterOptions):
    """A log file. ``arm`` counts for records that name none."""

    path: Path
    format: Format = "rolloutd"
    arm: str = ""


class PredictionOptions(AdapterOptions):
    """What a source of predictions can be told.

    ``window`` is how long an answer waits for its pair (default and most: the age at which a sample is no data).
    ``tolerance`` is how far two numbers may differ and still agree.
    """

    every: DurationMs = 10_000
    max_age: DurationMs | None = None
    files: tuple[LogFile, ...] = Field(default=(), max_length=_FILES_MAX)
    listen: str = ""
    listen_format: Format = "rolloutd"
    window: DurationMs | None = None
    tolerance: float = Field(default=0.0, ge=0.0)
    most_waiting: int = Field(default=100_000, ge=1_000, le=5_000_000)

    @field_validator("listen")
    @classmethod
    def _local(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not value or value.startswith("/"):
            return value
        try:
            if ipaddress.ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65_536:
                return value
        except ValueError:
            pass
        raise ValueError("it is a unix socket's path, or a port on loopback such as 127.0.0.1:9188")

    @model_validator(mode="after")
    def _anything(self) -> PredictionOptions:
        if not self.files and not self.listen:
            raise ValueError("it needs files to follow, or a socket to listen on")
        if self.window_ms > self.max_age_ms:
            raise ValueError("window is longer than the age at which a sample is no data (two of scrape_interval)")
        return self

    @property
    def max_age_ms(self) -> int:
        """The oldest age of a usable sample."""
        return 2 * self.every if self.max_age is None else self.max_age

    @property
    def window_ms(self) -> int:
        """How long an answer waits for its pair."""
        return self.max_age_ms if self.window is None else self.window


def make(name: str, options: Mapping[str, object]) -> PredictionSource:
    """A source of pairs. Raises BadOption."""
    return PredictionSource(name, check_options(PredictionOptions, options, f"Source {name} (predictions)"))


class PredictionSource:
    """Files and a socket, one join. What is read is joined once, however many questions are asked at that moment."""

    def __init__(self, name: str, options: PredictionOptions) -> None:
        self.name = name
        self.max_age_ms = options.max_age_ms
        self.clock = SteadyWall()
        self.joiner = Joiner(options.window_ms, options.most_waiting, options.tolerance)
        self._tails = [(Tail(file.path), reader_of(file.format, file.arm)) for file in options.files]
        read = reader_of(options.listen_format, "")
        self._ingest = Ingest(options.listen, lambda lines: self._take(lines, read)) if options.listen else None
        self._filling: asyncio.Task[str] | None = None
        self.malformed = 0

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Read what is new, join it, and answer for every asked arm."""
        if question.template.slo_ms is not None:
            self.joiner.watch_latency(question.template.slo_ms)
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill(), name=f"read {self.name}")
        # A question that is given up must not lose what was read for it.
        trouble = await asyncio.shield(self._filling)
        now_ms = self.clock.now_ms()
        if trouble:
            return Answer.unreadable(question, now_ms, BlindReason.UNREACHABLE, trouble)
        self.joiner.expire(now_ms)
        return Answer(now_ms, {arm: self._reading(question.template, arm, now_ms) for arm in question.arm_values})

    async def close(self) -> None:
        """Let files and socket go."""
        if self._filling is not None:
            await asyncio.wait({self._filling})
        for tail, _ in self._tails:
            tail.close()
        if self._ingest is not None:
            await self._ingest.close()

    async def _fill(self) -> str:
        """Take in what is new; returns what is wrong, empty when nothing is."""
        trouble = ""
        if self._ingest is not None:
            try:
                await self._ingest.start()
            except OSError as error:
                trouble = f"its socket cannot be opened: {error.strerror or error}"
        for tail, read in self._tails:
            try:
                records, malformed = await asyncio.to_thread(_new, tail, read)
            except OSError as error:
                trouble = f"{tail.path}: {error.strerror or error}"
                continue
            self.malformed += malformed
            await self._join(records)
        return trouble

    async def _join(self, records: Sequence[Record]) -> None:
        for start in range(0, len(records), _SLICE):
            self.joiner.add(records[start : start + _SLICE], self.clock.now_ms())
            await asyncio.sleep(0)

    def _take(self, lines: Sequence[bytes], read: Callable[[bytes], Record | None]) -> tuple[int, int]:
        records, malformed = parse(lines, read)
        self.malformed += malformed
        self.joiner.add(records, self.clock.now_ms())
        return len(records), malformed

    def _reading(self, template: MetricTemplate, arm: str, now_ms: int) -> ArmReading:
        if not template.kind.of_pairs:
            return Unreadable(
                BlindReason.BAD_ANSWER, f"{template.name} is no metric of pairs, and these are predictions"
            )
        counts = self.joiner.arms.get(arm)
        if counts is None:
            return Unreadable(BlindReason.NO_SERIES, f"no answer of {arm} was logged yet")
        if counts.dropped_at_ms is not None and now_ms - counts.dropped_at_ms <= self.max_age_ms:
            detail = f"more answers of {arm} wait for their pairs than most_waiting allows"
            return Unreadable(BlindReason.TOO_BIG, detail)
        n, bad, at_ms = _figures(template, counts)
        if n == 0:
            known = f"{counts.records} answers of {arm} were logged, and none has a pair"
            return Unreadable(BlindReason.NO_SERIES, f"{known}: do both servers log the proxy's request id?")
        labels = f'{{arm="{arm}"}}'
        part = template.bad or template.total
        return Counted(
            (Point(template.total.series + labels, float(n), at_ms),),
            (Point(part.series + labels, float(bad), at_ms),),
        )


def parse(lines: Iterable[bytes], read: Callable[[bytes], Record | None]) -> tuple[list[Record], int]:
    """The records on these lines, and how many lines were none. A line of which the reader makes nothing is neither."""
    records, malformed = [], 0
    for line in lines:
        try:
            record = read(line)
        except BadRecord:
            malformed += 1
            continue
        if record is not None:
            records.append(record)
    return records, malformed


def _new(tail: Tail, read: Callable[[bytes], Record | None]) -> tuple[list[Record], int]:
    return parse(tail.lines(), read)


def _figures(template: MetricTemplate, counts: ArmCounts) -> Counts:
    """What the template counts of an arm."""
    if template.kind is GateKind.COVERAGE:
        return counts.due, counts.unpaired, counts.record_at_ms
    if template.kind is GateKind.AGREEMENT:
        return counts.answered, counts.differ, counts.pair_at_ms
    if template.slo_ms is not None:
        timed = counts.timed.get(template.slo_ms, Timed())
        return timed.pairs, timed.slow_alone, counts.pair_at_ms
    return counts.pairs, counts.failed_alone, counts.pair_at_ms
