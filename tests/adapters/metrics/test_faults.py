"""The sources against an outside that is slow, broken or hostile: each fault gets its name, in time, in flat memory."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable

import pytest

from rollout_adapters.metrics import prometheus, scrape
from rollout_adapters.metrics.series import BODY_MAX_BYTES
from rolloutd.core.metrics import Answer, BlindReason, Counted, Question, Unreadable
from rolloutd.ports import MetricSource
from tests.adapters.metrics.answers import by_query, row
from tests.adapters.metrics.rigs import ERRORS
from tests.engines.faulty_http import Fault, FaultyHTTP

ASKED = Question(ERRORS, frozenset({"a", "b"}))
DEADLINE_S = 0.3
PATIENT_S = 20.0
PAGE = b'http_requests_total{slot="a",code="200"} 3\nhttp_requests_total{slot="b",code="200"} 3\n'
HTML = b"<!doctype html><html><body>Please sign in</body></html>\n"


@pytest.fixture
async def server() -> AsyncIterator[FaultyHTTP]:
    """A server that answers both sources well until it is told otherwise."""
    async with FaultyHTTP() as faulty:
        yield faulty


@pytest.fixture(params=["scrape", "prometheus"])
async def source(request: pytest.FixtureRequest, server: FaultyHTTP) -> AsyncIterator[MetricSource]:
    """Each source in turn, pointed at the server."""
    made: MetricSource
    if request.param == "scrape":
        server.body = PAGE
        made = scrape.make("pages", {"targets": [{"url": server.url}]})
    else:
        server.content_type = "application/json"
        server.body_for = by_query(lambda _: [row("a"), row("b")])
        made = prometheus.make("prometheus", {"url": server.url})
    yield made
    await made.close()


def reasons(answer: Answer) -> set[BlindReason | None]:
    """Why the arms are unreadable; None for one that was read."""
    assert answer.by_arm.keys() == ASKED.arm_values
    return {reading.reason if isinstance(reading, Unreadable) else None for reading in answer.by_arm.values()}


async def soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within a few seconds."""
    for _ in range(1_000):
        if condition():
            return True
        await asyncio.sleep(0.005)
    return False


async def test_a_good_answer(source: MetricSource) -> None:
    """Without a fault both arms are read."""
    assert reasons(await source.read(ASKED, PATIENT_S)) == {None}


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.TRICKLE, Fault.TRICKLE_HEAD])
async def test_slow_is_a_timeout(source: MetricSource, server: FaultyHTTP, fault: Fault) -> None:
    """The deadline is for the whole reading, whatever trickles; then the connection is closed, not left behind."""
    server.fault = fault
    started_s = time.monotonic()
    assert reasons(await source.read(ASKED, DEADLINE_S)) == {BlindReason.TIMEOUT}
    assert time.monotonic() - started_s < PATIENT_S / 4
    assert await soon(lambda: server.open_now == 0)


async def test_slow_readings_use_nothing_up(source: MetricSource, server: FaultyHTTP) -> None:
    """After many readings that ran out of time, the next one is served."""
    server.fault = Fault.TRICKLE
    answers = await asyncio.gather(*(source.read(ASKED, DEADLINE_S) for _ in range(12)))
    assert {reason for answer in answers for reason in reasons(answer)} == {BlindReason.TIMEOUT}
    server.fault, server.body = Fault.NONE, PAGE
    assert reasons(await source.read(ASKED, PATIENT_S)) == {None}


async def test_giving_up_closes_the_connection(source: MetricSource, server: FaultyHTTP) -> None:
    """A reading that is cancelled leaves no connection open."""
    server.fault = Fault.TRICKLE_HEAD
    reading = asyncio.create_task(source.read(ASKED, PATIENT_S))
    assert await soon(lambda: bool(server.requests))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await soon(lambda: server.open_now == 0)


async def test_huge_answers_are_cut(source: MetricSource, server: FaultyHTTP) -> None:
    """Of an endless answer no more is read than may be, and memory stays flat."""
    server.fault = Fault.HUGE
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reasons(await source.read(ASKED, PATIENT_S)) == {BlindReason.TOO_BIG}
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) * 1024
    assert grown_bytes < 8 * BODY_MAX_BYTES
    assert await soon(lambda: server.open_now == 0)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.RESET, {BlindReason.UNREACHABLE}),
        (Fault.HANG_UP, {BlindReason.UNREACHABLE}),
        (Fault.GARBAGE, {BlindReason.BAD_ANSWER}),
        (Fault.TRUNCATED, {BlindReason.BAD_ANSWER}),
    ],
)
async def test_broken_connections(
    source: MetricSource, server: FaultyHTTP, fault: Fault, expected: set[BlindReason]
) -> None:
    """An answer that breaks off or is no HTTP is not taken for anything else, and nothing is tried again."""
    server.fault = fault
    assert reasons(await source.read(ASKED, PATIENT_S)) == expected
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, BlindReason.DENIED),
        (403, BlindReason.DENIED),
        (302, BlindReason.BAD_ANSWER),
        (404, BlindReason.BAD_ANSWER),
        (429, BlindReason.BAD_ANSWER),
        (500, BlindReason.BAD_ANSWER),
        (503, BlindReason.BAD_ANSWER),
    ],
)
async def test_refusals(source: MetricSource, server: FaultyHTTP, status: int, expected: BlindReason) -> None:
    """Any status but 200 is no answer; it is asked once, and a redirect is not followed."""
    server.status, server.headers = status, {"location": "/elsewhere"}
    assert reasons(await source.read(ASKED, PATIENT_S)) == {expected}
    assert len(server.requests) == 1


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/json"])
@pytest.mark.parametrize("body", [HTML, b'{"status": "succ', b"[" * 200_000, b"\xff\xfe\n", b'{"a": 1}\n', b"null\n"])
async def test_answers_of_another_kind(
    source: MetricSource, server: FaultyHTTP, body: bytes, content_type: str
) -> None:
    """A sign-in page or half an answer with status 200 blinds; it is never a page without errors."""
    server.body, server.body_for, server.content_type = body, None, content_type
    assert reasons(await source.read(ASKED, PATIENT_S)) == {BlindReason.BAD_ANSWER}


async def test_nobody_there(source: MetricSource, server: FaultyHTTP) -> None:
    """A closed port blinds at once, and a server that comes back is read again."""
    await server.stop()
    expected = BlindReason.TARGET_DOWN if isinstance(source, scrape.ScrapeSource) else BlindReason.UNREACHABLE
    assert reasons(await source.read(ASKED, PATIENT_S)) == {expected}
    await server.__aenter__()
    assert reasons(await source.read(ASKED, PATIENT_S)) == {None}


Make = Callable[[str, dict[str, object]], MetricSource]


@pytest.mark.parametrize("make", [prometheus.make, scrape.make])
async def test_secrets_are_sent_and_not_told(server: FaultyHTTP, make: Make) -> None:
    """A token and headers go with the request; no answer, no error and no text of the source holds them."""
    where: dict[str, object] = {"url": server.url} if make is prometheus.make else {"targets": [{"url": server.url}]}
    source = make("guarded", {**where, "token": "s3cret", "headers": {"X-Scope-OrgID": "t3nant"}})
    server.status = 401
    answer = await source.read(ASKED, PATIENT_S)
    await source.close()
    assert "Bearer s3cret" in server.requests[0]
    assert "x-scope-orgid: t3nant" in server.requests[0].lower()
    assert "s3cret" not in repr(answer) + repr(vars(source))
    assert "t3nant" not in repr(answer) + repr(vars(source))


@pytest.mark.parametrize("make", [prometheus.make, scrape.make])
async def test_a_name_without_an_address(make: Make) -> None:
    """A host that nobody knows is unreachable, which is not the same as a target that is down."""
    url = "http://no-such-host.invalid:9090"
    source = make("lost", {"url": url} if make is prometheus.make else {"targets": [{"url": url}]})
    assert reasons(await source.read(ASKED, PATIENT_S)) == {BlindReason.UNREACHABLE}
    await source.close()


async def test_read_values_are_those_sent(source: MetricSource) -> None:
    """The positive control of this page: the good answer holds the numbers that the server sent."""
    answer = await source.read(ASKED, PATIENT_S)
    totals = [reading.total[0].value for reading in answer.by_arm.values() if isinstance(reading, Counted)]
    assert totals == [3, 3]
