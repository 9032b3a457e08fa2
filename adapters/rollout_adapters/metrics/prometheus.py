"""Reads counters from a Prometheus (or a relative with its query API), both arms at one explicit moment.

Raw counters only, never ``rate`` or ``increase``; no retries; a reading's connection is its own and ends with it. An
answer with warnings is half an answer. A cap that trips blinds the arms that tripped it: the others are asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from prometheus_api_client import PrometheusConnect
from pydantic import Field, field_validator

from rollout_adapters.metrics.answers import Row, check_answer, parse_rows, why
from rollout_adapters.metrics.line import NO_RETRY, Line
from rollout_adapters.metrics.promql import batches, down_query, samples_query
from rollout_adapters.metrics.series import SERIES_MAX, Blind, Sample, readings
from rollout_adapters.metrics.timing import DurationMs, SourceOptions, Url
from rollout_adapters.options import check_options
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Question, Unreadable

THREADS = 4
TOO_MUCH = (BlindReason.TOO_MANY_SERIES, BlindReason.TOO_BIG)


class PrometheusOptions(SourceOptions):
    """What a Prometheus source can be told.

    ``max_age`` should be two of its scrape intervals. ``params`` go with every query (``nocache=1`` for
    VictoriaMetrics, ``partial_response=false`` for Thanos). ``max_skew`` is how far its clock may be from ours.
    """

    url: Url
    params: dict[str, str] = Field(default_factory=dict)
    allow_warnings: bool = False
    max_skew: DurationMs = 10_000

    @field_validator("params")
    @classmethod
    def _ours(cls, params: dict[str, str]) -> dict[str, str]:
        if {"query", "time"} & params.keys():
            raise ValueError("query and time are the daemon's own")
        return params


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading under way: its question, moment, connection, and when it must be over (monotonic seconds)."""

    question: Question
    at_ms: int
    line: Line
    client: PrometheusConnect
    until_s: float


def make(name: str, options: Mapping[str, object]) -> PrometheusSource:
    """A source that asks the Prometheus at ``url``. Raises BadOption."""
    return PrometheusSource(name, check_options(PrometheusOptions, options, f"Source {name} (prometheus)"))


class PrometheusSource:
    """One Prometheus. Queries run in a few threads of its own, so that a slow one delays nobody else."""

    def __init__(self, name: str, options: PrometheusOptions) -> None:
        self.name = name
        self.every_ms = options.every
        self.max_age_ms = options.max_age_ms
        self._options = options
        self._url = options.url.rstrip("/")
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"source-{name}")
        self._lines: set[Line] = set()

    async def read(self, question: Question, deadline_s: float) -> Answer:
        """One selector for all arms, then which of their targets are down; all evaluated at one moment."""
        at_ms = time.time_ns() // 1_000_000
        line = Line(self._options.request_headers(), self._options.ca_file)
        self._lines.add(line)
        until_s = time.monotonic() + deadline_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline_s):
                by_arm = await loop.run_in_executor(self._threads, self._work, question, at_ms, line, until_s)
        except TimeoutError:
            return Answer.unreadable(question, at_ms, BlindReason.TIMEOUT, f"no answer within {deadline_s:g} s")
        finally:
            line.cut()
            self._lines.discard(line)
        return Answer(at_ms, by_arm)

    async def close(self) -> None:
        """Cut what is under way and let the threads go."""
        for line in self._lines:
            line.cut()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, question: Question, at_ms: int, line: Line, until_s: float) -> dict[str, ArmReading]:
        """The whole reading, in one thread."""
        client = PrometheusConnect(url=self._url, session=line.session, retry=NO_RETRY)
        line.own(self._url)
        reading = _Reading(question, at_ms, line, client, until_s)
        by_arm: dict[str, ArmReading] = {}
        try:
            for arms in batches(question.arm_values):
                by_arm |= self._batch(reading, arms)
        finally:
            line.close()
        return by_arm

    def _batch(self, reading: _Reading, arms: Sequence[str]) -> dict[str, ArmReading]:
        """These arms, in halves when together they are too much; a cap is the fault of the arm that trips it alone."""
        try:
            return self._arms(reading, arms)
        except Blind as blind:
            if blind.why.reason in TOO_MUCH and len(arms) > 1:
                half = len(arms) // 2
                return self._batch(reading, arms[:half]) | self._batch(reading, arms[half:])
            return dict.fromkeys(arms, blind.why)

    def _arms(self, reading: _Reading, arms: Sequence[str]) -> dict[str, ArmReading]:
        template = reading.question.template
        rows = self._ask(reading, samples_query(template, arms, 2 * self.max_age_ms))
        samples = list(self._exposed([row.newest() for row in rows], reading.at_ms))
        by_arm = readings(Question(template, frozenset(arms)), samples)
        jobs = {row.labels["job"] for row in rows if "job" in row.labels}
        down = self._ask(reading, down_query(template.arm_label, arms, jobs))
        for arm in arms:
            reason = _down(arm, template.arm_label, rows, down) or self._stale(by_arm[arm], reading.at_ms)
            by_arm[arm] = reason or by_arm[arm]
        return by_arm

    def _ask(self, reading: _Reading, query: str) -> list[Row]:
        """One query. Raises Blind for every way in which it can fail."""
        left_s = reading.until_s - time.monotonic()
        if left_s <= 0:
            raise Blind(BlindReason.TIMEOUT, "the time was used up by other queries")
        params = {**self._options.params, "time": f"{reading.at_ms / 1000:.3f}"}
        sent_s = time.time()
        try:
            result = reading.client.custom_query(query, params=params, timeout=left_s)
        except Exception as error:  # noqa: BLE001  three libraries with an error tree each; why() knows them all
            raise why(error, reading.line.status, reading.line.body) from None
        check_answer(reading.line.body, allow_warnings=self._options.allow_warnings)
        self._check_skew(reading.line.date_s, (sent_s + time.time()) / 2)
        if len(result) > SERIES_MAX:
            raise Blind(BlindReason.TOO_MANY_SERIES, f"the answer has {len(result)} series, at most {SERIES_MAX}")
        return parse_rows(result)

    def _check_skew(self, date_s: float | None, ours_s: float) -> None:
        """Compare clocks where the answer has a date (in whole seconds: half a second either way proves nothing)."""
        if date_s is None:
            return
        skew_s = date_s + 0.5 - ours_s
        if abs(skew_s) > self._options.max_skew / 1000 + 0.5:
            raise Blind(BlindReason.CLOCK_SKEW, f"its clock is {skew_s:+.0f} s from ours")

    def _exposed(self, samples: Sequence[Sample], at_ms: int) -> Iterator[Sample]:
        """Leave out old series whose own target has fresh ones: that target was restarted and shows them no more."""
        oldest_ms = at_ms - self.max_age_ms
        alive = {_target(sample.labels) for sample in samples if sample.sampled_at_ms >= oldest_ms}
        return (s for s in samples if s.sampled_at_ms >= oldest_ms or _target(s.labels) not in alive - {None})

    def _stale(self, reading: ArmReading, at_ms: int) -> Unreadable | None:
        if not isinstance(reading, Counted):
            return None
        age_ms = at_ms - max(point.sampled_at_ms for point in reading.total)
        if age_ms <= self.max_age_ms:
            return None
        return Unreadable(BlindReason.STALE, f"its newest sample is {age_ms / 1000:.1f} s old")


def _target(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """Which scraped target a series is from, where that can be known."""
    return (labels["job"], labels["instance"]) if "job" in labels and "instance" in labels else None


def _down(arm: str, arm_label: str, rows: Sequence[Row], down: Sequence[Row]) -> Unreadable | None:
    """Whether a target of this arm is down: one labelled as the arm, or one that its series came from."""
    mine = {_target(row.labels) for row in rows if row.labels.get(arm_label) == arm} - {None}
    for row in down:
        if row.labels.get(arm_label) == arm or _target(row.labels) in mine:
            return Unreadable(BlindReason.TARGET_DOWN, f"target {row.labels.get('instance', '?')} is down (up is 0)")
    return None
