"""What every metric source must do, proven on the double, on real metrics pages and on a real Prometheus alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rolloutd.core.counting import usable
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Point, Unreadable
from rolloutd.ports import MetricSource
from tests.adapters.metrics.rigs import MAX_AGE_MS, MemoryRig, PrometheusRig, Rig, ScrapeRig
from tests.engines.prometheus import Prometheus


@pytest.fixture(scope="module")
def real_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One Prometheus for all tests of this module."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with Prometheus(folder) as real:
        yield real


@pytest.fixture(params=["memory", "scrape", pytest.param("prometheus", marks=pytest.mark.real)])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """Each source in turn, before its first reading."""
    made: Rig
    if request.param == "prometheus":
        made = PrometheusRig(request.getfixturevalue("real_prometheus"))
    else:
        made = MemoryRig() if request.param == "memory" else ScrapeRig()
    yield made
    await made.close()


def summed(points: tuple[Point, ...]) -> float:
    """The sum over the series."""
    return sum(point.value for point in points)


def counted(reading: ArmReading) -> Counted:
    """The reading, which must hold counters."""
    assert isinstance(reading, Counted), reading
    return reading


def reason(answer: Answer, arm: str) -> BlindReason:
    """Why the core can use nothing of this arm."""
    reading = usable(answer.by_arm[arm], answer.read_at_ms, MAX_AGE_MS)
    assert isinstance(reading, Unreadable), reading
    return reading.reason


async def test_keeps_the_port(rig: Rig) -> None:
    """A source has the port's shape, its name, and its times as numbers."""
    assert isinstance(rig.source, MetricSource)
    assert rig.source.name


async def test_counts_are_exact(rig: Rig) -> None:
    """What was counted is what is read, reading after reading."""
    rig.count(rig.a, 1_000, 7)
    rig.count(rig.b, 10, 1)
    first = await rig.read()
    rig.count(rig.a, 500, 2)
    rig.count(rig.b, 5, 0)
    second = await rig.read()
    read = [[counted(answer.by_arm[arm]) for arm in (rig.a, rig.b)] for answer in (first, second)]
    # The double's total is one series; real ones count each code apart, and a bad request is in both.
    assert [[summed(reading.total) for reading in answer] for answer in read] == [[1_000, 10], [1_500, 15]]
    assert [[summed(reading.part) for reading in answer] for answer in read] == [[7, 1], [9, 1]]


async def test_both_arms_at_one_moment(rig: Rig) -> None:
    """One answer has one moment, and no sample of either arm is later or older than it may be."""
    rig.count(rig.a, 3, 0)
    rig.count(rig.b, 3, 0)
    answer = await rig.read()
    points = [point for arm in (rig.a, rig.b) for point in counted(answer.by_arm[arm]).total]
    ages_ms = [answer.read_at_ms - point.sampled_at_ms for point in points]
    assert all(0 <= age_ms <= MAX_AGE_MS for age_ms in ages_ms)


async def test_silence_is_no_zero(rig: Rig) -> None:
    """An arm nobody counted has no series; the other arm is read all the same."""
    rig.count(rig.a, 3, 0)
    answer = await rig.read()
    assert answer.by_arm.keys() == {rig.a, rig.b}
    assert reason(answer, rig.b) is BlindReason.NO_SERIES
    assert summed(counted(answer.by_arm[rig.a]).total) == 3


async def test_not_a_number(rig: Rig) -> None:
    """A counter that is no number blinds its own arm."""
    rig.count(rig.a, 3, 0)
    rig.count(rig.b, 3, 0)
    rig.spoil(rig.b)
    answer = await rig.read()
    assert reason(answer, rig.b) is BlindReason.NOT_A_NUMBER
    counted(answer.by_arm[rig.a])


async def test_an_old_sample_is_stale(rig: Rig) -> None:
    """A sample keeps its true age, and one that is too old blinds its arm."""
    rig.count(rig.b, 3, 0)
    rig.grow_old(rig.b)
    rig.count(rig.a, 3, 0)
    assert reason(await rig.read(), rig.b) is BlindReason.STALE


async def test_a_dead_target(rig: Rig) -> None:
    """A dead server blinds its own arm, though its last counters may still be known."""
    rig.count(rig.a, 3, 0)
    rig.count(rig.b, 3, 0)
    await rig.read()
    rig.take_down(rig.b)
    answer = await rig.read()
    assert reason(answer, rig.b) is BlindReason.TARGET_DOWN
    counted(answer.by_arm[rig.a])


async def test_half_an_arm_is_not_an_arm(rig: Rig) -> None:
    """When one of an arm's two servers is dead, the other's counters are not taken for the whole."""
    rig.count(rig.a, 3, 0)
    rig.count(rig.a, 5, 0, server="1")
    rig.take_down(rig.a)
    assert reason(await rig.read(), rig.a) is BlindReason.TARGET_DOWN


async def test_servers_stay_apart(rig: Rig) -> None:
    """Two servers of one arm are two series, so that a restart of one is seen."""
    rig.count(rig.a, 100, 4)
    rig.count(rig.a, 50, 2, server="1")
    first = counted((await rig.read()).by_arm[rig.a])
    rig.count(rig.a, 1, 1, server="1")
    second = counted((await rig.read()).by_arm[rig.a])
    before = {point.series: point.value for point in (*first.total, *first.part)}
    after = {point.series: point.value for point in (*second.total, *second.part)}
    assert before.keys() == after.keys()
    assert {after[series] - before[series] for series in before} <= {0, 1}
    assert (summed(first.part), summed(second.part)) == (6, 7)


async def test_errors_born_late(rig: Rig) -> None:
    """A series of failures that is not born yet is an empty part beside a full total, and then it is there, whole."""
    rig.count(rig.a, 100)
    assert counted((await rig.read()).by_arm[rig.a]).part == ()
    rig.count(rig.a, 9, 9)
    assert summed(counted((await rig.read()).by_arm[rig.a]).part) == 9


async def test_a_flood_blinds_the_arm_that_floods(rig: Rig) -> None:
    """Too many series are the fault of one arm, and the other is read all the same."""
    rig.count(rig.a, 3, 1)
    rig.count(rig.b, 3, 1)
    rig.flood(rig.b)
    answer = await rig.read()
    assert reason(answer, rig.b) is BlindReason.TOO_MANY_SERIES
    assert summed(counted(answer.by_arm[rig.a]).part) == 1
