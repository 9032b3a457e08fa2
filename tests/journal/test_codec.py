"""Events and evidence come back from text as they went in, bit for bit, and nothing else is taken for one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, nan
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutd.codec import CodecError, UnknownEvent, decode, decode_event, encode, encode_event
from rolloutd.core.events import (
    EVENT_TYPES,
    Basis,
    BasisKind,
    Event,
    HoldCause,
    TrafficConfirmed,
    TrafficWanted,
    VerdictReached,
)
from rolloutd.core.metrics import Answer, ArmReading, BlindReason, Counted, Point, Unreadable
from rolloutd.core.values import Share
from tests.journal.strategies import FINITE, events_of

WANTED = TrafficWanted(Share(10), Share(100), Basis(BasisKind.HARM, "zu viele Fehler – 3 %"))


class Colour(StrEnum):
    """Keys and members of the sample."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Sample:
    """A field of every kind that a core value may have."""

    floats: tuple[float, ...]
    pair: tuple[int, str]
    by_name: Mapping[str, float]
    by_colour: Mapping[Colour, tuple[bool, ...]]
    colours: frozenset[Colour]
    reading: ArmReading
    maybe: ArmReading | None
    side: Literal["left", "right"]
    share: Share | None = None
    later: Mapping[str, int] = field(default_factory=dict)


POINTS = st.builds(Point, st.text(max_size=5), FINITE, st.integers())
READINGS = st.builds(Unreadable, st.sampled_from(BlindReason), st.text()) | st.builds(
    Counted, st.lists(POINTS, max_size=2).map(tuple), st.lists(POINTS, max_size=2).map(tuple)
)
SAMPLES = st.builds(
    Sample,
    st.lists(FINITE, max_size=4).map(tuple),
    st.tuples(st.integers(), st.text()),
    st.dictionaries(st.text(), FINITE, max_size=3),
    st.dictionaries(st.sampled_from(Colour), st.lists(st.booleans()).map(tuple)),
    st.frozensets(st.sampled_from(Colour)),
    READINGS,
    st.none() | READINGS,
    st.sampled_from(["left", "right"]),
    st.none() | st.builds(Share, st.integers(0, 10_000)),
    st.dictionaries(st.text(), st.integers(), max_size=2),
)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_event_comes_back(name: str) -> None:
    """Any event of any type is the same after a trip through its text, and so is the text."""

    @given(events_of(EVENT_TYPES[name]))
    @settings(max_examples=30)
    def trip(event: Event) -> None:
        kind, schema, text = encode_event(event)
        assert (kind, schema) == (name, 2 if getattr(event, "cause", None) is HoldCause.RATIO else 1)
        again = decode_event(kind, schema, text)
        assert type(again) is type(event)
        assert repr(again) == repr(event)
        assert encode_event(again) == (kind, schema, text)

    trip()


@given(SAMPLES)
def test_every_kind_of_field_comes_back_bit_for_bit(sample: Sample) -> None:
    """Unions, sets, mappings, pairs and optional values return as they were; floats to the last bit."""
    again = decode(Sample, encode(sample))
    assert again == sample
    assert [x.hex() for x in again.floats] == [x.hex() for x in sample.floats]


class Pair(NamedTuple):
    """A named tuple as the statistics keep their sums."""

    name: str
    sums: tuple[float, ...] = (0.0, 0.5)


def test_a_named_tuple_is_written_as_a_dataclass_of_its_fields() -> None:
    """Names and defaults count, an unknown field and a missing one are refused, and a plain tuple is none."""
    assert encode(Pair("x")) == '{"name":"x","sums":[0.0,0.5]}'
    assert decode(Pair, '{"name":"x"}') == Pair("x")
    for text in ('{"name":"x","more":1}', "{}", '["x",[0.0]]'):
        with pytest.raises(CodecError):
            decode(Pair, text)
    with pytest.raises(CodecError):
        encode(("x", (0.0,)))


def test_text_is_canonical() -> None:
    """Keys are sorted, there are no spaces, defaults are written, and the text is ASCII."""
    kind, schema, text = encode_event(WANTED)
    assert (kind, schema) == ("TrafficWanted", 1)
    assert text == (
        '{"basis":{"evidence_digest":"","kind":"harm","why":"zu viele Fehler \\u2013 3 %"},'
        '"previous":{"basis_points":100},"share":{"basis_points":10}}'
    )
    assert encode(Basis(BasisKind.HARM, "")) == encode(Basis(why="", kind=BasisKind.HARM))


def test_equal_numbers_have_equal_text() -> None:
    """A whole number in a float field is written as the float that it equals."""
    assert encode(Point("s", 3, 0)) == encode(Point("s", 3.0, 0))


@pytest.mark.parametrize("bad", [nan, inf, -inf, 2**53 + 1, True, "1", None])
def test_what_is_no_exact_finite_number_is_refused(bad: float) -> None:
    """NaN, infinities, numbers too long for a float and other types are never written into a float field."""
    with pytest.raises(CodecError):
        encode(VerdictReached("errors", "FAIL", bad, 0.0, ""))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"share":{"basis_points":10}}',
        '{"share":{"basis_points":10},"engine_instance":"x","surprise":1}',
        '{"share":{"basis_points":10.0},"engine_instance":"x"}',
        '{"share":{"basis_points":true},"engine_instance":"x"}',
        '{"share":{"basis_points":10001},"engine_instance":"x"}',
        '{"share":10,"engine_instance":"x"}',
        '{"share":{"basis_points":10},"engine_instance":null}',
        '{"share":{"basis_points":10},"engine_instance":"x","took_ms":NaN}',
    ],
)
def test_a_text_that_is_not_exactly_the_event_is_refused(text: str) -> None:
    """Missing and unknown fields, other types and values out of range are an error, never a guess."""
    with pytest.raises(CodecError):
        decode_event("TrafficConfirmed", 1, text)


def test_a_field_that_came_later_takes_its_default() -> None:
    """A row from before a field existed is still read."""
    old = '{"engine_instance":"x","share":{"basis_points":10}}'
    assert decode_event("TrafficConfirmed", 1, old) == TrafficConfirmed(Share(10), "x", took_ms=0)


@pytest.mark.parametrize(("kind", "schema"), [("Levitated", 1), ("TrafficConfirmed", 3), ("TrafficConfirmed", 0)])
def test_an_event_of_a_newer_program_is_named(kind: str, schema: int) -> None:
    """An unknown kind or form is its own error, which says which one it was."""
    with pytest.raises(UnknownEvent, match=f"{kind} in form {schema}"):
        decode_event(kind, schema, "{}")


def test_a_member_of_a_union_says_which_it_is() -> None:
    """Two dataclasses of a union are told apart by name, and a name of neither is refused."""
    answer = Answer(5, {"a": Counted((), ()), "b": Unreadable(BlindReason.STALE, "old")})
    data = json.loads(encode(answer))
    assert data["by_arm"]["b"] == {"is": "Unreadable", "reason": "stale", "detail": "old"}
    assert decode(Answer, encode(answer)) == answer
    data["by_arm"]["b"]["is"] = "Share"
    with pytest.raises(CodecError):
        decode(Answer, json.dumps(data))


@dataclass(frozen=True, slots=True)
class Vague:
    """A declaration that no text could be read back by."""

    either: int | str


def test_a_type_without_an_exact_form_is_refused_at_once() -> None:
    """A union of plain types, which could not be told apart, and a list, which could change, are errors."""
    for value in (Vague(1), [1], object()):
        with pytest.raises(CodecError, match=r"no exact form|cannot be told apart"):
            encode(value)
