"""The short cut through metrics pages reads what prometheus_client reads, and the pages' own traps are known."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from rollout_adapters.metrics.exposition import LINES_MAX, Line, read_page
from rollout_adapters.metrics.series import Blind
from rolloutd.core.metrics import BlindReason

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
NAMES = frozenset({"x_total", "x_bucket"})
blanks = st.sampled_from(["", " ", "  ", "\t"])
gap = st.sampled_from([" ", "  ", "\t"])
label_name = st.sampled_from(["slot", "le", "code", "__reserved", "a9_"])
label_text = st.text(st.characters(exclude_characters='"\\\n', exclude_categories=["Cs"]), max_size=6)
escaped = st.lists(st.one_of(label_text, st.sampled_from([r"\"", r"\\", r"\n"])), max_size=3).map("".join)
number = st.one_of(
    st.integers(-3, 10**20).map(str),
    st.floats().map(repr),
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e+06", "0.250", "1_0", "e", "--1", "", "0x10"]),
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A sample line, mostly good, sometimes broken."""
    name = draw(st.sampled_from(["x_total", "x_bucket", "x_total_more", "x", "y_total", "x_created"]))
    pairs = draw(st.lists(st.tuples(label_name, escaped), max_size=3))
    comma = draw(st.sampled_from([",", ", ", ",,", ""]))
    inner = comma.join(f'{key}{draw(blanks)}="{text}"' for key, text in pairs) + draw(st.sampled_from(["", ","]))
    labels = draw(st.sampled_from(["", f"{draw(blanks)}{{{inner}}}", f'{{"{name}",{inner}}}']))
    stamp = draw(st.sampled_from(["", " 1795443224494", " -5", " 1 2", " x", ' # {a="b"} 1']))
    return (
        draw(blanks) + (name if '{"' not in labels else "") + labels + draw(gap) + draw(number) + stamp + draw(blanks)
    )


def by_library(text: str) -> list[Line]:
    """What prometheus_client reads; names stay as on the wire because no line tells a type."""
    found = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            at_s = None if sample.timestamp is None else float(sample.timestamp)
            if sample.name in NAMES:
                found.append((sample.name, dict(sample.labels), float(sample.value), at_s))
    return found


def plain(line: Line) -> tuple[object, ...]:
    """The line with a NaN that equals itself."""
    name, labels, value, at_s = line
    return name, labels, "NaN" if math.isnan(value) else value, at_s


@given(st.lists(lines(), min_size=1, max_size=6))
@example(['x_total{slot="a",slot="b"} 1'])
@example(['x_total{__x="a"} 1'])
@example(['x_total{slot="a"code="b"} 1'])
@example(['x_total{slot="}"} 1', 'x_total{slot="{"} 2', 'x_total{slot=" # "} 3'])
def test_reads_what_the_library_reads(page: list[str]) -> None:
    """Of every page that the library accepts, both read the same samples; a line it refuses is refused."""
    text = "\n".join(page) + "\n"
    try:
        expected = [plain(line) for line in by_library(text)]
    except (ValueError, KeyError, IndexError):
        expected = None
    try:
        found = [plain(line) for line in read_page(text.encode(), "text/plain", NAMES)]
    except Blind:
        found = None
    if expected is not None:
        assert found is None or found == expected
        foreign = any(line.strip() and "}" not in line and len(line.split()) == 1 for line in page)
        assert found is not None or foreign
    elif found is not None:  # the fault is in a line that nobody asked for, which only the library reads
        assert found == [plain(line) for one in page if _wanted(one) for line in by_library(one + "\n")]


def _wanted(line: str) -> bool:
    try:
        return bool(by_library(line + "\n"))
    except (ValueError, KeyError, IndexError):
        return False


def model_server() -> CollectorRegistry:
    """What a plain model server shows."""
    registry = CollectorRegistry()
    requests = Counter("http_requests", "Requests.", ["code"], registry=registry)
    requests.labels("200").inc(41)
    requests.labels("500").inc(exemplar={"trace": "abc"})
    seconds = Histogram("http_request_seconds", "Seconds.", buckets=(0.1, 0.25, 1), registry=registry)
    seconds.observe(0.2)
    Counter("http_requests_shed", "Not ours.", registry=registry).inc(9)
    return registry


@pytest.mark.parametrize("content_type", ["text/plain; version=0.0.4", OPENMETRICS])
def test_both_formats_of_a_real_page(content_type: str) -> None:
    """Counters, buckets and counts are found by their whole names; ``_created`` and neighbours are left aside."""
    generate = generate_openmetrics if content_type == OPENMETRICS else generate_latest
    names = frozenset({"http_requests_total", "http_request_seconds_bucket", "http_request_seconds_count"})
    found = {
        (name, *labels.values()): value
        for name, labels, value, _ in read_page(generate(model_server()), content_type, names)
    }
    assert found == {
        ("http_requests_total", "200"): 41,
        ("http_requests_total", "500"): 1,
        ("http_request_seconds_bucket", "0.1"): 0,
        ("http_request_seconds_bucket", "0.25"): 1,
        ("http_request_seconds_bucket", "1.0"): 1,
        ("http_request_seconds_bucket", "+Inf"): 1,
        ("http_request_seconds_count",): 1,
    }


def test_names_are_those_on_the_wire() -> None:
    """A counter without ``_total`` keeps its name, which the parser alone would lengthen."""
    page = b"# TYPE nv_inference_count counter\nnv_inference_count 3\n"
    assert read_page(page, "text/plain", frozenset({"nv_inference_count"})) == [("nv_inference_count", {}, 3, None)]


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        (b'x_total{slot="a"} 3', "text/plain"),
        (b'x_total{slot="a"} 3\nx_total{slot="b', "text/plain"),
        (b'# TYPE x counter\nx_total{slot="a"} 3\n', OPENMETRICS),
        (b"x_total\n", "text/plain"),
        (b"x_total three\n", "text/plain"),
        (b"# TYPE x counter\nx_total 1 1700\nx_total 2 1.5e3\n# EOF\n", OPENMETRICS),
        (b"<html>\nx_total 3\n", "text/plain"),
        (b"x_total \xff\n", "text/plain"),
        (b"x_total 3\n", "application/vnd.google.protobuf"),
    ],
)
def test_half_a_page_is_no_page(page: bytes, content_type: str) -> None:
    """A page that is cut short, is something else or cannot be read is refused as a whole."""
    with pytest.raises(Blind) as refused:
        read_page(page, content_type, NAMES)
    assert refused.value.why.reason is BlindReason.BAD_ANSWER


def test_too_many_samples() -> None:
    """A page with more samples of the metric than are ever read is refused before they are."""
    page = b'x_total{slot="a"} 3\n' * (LINES_MAX + 1)
    with pytest.raises(Blind) as refused:
        read_page(page, "text/plain", NAMES)
    assert refused.value.why.reason is BlindReason.TOO_MANY_SERIES
