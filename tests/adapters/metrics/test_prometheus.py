"""What only a Prometheus can do to a reading: warnings, clocks, caps, quoting, true sample times, dead targets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rollout_adapters.metrics import prometheus
from rollout_adapters.metrics.prometheus import PrometheusSource
from rollout_adapters.metrics.series import SERIES_MAX
from rollout_adapters.metrics.templates import make_template
from rolloutd.core.metrics import Answer, BlindReason, Counted, MetricTemplate, Question, Unreadable
from tests.adapters.metrics.answers import by_query, row, success
from tests.adapters.metrics.rigs import ERRORS
from tests.engines.faulty_http import FaultyHTTP
from tests.engines.processes import READY_WITHIN_S
from tests.engines.prometheus import Prometheus, now_ms
from tests.engines.servers import ModelServer, ServerThread

DEADLINE_S = 10.0


@pytest.fixture
async def server() -> AsyncIterator[FaultyHTTP]:
    """Something that answers as a Prometheus does."""
    async with FaultyHTTP(content_type="application/json") as faulty:
        yield faulty


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus without targets."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with Prometheus(folder) as running:
        yield running


async def ask(url: str, *arms: str, template: MetricTemplate = ERRORS, **options: object) -> Answer:
    """One reading by a source made for it."""
    source = prometheus.make("prometheus", {"url": url, "max_age": "30s", **options})
    answer = await source.read(Question(template, frozenset(arms)), DEADLINE_S)
    await source.close()
    return answer


def reasons(answer: Answer) -> dict[str, BlindReason | None]:
    """Why each arm is unreadable; None for one that was read."""
    return {arm: getattr(reading, "reason", None) for arm, reading in answer.by_arm.items()}


async def test_a_warning_is_half_an_answer(server: FaultyHTTP) -> None:
    """A warning blinds, in its own words, unless the configuration allows warnings; mere infos do not."""
    server.body_for = by_query(lambda _: [row("a")], warnings=["one store did not answer"])
    answer = await ask(server.url, "a")
    assert reasons(answer) == {"a": BlindReason.PARTIAL}
    assert "one store did not answer" in repr(answer)
    assert reasons(await ask(server.url, "a", allow_warnings=True)) == {"a": None}
    server.body_for = by_query(lambda _: [row("a")], infos=["metric might not be a counter"])
    assert reasons(await ask(server.url, "a")) == {"a": None}


async def test_an_error_with_status_200(server: FaultyHTTP) -> None:
    """The answer's own status counts, also beside a full result."""
    server.body = success([row("a")]).replace(b'"success"', b'"error"')
    assert reasons(await ask(server.url, "a")) == {"a": BlindReason.BAD_ANSWER}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("NaN", BlindReason.NOT_A_NUMBER),
        ("+Inf", BlindReason.NOT_A_NUMBER),
        ("-Inf", BlindReason.NOT_A_NUMBER),
        ("3.5", BlindReason.BAD_ANSWER),
        ("-3", BlindReason.BAD_ANSWER),
        ("1_0", BlindReason.BAD_ANSWER),
        ("", BlindReason.BAD_ANSWER),
        (3, BlindReason.BAD_ANSWER),
        (None, BlindReason.BAD_ANSWER),
        ("3", None),
        ("3.0", None),
        ("1.5e+03", None),
    ],
)
async def test_values(server: FaultyHTTP, value: object, expected: BlindReason | None) -> None:
    """Only a whole number that is not negative counts requests."""
    server.body_for = by_query(lambda _: [row("a", value)])
    assert reasons(await ask(server.url, "a")) == {"a": expected}


@pytest.mark.parametrize("result", [[{}], [{"metric": {}, "values": []}], [{"metric": 3, "values": [[1, "1"]]}], [3]])
async def test_rows_of_another_form(server: FaultyHTTP, result: list[Any]) -> None:
    """A row that is no series blinds, such as a native histogram's."""
    server.body = success(result)
    assert reasons(await ask(server.url, "a")) == {"a": BlindReason.BAD_ANSWER}


async def test_the_same_series_twice(server: FaultyHTTP) -> None:
    """Two rows for one series are neither the first nor the last: they blind."""
    server.body_for = by_query(lambda _: [row("a"), row("a")])
    assert reasons(await ask(server.url, "a")) == {"a": BlindReason.BAD_ANSWER}


@pytest.mark.parametrize(
    ("ahead_s", "expected"), [(0, None), (5, None), (60, BlindReason.CLOCK_SKEW), (-60, BlindReason.CLOCK_SKEW)]
)
async def test_clocks_apart(server: FaultyHTTP, ahead_s: int, expected: BlindReason | None) -> None:
    """A clock that is further from ours than may be blinds."""
    server.body_for = by_query(lambda _: [row("a")])
    server.headers = {"date": format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)}
    assert reasons(await ask(server.url, "a")) == {"a": expected}


async def test_one_question_for_all_arms(server: FaultyHTTP) -> None:
    """All arms are asked for in one query, at one explicit moment, with the configured parameters."""
    server.body_for = by_query(lambda _: [row("a"), row("b")])
    answer = await ask(server.url, "a", "b", params={"nocache": "1"})
    asked = [parse_qs(urlsplit(head.split(" ")[1]).query) for head in server.requests]
    assert [query["time"] for query in asked] == [[f"{answer.read_at_ms / 1000:.3f}"]] * 2
    assert [query["nocache"] for query in asked] == [["1"]] * 2
    assert asked[0]["query"] == ['http_requests_total{slot=~"a|b"}[60000ms]']
    assert asked[1]["query"] == ['up{slot=~"a|b"} == 0']


async def test_a_cap_blinds_who_trips_it(server: FaultyHTTP) -> None:
    """Of many arms in one question, the one with too many series is found, and the others are read."""
    arms = [f"m{number}" for number in range(8)]
    flood = [row("m5", path=str(number)) for number in range(SERIES_MAX + 1)]

    def samples(head: str) -> list[dict[str, Any]]:
        return [found for arm in arms if arm in head for found in (flood if arm == "m5" else [row(arm)])]

    server.body_for = by_query(samples)
    assert reasons(await ask(server.url, *arms)) == dict.fromkeys(arms) | {"m5": BlindReason.TOO_MANY_SERIES}


async def test_many_arms_fit_into_addresses(server: FaultyHTTP) -> None:
    """A thousand arms are asked for in pieces that any proxy takes, and every one gets its own counters."""
    arms = [f"model-{number:04}.v2" for number in range(1_000)]
    server.body_for = by_query(lambda head: [row(arm) for arm in arms if arm.replace(".", "%5C%5C.") in head])
    assert reasons(await ask(server.url, *arms)) == dict.fromkeys(arms)
    assert max(len(head) for head in server.requests) < 8_000


@pytest.mark.real
async def test_arms_are_quoted(real: Prometheus) -> None:
    """An arm's value is a text, whatever signs are in it: it selects its own series and nothing else."""
    odd = ["a.b", "a+b|c", 'a"b', "a\\b", "a{b}", "a b-c#d&e~f", "a\nb", "(ü)$^*?[x]"]
    near = ["aXb", "a", "c", "ab"]
    labels = {"__name__": "http_requests_total", "code": "200"}
    at_ms = now_ms()
    real.write(({**labels, "slot": arm}, float(number), at_ms) for number, arm in enumerate([*odd, *near]))
    answer = await ask(real.url, *odd)
    values = {
        arm: [point.value for point in reading.total]
        for arm, reading in answer.by_arm.items()
        if isinstance(reading, Counted)
    }
    assert values == {arm: [float(number)] for number, arm in enumerate(odd)}


@pytest.mark.real
async def test_a_bad_question_is_no_answer(real: Prometheus) -> None:
    """What a real Prometheus refuses comes back in its own words."""
    template = make_template("python.errors", arm_label="no-label")
    answer = await ask(real.url, "a", template=template)
    assert reasons(answer) == {"a": BlindReason.BAD_ANSWER}
    assert "parse error" in repr(answer)


@pytest.mark.real
async def test_a_histogram_and_its_bucket(real: Prometheus) -> None:
    """Count and bucket come in one answer; a histogram without the wanted bucket blinds instead of reading as zero."""
    at_ms = now_ms()
    for slot, bounds in (("h1", ("0.1", "0.25", "+Inf")), ("h2", ("0.1", "1.0", "+Inf"))):
        real.write([({"__name__": "http_request_seconds_count", "slot": slot}, 9, at_ms)])
        buckets = ({"__name__": "http_request_seconds_bucket", "slot": slot, "le": bound} for bound in bounds)
        real.write((labels, 7, at_ms) for labels in buckets)
    answer = await ask(real.url, "h1", "h2", template=make_template("python.latency", slo_ms=250))
    good = answer.by_arm["h1"]
    assert isinstance(good, Counted)
    assert ([point.value for point in good.total], [point.value for point in good.part]) == ([9], [7])
    assert reasons(answer)["h2"] is BlindReason.NO_SERIES


@pytest.mark.real
async def test_series_of_a_restarted_target(real: Prometheus) -> None:
    """An old series beside fresh ones of its own target is shown no more; an old one of a silent target is stale."""
    at_ms, labels = now_ms(), {"__name__": "http_requests_total", "job": "restarts", "slot": "r"}
    reborn, silent = {**labels, "instance": "1"}, {**labels, "instance": "2"}
    real.write([({**reborn, "code": "200"}, 5, at_ms), ({**reborn, "code": "500"}, 2, at_ms - 40_000)])
    answer = await ask(real.url, "r")
    reading = answer.by_arm["r"]
    assert isinstance(reading, Counted)
    assert (len(reading.total), len(reading.part)) == (1, 0)
    real.write([({**silent, "code": "200"}, 5, at_ms - 40_000)])
    reading = (await ask(real.url, "r")).by_arm["r"]
    assert isinstance(reading, Counted)
    assert min(point.sampled_at_ms for point in reading.total) == at_ms - 40_000


@pytest.mark.real
@pytest.mark.slow
async def test_a_scraped_target(tmp_path: Path) -> None:
    """By real scraping: true counts and true sample times, and soon after the server's death its arm is down."""
    model = ModelServer("a")
    model.codes.update({200: 30, 500: 4})
    with ServerThread(model) as thread, Prometheus(tmp_path, [(model.address, {})]) as scraping:
        source = prometheus.make("prometheus", {"url": scraping.url, "max_age": "5s"})
        reading = await _until(source, Counted)
        assert isinstance(reading, Counted)
        assert sum(point.value for point in reading.total) == 34
        assert [point.value for point in reading.part] == [4]
        at_ms = reading.total[0].sampled_at_ms
        stamps = scraping.query('http_requests_total{code="200"}[1m]')[0]["values"]
        assert at_ms in {round(float(at_s) * 1000) for at_s, _ in stamps}
        thread.down(model)
        dead = await _until(source, Unreadable)
        assert isinstance(dead, Unreadable)
        assert dead.reason is BlindReason.TARGET_DOWN
        await source.close()


async def _until(source: PrometheusSource, wanted: type[Counted | Unreadable]) -> object:
    """The first reading of arm ``a`` that is ``wanted``; the first scrape takes a real Prometheus some seconds."""
    reading: object = None
    for _ in range(round(READY_WITHIN_S / 0.05)):
        reading = (await source.read(Question(ERRORS, frozenset({"a"})), DEADLINE_S)).by_arm["a"]
        if isinstance(reading, wanted):
            break
        await asyncio.sleep(0.05)
    return reading
