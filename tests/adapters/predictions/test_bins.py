"""Answers by class, from real log files: each counts once for its arm, and what fits no class is counted as that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_adapters.metrics.templates import make_template
from rollout_adapters.predictions.bins import ELSE, BinBook
from rollout_adapters.predictions.record import Output, Record
from rolloutd.core.metrics import ArmReading, Counted, MetricTemplate, Question, Unreadable
from rolloutd.core.segments import label_of
from tests.adapters.predictions.test_labels import ARMS, Log

CLASSES = replace(make_template("answers.drift"), classes=("cat", "dog"))
EDGES = replace(make_template("answers.drift"), edges=(0.2, 0.5, 0.8))


async def ask(log: Log, template: MetricTemplate = CLASSES) -> dict[str, ArmReading]:
    """What the source says of each arm."""
    return dict((await log.source.read(Question(template, ARMS), 1.0)).by_arm)


async def counts(log: Log, arm: str, template: MetricTemplate = CLASSES) -> dict[str, float]:
    """An arm's answers by class."""
    found = (await ask(log, template))[arm]
    assert isinstance(found, Counted), found
    by_class = {label_of(point.series, "class") or ELSE: point.value for point in found.part}
    assert found.total[0].value == sum(by_class.values())
    return by_class


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """A log that was asked once, so that it is followed."""
    found = Log(tmp_path / "log")
    await ask(found)
    await ask(found, EDGES)
    yield found
    await found.source.close()


async def test_answers_are_counted_by_class_for_the_arm_that_gave_them(log: Log) -> None:
    """Failures are no answers, a line that comes twice is one, and another class is not left out."""
    log.answers("a", "r1", "r2", "r3")
    log.answers("b", "r1", "r1", output="dog")
    log.answers("b", "r4", output="cow")
    log.answers("b", "r5", output=None)
    log.answers("b", "r6", status=500)
    assert await counts(log, "a") == {"cat": 3, "dog": 0, ELSE: 0}
    assert await counts(log, "b") == {"cat": 0, "dog": 1, ELSE: 2}


async def test_a_number_lies_between_edges(log: Log) -> None:
    """An edge belongs to what is above it; text is none of these numbers."""
    for number, output in enumerate([0.1, 0.2, 0.49, 0.5, 0.8, 7, -1, "high", [0.1, 0.9]]):
        log.answers("b", f"r{number}", output=output)
    assert await counts(log, "b", EDGES) == {"<0.2": 2, "0.2..0.5": 2, "0.5..0.8": 1, ">=0.8": 2, ELSE: 2}


@pytest.mark.parametrize(
    ("output", "name"), [(1.0, "1"), (2.0, ELSE), ((0.1, 0.9), "1"), ("1", "1"), ("", ELSE), (None, ELSE)]
)
def test_a_number_and_the_greatest_score_name_a_class_too(output: Output, name: str) -> None:
    """As a label that numbers the right score does; no output is none of the classes."""
    assert BinBook(("0", "1"), (), 1_000).bin_of(output) == name


async def test_no_answer_is_no_data_and_an_old_one_is_old(log: Log) -> None:
    """I3: nothing is made of silence; a sample is as old as the last answer."""
    log.answers("b", "r1")
    readings = await ask(log)
    assert isinstance(readings["a"], Unreadable)
    log.wait(9_000)
    silent = (await ask(log))["b"]
    assert isinstance(silent, Counted)
    assert {point.sampled_at_ms for point in (*silent.total, *silent.part)} == {log.clock.at_ms - 9_000}


async def test_ways_of_telling_apart_are_bounded(log: Log) -> None:
    """I12: the memory of a source is."""
    for number in range(6):
        await ask(log, replace(CLASSES, classes=(f"c{number}",)))
    refused = (await ask(log, replace(CLASSES, classes=("last",))))["b"]
    assert isinstance(refused, Unreadable)
    assert refused.detail == "answers are told apart in more than 8 ways"


def test_what_is_remembered_of_doubles_is_bounded() -> None:
    """I12: the last ones are."""
    book = BinBook(("cat",), (), 10)
    for number in range(100):
        book.add([Record(f"r{number}", "b", output="cat")], number)
    book.add([Record("r99", "b", output="cat"), Record("r0", "b", output="cat")], 100)
    assert (book.arms["b"].n, book.doubles, len(book._seen)) == (101, 1, 10)
