"""Labels that come later, from real log files: each answer counts once, at one age, for the arm that gave it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_adapters.metrics.templates import make_template
from rollout_adapters.predictions.labels import LabelBook
from rollout_adapters.predictions.record import BadRecord, Label, Record, read_line, right
from rollout_adapters.predictions.source import PredictionSource
from rollout_adapters.registry import make_source
from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.metrics import ArmReading, BlindReason, Counted, Question, Unreadable
from rolloutd.core.plan import Plan
from rolloutd.core.setting import Setting
from rolloutd.core.values import Share
from rolloutd.core.verdict import Verdict, judge

RIPE_MS = 60_000
ARMS = frozenset({"a", "b"})


class Hands:
    """A clock that stands still until it is turned."""

    at_ms = 1_800_000_000_000

    def now_ms(self) -> int:
        """The time that was set."""
        return self.at_ms


class Log:
    """A source that follows a file, and the file."""

    def __init__(self, file: Path, **options: object) -> None:
        file.touch()
        self._file = file
        told = {"files": [{"path": str(file)}], "every": "1s", "max_age": "4s", **options}
        made = make_source("predictions", "answers", told)
        assert isinstance(made, PredictionSource)
        self.source, self.clock = made, Hands()
        made.clock = self.clock  # type: ignore[assignment]  # it only tells the time

    def write(self, *said: dict[str, object]) -> None:
        """Add lines."""
        with self._file.open("a") as log:
            log.writelines(json.dumps(one) + "\n" for one in said)

    def answers(self, arm: str, *ids: str, output: object = "cat", status: int = 200) -> None:
        """Answers of an arm."""
        self.write(*({"request_id": one, "arm": arm, "output": output, "status": status} for one in ids))

    def labels(self, label: object, *ids: str) -> None:
        """Labels."""
        self.write(*({"request_id": one, "label": label} for one in ids))

    async def ask(self, name: str = "labels.wrong", ripe_ms: int = RIPE_MS) -> dict[str, ArmReading]:
        """What the source says of each arm."""
        template = replace(make_template(name), ripe_ms=ripe_ms)
        return dict((await self.source.read(Question(template, ARMS), 1.0)).by_arm)

    async def figures(self, name: str = "labels.wrong") -> dict[str, tuple[float, float]]:
        """All and bad of the arms that are counted."""
        said = await self.ask(name)
        return {arm: (r.total[0].value, r.part[0].value) for arm, r in said.items() if isinstance(r, Counted)}

    async def judged(self, plan: Plan, known: GateEvidence, tick: int) -> tuple[GateEvidence, Verdict]:
        """A second later: what the plan's one gate makes of the source's next answer, on half of the traffic."""
        (gate,), now_ms = plan.gates, tick * 1_000
        self.wait(1_000)
        answer = await self.source.read(Question(gate.template, ARMS), 5.0)
        known = absorb(known, gate, answer, Setting(now_ms, 1_000, "a", "b", Share(5_000), warm_up=False))
        return known, judge(plan, {gate.metric: known}, now_ms, share=Share(5_000)).gates[0].verdict

    def wait(self, ms: int) -> None:
        """Turn the clock."""
        self.clock.at_ms += ms


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """A log that was asked once, so that it is followed."""
    found = Log(tmp_path / "log")
    await found.ask()
    yield found
    await found.source.close()


async def test_an_answer_counts_once_when_it_is_ripe_for_the_arm_that_gave_it(log: Log) -> None:
    """I3: until then a fresh zero, which is COLLECTING; then right and wrong by what the label says."""
    log.answers("a", "r1", "r2")
    log.answers("b", "r3", "r4", "r5")
    log.labels("cat", "r1", "r2", "r3")
    log.labels("dog", "r4", "r5")
    assert await log.figures() == {"a": (0, 0), "b": (0, 0)}
    log.wait(RIPE_MS - 1)
    assert await log.figures() == {"a": (0, 0), "b": (0, 0)}
    log.wait(1)
    assert await log.figures() == {"a": (2, 0), "b": (3, 2)}
    log.wait(RIPE_MS)
    assert await log.figures() == {"a": (2, 0), "b": (3, 2)}


async def test_both_arms_are_counted_at_the_same_age(log: Log) -> None:
    """Labels of one arm that come early give it no earlier word."""
    log.answers("a", "r1")
    log.labels("cat", "r1")
    await log.ask()
    log.wait(10_000)
    log.answers("b", "r2")
    await log.ask()
    log.wait(RIPE_MS - 10_000)
    log.labels("dog", "r2")
    assert await log.figures() == {"a": (1, 0), "b": (0, 0)}
    log.wait(10_000)
    assert await log.figures() == {"a": (1, 0), "b": (1, 1)}


async def test_doubles_count_once_and_corrections_until_the_age(log: Log) -> None:
    """The last label said in time is the one; a line that comes twice is one line."""
    log.answers("b", "r1", "r1", "r2")
    log.labels("dog", "r1", "r2", "r2")
    log.labels("cat", "r1")
    await log.ask()
    log.wait(RIPE_MS)
    assert await log.figures() == {"b": (2, 1)}
    log.labels("cat", "r2")
    log.answers("b", "r1")
    await log.ask()
    log.wait(RIPE_MS)
    assert await log.figures() == {"b": (2, 1)}


async def test_one_request_that_both_answered_counts_for_both(log: Log) -> None:
    """In a shadow one label judges both answers."""
    log.answers("a", "r1")
    log.answers("b", "r1", output="dog")
    log.labels("cat", "r1")
    await log.ask()
    log.wait(RIPE_MS)
    assert await log.figures() == {"a": (1, 0), "b": (1, 1)}


async def test_an_answer_without_a_label_is_missing_and_neither_right_nor_wrong(log: Log) -> None:
    """It has a metric of its own; failures have no answer to be right."""
    log.answers("b", "r1", "r2")
    log.answers("b", "r3", status=500)
    log.labels("cat", "r1", "r3")
    await log.ask()
    log.wait(RIPE_MS)
    assert await log.figures() == {"b": (1, 0)}
    assert await log.figures("labels.missing") == {"b": (2, 1)}


async def test_labels_that_do_not_come_are_no_data(log: Log) -> None:
    """I3: where most ripe answers have none, the arm is blind, whatever the few say; it sees again when they come."""
    ids = [f"r{n}" for n in range(40)]
    log.answers("b", *ids)
    log.labels("cat", *ids[:20])
    await log.ask()
    log.wait(RIPE_MS)
    log.answers("b", "late")
    reading = (await log.ask())["b"]
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.PARTIAL
    assert reading.detail == "of b's last 40 ripe requests only 20 have a label, at least 80% must"
    more = [f"s{n}" for n in range(200)]
    log.answers("b", *more)
    log.labels("cat", *more)
    await log.ask()
    log.wait(RIPE_MS)
    assert (await log.figures())["b"] == (220, 0)


async def test_a_sample_is_as_old_as_the_last_answer(log: Log) -> None:
    """Without answers nothing can ripen: the counters grow old, and what rests on them goes blind."""
    log.answers("b", "r1")
    await log.ask()
    log.wait(7_000)
    reading = (await log.ask())["b"]
    assert isinstance(reading, Counted)
    assert reading.total[0].sampled_at_ms == log.clock.at_ms - 7_000
    assert isinstance((await log.ask())["a"], Unreadable)


async def test_what_waits_is_bounded_and_too_much_is_said(tmp_path: Path) -> None:
    """I12, I3: past the cap the oldest goes, its arm is blind, and says so."""
    log = Log(tmp_path / "log", most_waiting=1_000)
    await log.ask()
    log.answers("b", *(f"r{n}" for n in range(1_001)))
    reading = (await log.ask())["b"]
    assert isinstance(reading, Unreadable)
    assert (reading.reason, "most_waiting" in reading.detail) == (BlindReason.TOO_BIG, True)
    for ripe_ms in range(1, 8):
        await log.ask(ripe_ms=ripe_ms)
    refused = (await log.ask(ripe_ms=8))["a"]
    assert isinstance(refused, Unreadable)
    assert "more than 8 ages" in refused.detail
    await log.source.close()


@pytest.mark.parametrize(
    ("output", "label", "verdict"),
    [
        ("cat", "cat", True),
        ("cat", "dog", False),
        (1.0, 1.0, True),
        (1.0, 1.4, True),
        (1.0, 2.0, False),
        ((0.1, 0.9), 1.0, True),
        ((0.1, 0.9), 0.0, False),
        ((0.1, 0.9), (0.0, 1.0), True),
        ("1", 1.0, None),
        (None, "cat", None),
    ],
)
def test_what_cannot_be_compared_is_no_verdict(output: object, label: object, verdict: bool | None) -> None:
    """A label of another kind than the answers must not make everybody wrong."""
    assert right(output, label, 0.5) is verdict  # type: ignore[arg-type]  # each is one of the kinds


@pytest.mark.parametrize(
    "line", [b'{"request_id": "r", "label": null}', b'{"label": "cat"}', b'{"request_id": "", "label": 1}']
)
def test_a_label_of_nobody_or_of_nothing_is_none(line: bytes) -> None:
    """Each raises its own error."""
    with pytest.raises(BadRecord):
        read_line(line)


def test_a_line_with_an_answer_is_an_answer() -> None:
    """Also where it names a label."""
    assert isinstance(read_line(b'{"request_id": "r", "arm": "a", "output": 1, "label": 1}'), Record)
    assert read_line(b'{"request_id": "r", "label": 1}') == Label("r", 1.0)


LINES = st.one_of(
    st.builds(
        Record,
        st.sampled_from("12345"),
        st.sampled_from("ab"),
        status=st.just(200),
        output=st.sampled_from(["cat", "dog"]),
    ),
    st.builds(Label, st.sampled_from("12345"), st.sampled_from(["cat", "dog"])),
)


@given(st.lists(st.tuples(st.integers(0, 30), LINES), max_size=60))
def test_every_answer_is_counted_at_most_once_and_sums_fit(said: list[tuple[int, Record | Label]]) -> None:
    """In whatever order and however late lines come: due = labelled + missing, and never more than were answered."""
    book, now_ms = LabelBook(20, 1_000), 0
    answered = {(line.request_id, line.arm) for _, line in said if isinstance(line, Record)}
    for step_ms, line in said:
        now_ms += step_ms
        book.add([line], now_ms)
        book.ripen(now_ms)
    book.ripen(now_ms + 20)
    counts = book.arms.values()
    assert all(one.due == one.labelled + one.missing and one.wrong <= one.labelled for one in counts)
    assert sum(one.due for one in counts) == len(answered)
