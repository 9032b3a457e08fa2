"""Prediction logs as a metric source of kind ``predictions``: counts of pairs and labels, from files and a socket.

It answers for metrics of pairs, labels and drift alone. A sample is as old as the arm's last pair, or its last answer
where no pair is asked for: without new ones it grows old, and what rests on it goes blind. It opens files and socket
at the first question, and keeps nothing on disk.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from rollout_adapters.metrics.timing import DurationMs, SteadyWall
from rollout_adapters.options import AdapterOptions, check_options
from rollout_adapters.predictions.bins import BinBook
from rollout_adapters.predictions.formats import FORMATS, Reader, reader_of
from rollout_adapters.predictions.ingest import Ingest
from rollout_adapters.predictions.joiner import ArmCounts, Joiner, Timed
from rollout_adapters.predictions.labels import LabelBook
from rollout_adapters.predictions.record import BadRecord, Record, Said
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
    lacking_labels,
)

_SLICE = 1_000  # records that are joined before others have a turn
_FILES_MAX = 50
_BOOKS_MAX = 8
_DUE = "labels_due_total"
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
    ``tolerance`` is how far two numbers may differ and still agree. Of ripe answers at least ``least_labelled`` must
    have a label.
    """

    every: DurationMs = 10_000
    max_age: DurationMs | None = None
    files: tuple[LogFile, ...] = Field(default=(), max_length=_FILES_MAX)
    listen: str = ""
    listen_format: Format = "rolloutd"
    window: DurationMs | None = None
    tolerance: float = Field(default=0.0, ge=0.0)
    most_waiting: int = Field(default=100_000, ge=1_000, le=5_000_000)
    least_labelled: float = Field(default=0.8, gt=0.0, le=1.0)

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

    @property
    def stretch_ms(self) -> int:
        """Answers that came in one such stretch of time are compared in their order: of ``scrape_interval``."""
        return max(self.every, self.max_age_ms // 2)


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
        self.books: dict[int, LabelBook] = {}
        self.bins: dict[tuple[str, ...], BinBook] = {}
        self._options = options
        self._tails = [(Tail(file.path), reader_of(file.format, file.arm)) for file in options.files]
        read = reader_of(options.listen_format, "")
        self._ingest = Ingest(options.listen, lambda lines: self._take(lines, read)) if options.listen else None
        self._filling: asyncio.Task[str] | None = None
        self.malformed = 0

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """Read what is new, join it, and answer for every asked arm."""
        template = question.template
        if template.slo_ms is not None:
            self.joiner.watch_latency(template.slo_ms)
        if not self._has_book(template):
            what = "labels are asked for at" if template.ripens else "answers are told apart in"
            detail = f"{what} more than {_BOOKS_MAX} {'ages' if template.ripens else 'ways'}"
            return Answer.unreadable(question, self.clock.now_ms(), BlindReason.TOO_BIG, detail)
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill(), name=f"read {self.name}")
        # A question that is given up must not lose what was read for it.
        trouble = await asyncio.shield(self._filling)
        now_ms = self.clock.now_ms()
        if trouble:
            return Answer.unreadable(question, now_ms, BlindReason.UNREACHABLE, trouble)
        self.joiner.expire(now_ms)
        if template.ripens:
            self.books[template.ripe_ms].ripen(now_ms)
        return Answer(now_ms, {arm: self._reading(template, arm, now_ms) for arm in question.arm_values})

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

    async def _join(self, said: Sequence[Said]) -> None:
        for start in range(0, len(said), _SLICE):
            self._add(said[start : start + _SLICE])
            await asyncio.sleep(0)

    def _take(self, lines: Sequence[bytes], read: Reader) -> tuple[int, int]:
        said, malformed = parse(lines, read)
        self.malformed += malformed
        self._add(said)
        return len(said), malformed

    def _add(self, said: Sequence[Said]) -> None:
        now_ms = self.clock.now_ms()
        self.joiner.add([line for line in said if isinstance(line, Record)], now_ms)
        for book in self.books.values():
            book.add(said, now_ms)
        for bins in self.bins.values():
            bins.add(said, now_ms)

    def _has_book(self, template: MetricTemplate) -> bool:
        """Whether what this metric needs beside pairs is counted, from now on at the latest."""
        most, ripe_ms, bins = self._options.most_waiting, template.ripe_ms, template.bins
        if template.kind is GateKind.DRIFT:
            if bins not in self.bins and len(self.bins) < _BOOKS_MAX:
                self.bins[bins] = BinBook(bins, template.edges, most)
            return bins in self.bins
        if template.ripens and ripe_ms not in self.books and len(self.books) < _BOOKS_MAX:
            self.books[ripe_ms] = LabelBook(ripe_ms, most, self._options.tolerance)
        if template.of_order and ripe_ms in self.books:
            self.books[ripe_ms].watch_order(self._options.stretch_ms)
        return not template.ripens or ripe_ms in self.books

    def _spread(self, template: MetricTemplate, arm: str) -> ArmReading:
        """An arm's answers by their class."""
        counts = self.bins[template.bins].arms.get(arm)
        if counts is None:
            return Unreadable(BlindReason.NO_SERIES, f"no answer of {arm} was logged yet")
        labels, at_ms = f'arm="{arm}",from="{counts.from_ms}"', counts.record_at_ms
        part = (template.bad or template.total).series
        return Counted(
            (Point(f"{template.total.series}{{{labels}}}", float(counts.n), at_ms),),
            tuple(
                Point(f'{part}{{{labels},{template.class_label}="{name}"}}', float(n), at_ms)
                for name, n in counts.by_bin.items()
            ),
        )

    def _labelled(self, template: MetricTemplate, arm: str, now_ms: int) -> ArmReading:
        counts = self.books[template.ripe_ms].arms.get(arm)
        if counts is None:
            return Unreadable(BlindReason.NO_SERIES, f"no answer of {arm} was logged yet")
        if counts.dropped_at_ms is not None and now_ms - counts.dropped_at_ms <= self.max_age_ms:
            detail = f"more answers of {arm} wait for their labels than most_waiting allows"
            return Unreadable(BlindReason.TOO_BIG, detail)
        figures = _of_labels(template, self.books[template.ripe_ms], arm)
        if isinstance(figures, Unreadable):
            return figures
        lacking = lacking_labels(arm, *counts.coverage, self._options.least_labelled)
        if lacking is not None and template.total.series != _DUE:
            return lacking
        n, bad = figures
        series, at_ms = f'{{arm="{arm}",from="{counts.from_ms}"}}', counts.record_at_ms
        part = template.bad or template.total
        total = Point(template.total.series + series, float(n), at_ms)
        return Counted((total,), (Point(part.series + series, bad, at_ms),))

    def _reading(self, template: MetricTemplate, arm: str, now_ms: int) -> ArmReading:
        if template.ripens:
            return self._labelled(template, arm, now_ms)
        if template.kind is GateKind.DRIFT:
            return self._spread(template, arm)
        if not template.kind.of_pairs:
            detail = f"{template.name} is no metric of pairs, labels or drift, and these are predictions"
            return Unreadable(BlindReason.BAD_ANSWER, detail)
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


def parse(lines: Iterable[bytes], read: Reader) -> tuple[list[Said], int]:
    """What these lines say, and how many were no records. A line of which the reader makes nothing is neither."""
    records: list[Said] = []
    malformed = 0
    for line in lines:
        try:
            record = read(line)
        except BadRecord:
            malformed += 1
            continue
        if record is not None:
            records.append(record)
    return records, malformed


def _new(tail: Tail, read: Reader) -> tuple[list[Said], int]:
    return parse(tail.lines(), read)


def _of_labels(template: MetricTemplate, book: LabelBook, arm: str) -> tuple[int, float] | Unreadable:
    """What the template counts of an arm's ripe answers, or why that says nothing now."""
    counts = book.arms[arm]
    if template.total.series == _DUE:
        return counts.due, float(counts.missing)
    if template.kind is GateKind.MEAN:
        unscored = counts.unscored(arm)
        return Unreadable(BlindReason.BAD_ANSWER, unscored) if unscored else (counts.scored, counts.squared)
    if template.of_order and book.order is not None:
        if unordered := counts.unordered(arm):
            return Unreadable(BlindReason.BAD_ANSWER, unordered)
        if lacking := book.order.lacking(arm):
            return Unreadable(BlindReason.PARTIAL, lacking)
        order = book.order.counts(arm)
        return order.pairs, float(order.misordered)
    return counts.labelled, float(counts.wrong)


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
