"""Records into pairs: each counted once and from both sides, whatever their order, their doubles and their silence."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout_adapters.predictions.formats import FORMATS, reader_of
from rollout_adapters.predictions.joiner import ARMS_MAX, Joiner
from rollout_adapters.predictions.record import BadRecord, Label, Record, digest, read_record, same, small


def joined(*records: Record, window_ms: int = 1_000, most: int = 1_000, limits: tuple[float, ...] = ()) -> Joiner:
    """A join of these, all at one moment."""
    joiner = Joiner(window_ms, most, tolerance=0.1)
    for limit in limits:
        joiner.watch_latency(limit)
    joiner.add(records, 0)
    return joiner


def test_a_pair_is_counted_for_both_arms() -> None:
    """Equal outputs agree; nobody failed alone."""
    made = joined(Record("r1", "a", output="cat"), Record("r1", "b", output="cat"))
    for arm in ("a", "b"):
        counts = made.arms[arm]
        assert (counts.pairs, counts.answered, counts.differ, counts.failed_alone, counts.due) == (1, 1, 0, 0, 1)
    assert made.waiting == 0


@pytest.mark.parametrize(("a", "b", "alone"), [(200, 500, (0, 1)), (503, 200, (1, 0)), (500, 500, (0, 0))])
def test_who_failed_alone_is_told_from_who_failed_too(a: int, b: int, alone: tuple[int, int]) -> None:
    """A request that both fail says nothing of their difference, and nothing of agreement."""
    made = joined(Record("r", "a", a, output="x"), Record("r", "b", b, output="x"))
    assert (made.arms["a"].failed_alone, made.arms["b"].failed_alone) == alone
    assert made.arms["a"].answered == (0 if a == b else 1)
    assert made.arms["a"].differ == (0 if a == b else 1)


def test_slower_alone_is_counted_for_each_limit_and_only_where_both_were_timed() -> None:
    """A pair without a time on one side is in no latency."""
    made = joined(
        Record("1", "a", latency_ms=10), Record("1", "b", latency_ms=90),
        Record("2", "a", latency_ms=10), Record("2", "b"),
        limits=(50.0, 100.0),
    )  # fmt: skip
    counts = made.arms["b"].timed
    assert {limit: (timed.pairs, timed.slow_alone) for limit, timed in counts.items()} == {50: (1, 1), 100: (1, 0)}


def test_what_finds_no_pair_is_unpaired_after_its_window_and_not_before() -> None:
    """Counted for its own arm; its late pair then finds nobody, and is unpaired in its turn."""
    made = joined(Record("r", "a"))
    made.expire(999)
    assert made.arms["a"].due == 0
    made.expire(1_000)
    assert (made.arms["a"].due, made.arms["a"].unpaired) == (1, 1)
    made.add([Record("r", "b")], 1_001)
    made.expire(3_000)
    assert (made.arms["b"].due, made.arms["b"].unpaired, made.arms["b"].pairs) == (1, 1, 0)


def test_a_double_counts_once_before_and_after_its_pair() -> None:
    """A log line that is written or sent again makes no second pair and waits for none."""
    made = joined(Record("r", "a"), Record("r", "a"), Record("r", "b"), Record("r", "b"), Record("r", "a"))
    assert (made.arms["a"].pairs, made.arms["b"].pairs, made.doubles, made.waiting) == (1, 1, 3, 0)


def test_past_the_cap_the_longest_waiting_goes_and_its_arm_is_told() -> None:
    """Memory is bounded; the arm whose record went is the one that is said to be too much."""
    made = joined(*(Record(f"r{n}", "a") for n in range(1_500)), most=1_000)
    assert made.waiting == 1_000
    assert made.arms["a"].unpaired == 500
    assert made.arms["a"].dropped_at_ms == 0
    made.add([Record("r1499", "b"), Record("r0", "b")], 1)
    assert made.arms["b"].pairs == 1
    assert made.arms["b"].dropped_at_ms is None


def test_arms_beyond_all_measure_are_not_kept() -> None:
    """A log that names an arm for each user cannot fill the memory."""
    made = joined(*(Record("r", f"arm-{n}") for n in range(ARMS_MAX + 10)), most=10_000)
    assert (len(made.arms), made.strangers) == (ARMS_MAX, 10)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_order_changes_no_count(seed: int, size: int) -> None:
    """Records of both arms in any order, some missing, some double: pairs are those that both arms have."""
    chance = random.Random(seed)
    ids = {arm: {f"r{n}" for n in range(size) if chance.random() < 0.8} for arm in ("a", "b")}
    records = [Record(name, arm) for arm, names in ids.items() for name in names]
    records += chance.choices(records, k=3) if records else []
    chance.shuffle(records)
    made = joined(*records)
    made.expire(10_000)
    for arm in ("a", "b"):
        if ids[arm]:
            counts, pairs = made.arms[arm], len(ids["a"] & ids["b"])
            assert (counts.pairs, counts.due, counts.unpaired) == (pairs, len(ids[arm]), len(ids[arm]) - pairs)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("cat", "cat", True), ("cat", "dog", False), (1.0, 1.05, True), (1.0, 1.2, False), (None, "cat", False),
        ((0.1, 0.9), (0.4, 0.6), True), ((0.1, 0.9), (0.6, 0.4), False), ((1.0,), (1.0, 2.0), False), ("1", 1.0, False),
    ],
)  # fmt: skip
def test_outputs_agree_by_their_kind(one: object, other: object, agree: bool) -> None:
    """Labels by equality, numbers within the tolerance, scores by their greatest."""
    assert same(one, other, 0.1) is agree  # type: ignore[arg-type]


def test_inputs_are_hashed_and_long_outputs_too() -> None:
    """Of what a person sent only a hash enters, equal for equal inputs whatever the order of their keys."""
    line = b'{"request_id": "r", "arm": "a", "input": {"name": "Ada", "age": 36}, "output": "%s"}' % (b"x" * 300)
    record = read_record(line)
    assert record.input_hash == digest({"age": 36, "name": "Ada"})
    assert "Ada" not in repr(record)
    assert str(record.output).startswith("sha256:")
    assert small([0.1, 0.9]) == (0.1, 0.9)
    assert small({"a": 1}) == small({"a": 1})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "no JSON"), (b"[1]", "no JSON object"), (b'{"arm": "a"}', "no request_id"), (b"[" * 100_000, "no JSON"),
        (b'{"request_id": "r"}', "no arm"), (b'{"request_id": 7, "arm": "a"}', "no request_id"),
        (b'{"request_id": "r", "arm": "a", "status": "200"}', "status"), (b" " * 300_000, "more than 256 KiB"),
        (b'{"request_id": "r", "arm": "a", "latency_ms": NaN}', "latency_ms"), (b"\xff\xfe", "no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_none(line: bytes, said: str) -> None:
    """Nothing is guessed of it."""
    with pytest.raises(BadRecord, match=said):
        read_record(line)


@pytest.mark.parametrize(
    ("kind", "line", "made"),
    [
        ("v2", b'{"id": "r", "model_version": "2", "outputs": [{"name": "y", "data": [3]}]}', ("r", 3.0)),
        ("v2", b'{"id": "r", "outputs": [{"name": "y", "data": [0.2, 0.8]}]}', ("r", (0.2, 0.8))),
        (
            "kserve",
            b'{"id": "r", "type": "org.kubeflow.serving.inference.response", "data": {"predictions": [1]}}',
            ("r", 1.0),
        ),
        ("kserve", b'{"id": "r", "type": "org.kubeflow.serving.inference.request", "data": {}}', None),
        (
            "sagemaker",
            b'{"captureData":{"endpointOutput":{"encoding":"BASE64","data":"MC43NQ=="}},"eventMetadata":{"inferenceId":"r"}}',
            ("r", 0.75),
        ),
        ("bentoml", b'{"request_id": "123", "trace_id": "t", "prediction": "cat"}', ("t", "cat")),
        ("bentoml", b'{"request_id": "shared-1", "trace_id": "t", "prediction": "cat"}', ("shared-1", "cat")),
        ("rolloutd", b'{"request_id": "r", "output": "cat"}', ("r", "cat")),
    ],
)
def test_foreign_logs_become_the_same_record(kind: str, line: bytes, made: tuple[str, object] | None) -> None:
    """Each with the id that both arms share, and the arm of its file."""
    record = reader_of(kind, "ranker-b")(line)
    assert not isinstance(record, Label)
    assert (record and (record.request_id, record.output)) == made
    assert record is None or record.arm == "ranker-b"


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("line", [b"{}", b"[]", b"null", b"{", b'{"id": 1, "outputs": 3, "captureData": []}'])
def test_a_foreign_line_that_is_none_raises_only_its_own_error(kind: str, line: bytes) -> None:
    """Whatever stands there, the reader goes on with the next line."""
    with contextlib.suppress(BadRecord):
        assert reader_of(kind, "a")(line) is None
