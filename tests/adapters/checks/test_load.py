"""The load check against real servers: one that is fine, one that is slow, one that is wrong, one that is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

import pytest

from rollout_adapters.checks.load import make
from rollout_adapters.options import BadOption
from rollout_adapters.traffic.prober import HttpProber
from rolloutd.core.values import Slot
from rolloutd.ports import Case, CheckFinding, RouteConfig, RouteSlot
from tests.engines.receiver import Posted, Receiver, Reply

CASE = Case("ranker-v42", "ranker", "v41", "v42", "ranker", Slot.B)
OPTIONS: dict[str, object] = {
    "rps": 40.0, "lasts": "500ms", "path": "/predict", "body": "{}", "within": "1s", "warm_up": 3
}  # fmt: skip


@contextmanager
def challenger(answer: Callable[[Posted], Reply]) -> Iterator[tuple[Receiver, HttpProber]]:
    """A challenger's server in slot b; the champion's address answers nobody."""
    with Receiver(answer) as server:
        slots = {Slot.A: RouteSlot("a", "http://127.0.0.1:1/"), Slot.B: RouteSlot("b", f"{server.url}/healthz")}
        yield server, HttpProber({"ranker": RouteConfig("ranker", "edge", slots)})


async def load(prober: HttpProber, **more: object) -> CheckFinding:
    """What it finds."""
    return await make("load", {**OPTIONS, **more}, prober).examine(CASE)


async def test_a_server_that_bears_it_passes_and_the_numbers_are_told() -> None:
    """Twenty counted requests after three that warm up, all to the challenger's own server."""
    with challenger(lambda _: (200, {}, b"{}")) as (server, prober):
        found = await load(prober)
    assert (found.answered, found.passed) == (True, True)
    assert found.detail.startswith("20 requests at ")
    assert "0 wrong or unanswered, 95% within " in found.detail
    assert [posted.path for posted in server.posted] == ["/predict"] * 23


async def test_a_server_whose_answers_are_too_slow_does_not_pass() -> None:
    """Its 95th of 100 answers is over the limit."""

    def slow(_: Posted) -> Reply:
        sleep(0.12)
        return 200, {}, b"{}"

    with challenger(slow) as (_, prober):
        found = await load(prober, within="100ms")
    assert (found.answered, found.passed) == (True, False)


async def test_wrong_answers_count_and_some_may_be() -> None:
    """A tenth of the answers is wrong: with one percent allowed it does not pass, with half it does."""

    def now_and_then(_: Posted) -> Reply:
        count.append(1)
        return (500 if len(count) % 10 == 0 else 200), {}, b"{}"

    count: list[int] = []
    with challenger(now_and_then) as (_, prober):
        strict, loose = await load(prober), await load(prober, most_bad=50)
    assert (strict.passed, loose.passed) == (False, True)
    assert "2 wrong or unanswered" in strict.detail


async def test_a_server_that_is_gone_passes_nothing() -> None:
    """I3: not one answer is a no, with how many were asked."""
    slots = {slot: RouteSlot(slot.value, f"http://127.0.0.1:{9 + n}/") for n, slot in enumerate(Slot)}
    found = await load(HttpProber({"ranker": RouteConfig("ranker", "edge", slots)}))
    assert (found.answered, found.passed) == (True, False)
    assert "none was answered rightly" in found.detail


@pytest.mark.parametrize("options", [{"lasts": "soon"}, {"rps": 0}, {"path": "x"}, {"rps": 5000}, {"users": 3}])
def test_options_that_are_none(options: dict[str, object]) -> None:
    """Each is refused with its key."""
    with pytest.raises(BadOption):
        make("load", options, HttpProber({}))
