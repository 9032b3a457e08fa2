"""Prediction logs as a metric source: real files that grow, a real socket, and every way of not knowing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from rollout_adapters.metrics.templates import make_template
from rollout_adapters.options import BadOption
from rollout_adapters.predictions.ingest import BODY_MAX_BYTES, CONNECTIONS_MAX
from rollout_adapters.predictions.source import PredictionSource
from rollout_adapters.registry import make_source
from rolloutd.core.metrics import ArmReading, BlindReason, Counted, Question, Unreadable
from tests.engines.processes import free_port

ARMS = frozenset({"a", "b"})
Make = Callable[..., PredictionSource]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes sources that are closed in the end; by default one that follows ``log`` in the test's folder."""
    made: list[PredictionSource] = []

    def source(**options: object) -> PredictionSource:
        told = {"files": [{"path": str(tmp_path / "log")}], "every": "5s", "max_age": "20s", **options}
        found = make_source("predictions", "answers", told)
        assert isinstance(found, PredictionSource)
        made.append(found)
        return found

    (tmp_path / "log").touch()
    yield source
    for found in made:
        await found.close()


def line(request: int, arm: str, **more: object) -> str:
    """One line of a log."""
    return json.dumps({"request_id": f"r{request}", "arm": arm, **more}) + "\n"


def pairs(count: int, first: int = 0, **of_b: object) -> str:
    """Lines of both arms."""
    each = range(first, first + count)
    return "".join(line(n, "a", output="cat") + line(n, "b", **{"output": "cat", **of_b}) for n in each)


def write(path: Path, text: str) -> None:
    """Add to a log."""
    with path.open("a") as log:
        log.write(text)


async def ask(source: PredictionSource, template: str, arm: str, slo_ms: float | None = None) -> ArmReading:
    """What the source says of one arm."""
    question = Question(make_template(template, None, slo_ms), ARMS)
    return (await source.read(question, 1.0)).by_arm[arm]


def figures(reading: ArmReading) -> tuple[float, float]:
    """All and bad of a counted arm."""
    assert isinstance(reading, Counted), reading
    return reading.total[0].value, reading.part[0].value


async def test_pairs_are_counted_by_what_each_metric_asks(make: Make, tmp_path: Path) -> None:
    """Agreement, failures and slowness of one and the same pairs."""
    source = make()
    assert isinstance(await ask(source, "pairs.errors", "b"), Unreadable)
    await ask(source, "pairs.slow", "b", 50.0)
    write(tmp_path / "log", pairs(8, latency_ms=10) + pairs(2, 8, output="dog") + pairs(1, 10, status=500))
    write(tmp_path / "log", line(11, "a", latency_ms=10) + line(11, "b", latency_ms=90))
    assert figures(await ask(source, "pairs.agreement", "b")) == (12, 3)
    assert figures(await ask(source, "pairs.errors", "b")) == (12, 1)
    assert figures(await ask(source, "pairs.errors", "a")) == (12, 0)
    assert figures(await ask(source, "pairs.slow", "b", 50.0)) == (1, 1)


async def test_what_was_logged_before_the_first_question_counts_for_nothing(make: Make, tmp_path: Path) -> None:
    """A rollout is judged on its own time."""
    write(tmp_path / "log", pairs(5))
    source = make()
    await ask(source, "pairs.errors", "b")
    write(tmp_path / "log", pairs(3, 100))
    assert figures(await ask(source, "pairs.errors", "b")) == (3, 0)


async def test_a_line_counts_once_it_is_whole(make: Make, tmp_path: Path) -> None:
    """A server that is in the middle of its write is not misread."""
    source, log = make(), tmp_path / "log"
    await ask(source, "pairs.errors", "b")
    whole = pairs(1)
    write(log, whole[:-20])
    assert isinstance(await ask(source, "pairs.errors", "b"), Unreadable)
    write(log, whole[-20:])
    assert figures(await ask(source, "pairs.errors", "b")) == (1, 0)
    assert source.malformed == 0


@pytest.mark.parametrize("how", ["moved", "truncated"])
async def test_a_rotated_log_goes_on(make: Make, tmp_path: Path, how: str) -> None:
    """Moved away and made anew, or cut to nothing: the next lines count, and those before stay counted."""
    source, log = make(), tmp_path / "log"
    await ask(source, "pairs.errors", "b")
    write(log, pairs(4))
    if how == "moved":
        log.rename(tmp_path / "log.1")
        log.write_text(pairs(2, 50))
    else:
        assert figures(await ask(source, "pairs.errors", "b")) == (4, 0)
        os.truncate(log, 0)
        write(log, pairs(2, 50))
    assert figures(await ask(source, "pairs.errors", "b")) == (6, 0)


async def test_two_logs_are_one_join(make: Make, tmp_path: Path) -> None:
    """Each server writes its own, and names no arm: the configuration does."""
    files = [{"path": str(tmp_path / arm), "arm": arm} for arm in ("a", "b")]
    for arm in ("a", "b"):
        (tmp_path / arm).touch()
    source = make(files=files)
    await ask(source, "pairs.errors", "b")
    for arm in ("a", "b"):
        write(tmp_path / arm, "".join(line(n, "").replace('"arm": ""', '"x": 1') for n in range(3)))
    assert figures(await ask(source, "pairs.errors", "b")) == (3, 0)


async def test_a_log_that_is_not_there_blinds_and_heals(make: Make, tmp_path: Path) -> None:
    """No file is no zero."""
    source = make(files=[{"path": str(tmp_path / "gone")}])
    reading = await ask(source, "pairs.errors", "b")
    assert isinstance(reading, Unreadable)
    assert (reading.reason, "gone" in reading.detail) == (BlindReason.UNREACHABLE, True)
    (tmp_path / "gone").touch()
    await ask(source, "pairs.errors", "b")
    write(tmp_path / "gone", pairs(1))
    assert figures(await ask(source, "pairs.errors", "b")) == (1, 0)


async def test_answers_without_pairs_say_what_is_missing(make: Make, tmp_path: Path) -> None:
    """Two servers that log ids of their own: no pair, no zero, and a sentence that helps."""
    source = make()
    await ask(source, "pairs.errors", "b")
    write(tmp_path / "log", line(1, "a") + line(2, "b"))
    reading = await ask(source, "pairs.errors", "b")
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.NO_SERIES
    assert "request id" in reading.detail


@pytest.mark.parametrize("key", ["output", "latency_ms", "label"])
async def test_a_number_that_no_float_holds_disturbs_nobody(make: Make, tmp_path: Path, key: str) -> None:
    """I3, I6: an error that came through the source was a broken job, and ended the daemon."""
    source = make()
    await ask(source, "pairs.agreement", "b")
    write(tmp_path / "log", f'{{"request_id": "big", "arm": "a", "{key}": 1{"0" * 400}}}\n' + pairs(3))
    assert figures(await ask(source, "pairs.agreement", "b")) == (3, 0)


async def test_a_sample_is_as_old_as_its_last_pair(make: Make, tmp_path: Path) -> None:
    """Asking again makes nothing younger: what grows old there goes blind in the core."""
    source = make()
    await ask(source, "pairs.errors", "b")
    write(tmp_path / "log", pairs(1))
    first = await ask(source, "pairs.errors", "b")
    await asyncio.to_thread(os.sync)
    again = await ask(source, "pairs.errors", "b")
    assert isinstance(first, Counted)
    assert isinstance(again, Counted)
    assert again.total[0].sampled_at_ms == first.total[0].sampled_at_ms


async def test_coverage_counts_who_found_no_pair_once_the_window_is_over(make: Make, tmp_path: Path) -> None:
    """Not before: a log may be a moment late."""
    source = make(window="100ms")
    await ask(source, "pairs.coverage", "a")
    write(tmp_path / "log", pairs(3) + line(50, "a"))
    assert figures(await ask(source, "pairs.coverage", "a")) == (3, 0)
    deadline_ms = source.clock.now_ms() + 5_000
    while figures(await ask(source, "pairs.coverage", "a")) != (4, 1):
        assert source.clock.now_ms() < deadline_ms
        await asyncio.sleep(0.02)


async def test_more_than_may_wait_blinds_whose_it_is(make: Make, tmp_path: Path) -> None:
    """A cap that trips is told, and is no coverage of its own."""
    source = make(most_waiting=1_000)
    await ask(source, "pairs.errors", "a")
    write(tmp_path / "log", pairs(2) + "".join(line(n, "a") for n in range(100, 1_200)))
    reading = await ask(source, "pairs.errors", "a")
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.TOO_BIG
    assert figures(await ask(source, "pairs.errors", "b")) == (2, 0)


async def test_other_metrics_are_not_answered(make: Make) -> None:
    """A gate on requests that names this source is told so before anything starts."""
    reading = await ask(make(), "python.errors", "a")
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.BAD_ANSWER


async def test_records_come_over_http_on_loopback(make: Make) -> None:
    """One request with both arms' lines; what is no record is counted and told."""
    port = free_port()
    source = make(files=[], listen=f"127.0.0.1:{port}")
    await ask(source, "pairs.errors", "b")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answer = await client.post("/v1/predictions", content=pairs(3) + "nonsense\n")
        assert (answer.status_code, answer.json()) == (202, {"taken": 6, "refused": 1})
        assert (await client.post("/v1/predictions", content="nonsense")).status_code == 400
        assert (await client.get("/v1/predictions")).status_code == 405
        assert (await client.get("/v1/rollouts")).status_code == 404
        assert (await client.head("/v1/predictions")).status_code == 405
        big = await client.post("/v1/predictions", content=b"x" * (BODY_MAX_BYTES + 1))
        assert big.status_code == 413
    assert figures(await ask(source, "pairs.errors", "b")) == (3, 0)


async def test_records_come_over_a_unix_socket_of_its_own(make: Make, tmp_path: Path) -> None:
    """Beside the daemon's two, closed to others, gone with the source."""
    path = tmp_path / "in.sock"
    source = make(files=[], listen=str(path))
    await ask(source, "pairs.errors", "b")
    assert path.stat().st_mode & 0o777 == 0o660
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    async with httpx.AsyncClient(base_url="http://local", transport=transport) as client:
        assert (await client.post("/v1/predictions", content=pairs(2))).status_code == 202
    assert figures(await ask(source, "pairs.errors", "b")) == (2, 0)
    await source.close()
    assert not path.exists()


async def test_nonsense_and_a_crowd_on_the_socket_disturb_nobody(make: Make) -> None:
    """Bytes that are no HTTP, and more connections than there may be: the next sender is served."""
    port = free_port()
    source = make(files=[], listen=f"127.0.0.1:{port}")
    await ask(source, "pairs.errors", "b")
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX + 5)]
    crowd[0][1].write(b"\x00\xffnonsense\r\n\r\n")
    async with asyncio.timeout(5):
        assert await crowd[-1][0].read() == b""
    for _, writer in crowd:
        writer.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(200):
            try:
                answer = await client.post("/v1/predictions", content=pairs(1))
                break
            except httpx.HTTPError:
                await asyncio.sleep(0.02)
        else:
            raise AssertionError("nobody was served any more")
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs files to follow"),
        ({"listen": "0.0.0.0:9188"}, "loopback"),
        ({"listen": "9188"}, "loopback"),
        ({"files": [{"path": "/var/log/x", "format": "csv"}]}, "known formats are"),
        ({"files": [{"path": "/var/log/x"}], "every": "1s", "window": "5s"}, "window is longer"),
        ({"listen": "/run/x.sock", "most_waiting": 1}, "most_waiting"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    """Before anything is opened."""
    with pytest.raises(BadOption, match=said):
        make_source("predictions", "answers", options)
