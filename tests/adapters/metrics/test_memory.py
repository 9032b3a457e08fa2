"""The double's own levers: every way of not knowing on demand, restarts, vanished series, and the same answer twice."""

from __future__ import annotations

import pytest

from rollout_adapters.memory_metrics import MemorySource
from rolloutd.core.metrics import BlindReason, Counted, Question, Unreadable
from tests.adapters.metrics.rigs import ERRORS

ASKED = Question(ERRORS, frozenset({"a", "b"}))


def scripted() -> MemorySource:
    """Two arms with a few requests, at a moment that stands still."""
    source = MemorySource("memory", lambda: 1_000)
    source.count(ERRORS.name, "a", 10, 1)
    source.count(ERRORS.name, "a", 20, 2, instance="1")
    source.count(ERRORS.name, "b", 5)
    return source


@pytest.mark.parametrize("reason", BlindReason)
async def test_every_reason_on_demand(reason: BlindReason) -> None:
    """Each reason can be had for one arm or for all, until it is healed."""
    source = scripted()
    before = await source.read(ASKED, 1.0)
    source.fail(reason, "a", "told so")
    one = await source.read(ASKED, 1.0)
    assert one.by_arm == {"a": Unreadable(reason, "told so"), "b": before.by_arm["b"]}
    source.fail(reason)
    assert {getattr(reading, "reason", None) for reading in (await source.read(ASKED, 1.0)).by_arm.values()} == {reason}
    source.heal()
    assert await source.read(ASKED, 1.0) == before


async def test_the_same_script_gives_the_same_answers() -> None:
    """Two doubles that were told the same say the same."""
    assert await scripted().read(ASKED, 1.0) == await scripted().read(ASKED, 1.0)


async def test_a_restart_and_a_vanished_server() -> None:
    """A restarted server begins at zero without a series of failures; a vanished one has no series at all."""
    source = scripted()
    source.restart("a", instance="1")
    reading = (await source.read(ASKED, 1.0)).by_arm["a"]
    assert isinstance(reading, Counted)
    assert ([point.value for point in reading.total], [point.value for point in reading.part]) == ([10, 0], [1])
    source.vanish("a", instance="1")
    reading = (await source.read(ASKED, 1.0)).by_arm["a"]
    assert isinstance(reading, Counted)
    assert [point.value for point in reading.total] == [10]
    source.vanish("a")
    reading = (await source.read(ASKED, 1.0)).by_arm["a"]
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.NO_SERIES
