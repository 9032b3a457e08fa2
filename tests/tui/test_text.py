"""Numbers, times and cut lines: nothing is rounded to what it is not, nothing runs over its cells."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line_width, middle, plain, right, spread, width, wrap
from rollout_tui.widgets.canvas import changed
from rollout_tui.widgets.evidence import render_bar

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
LINES = st.lists(TEXT.map(clean).map(Span), max_size=6).map(tuple)


@given(st.floats(0, 1))
def test_a_share_above_nothing_never_reads_zero(share: float) -> None:
    """0.0% means exactly nothing, 100.0% is not reached early by more than half a basis point."""
    shown = figures.share(share)
    assert (shown == "0.0%") == (share == 0)
    if shown == "100.0%":
        assert share >= 0.99995


@pytest.mark.parametrize(("share", "shown"), [(0.1, "10.0%"), (0.0025, "0.25%"), (0.00001, "<0.01%"), (1, "100.0%")])
def test_shares(share: float, shown: str) -> None:
    """One decimal, two where one would not be the truth."""
    assert figures.share(share) == shown


@given(st.floats(0, 2))
def test_evidence_reads_100_only_when_the_line_is_reached(part: float) -> None:
    """99.9 % of the way is not there."""
    assert (figures.evidence(part) == "100%") == (part >= 1 - 1e-11)


@given(st.floats(0, 1.5), st.floats(0, 1.5), st.integers(4, 12))
def test_the_bar_is_full_only_at_the_line(harm: float, safe: float, half: int) -> None:
    """Each side ends in a star exactly when its line is reached, and shows a mark for anything above nothing."""
    text = plain(render_bar(harm, safe, half))
    assert width(text) == 2 * half + 3
    left, far = text[1 : half + 1], text[half + 2 : -1]
    assert (left[0] == "*") == (harm >= 1)
    assert (far[-1] == "*") == (safe >= 1)
    assert ("#" in left) == (harm > 0)
    assert ("#" in far) == (safe > 0)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "never"),
        (8.9, "8s"),
        (372, "6m12s"),
        (7860, "2h11m"),
        (172_799, "47h59m"),
        (273_600, "3d04h"),
        (-3, "0s"),
    ],
)
def test_ages(seconds: float | None, shown: str) -> None:
    """Two units at most, rounded down."""
    assert figures.age(seconds) == shown


def test_times_are_shown_in_the_zone_asked_for_and_junk_is_a_dash() -> None:
    """RFC 3339 in, time of day out."""
    assert figures.clock("2026-01-02T03:13:04Z", UTC, seconds=True) == "03:13:04"
    assert figures.clock("2026-01-02T03:13:04+02:00", UTC) == "01:13"
    assert figures.clock("soon", UTC) == figures.clock(None, UTC) == "-"


@given(TEXT, st.integers(0, 50))
def test_cut_texts_have_exactly_their_cells(text: str, cells: int) -> None:
    """Padded or cut, at the right or in the middle: the column keeps its width, also for wide characters."""
    harmless = clean(text)
    assert width(fit(harmless, cells)) == cells
    assert width(middle(harmless, cells)) == cells
    assert width(right(harmless, cells)) == cells


@given(LINES, LINES, st.integers(1, 60))
def test_lines_never_run_over(left: Line, far: Line, cells: int) -> None:
    """Neither a cropped nor a spread line is wider than the terminal."""
    assert line_width(crop(left, cells)) <= cells
    assert line_width(spread(left, far, cells)) <= cells


@given(st.text("ab \n", max_size=200), st.integers(2, 30), st.integers(1, 4))
def test_wrapped_text_keeps_its_limits(text: str, cells: int, most: int) -> None:
    """At most so many rows, none too wide."""
    rows = wrap(text, cells, most)
    assert 1 <= len(rows) <= most
    assert all(width(row) <= cells for row in rows)


@given(TEXT)
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    """No control, format or private character survives."""
    assert all(char.isprintable() or char == " " for char in clean(text) if width(char))
    assert "\n" not in clean(text)


SHORT = st.lists(st.tuples(st.text("ab ", max_size=6), st.sampled_from(list(Role))), max_size=5).map(
    lambda parts: tuple(Span(text, role) for text, role in parts)
)


@given(SHORT, SHORT, st.integers(1, 30))
def test_what_is_not_painted_anew_is_as_it_was(old: Line, new: Line, cells: int) -> None:
    """Outside of the cells that are said to differ, both lines show the same letters in the same roles."""

    def shown(spans: Line) -> list[tuple[str, Role]]:
        known = [(letter, span.role) for span in spans for letter in span.text]
        return (known + [(" ", Role.PLAIN)] * cells)[:cells]

    if old != new:
        begin, end = changed(old, new, cells)
        assert 0 <= begin < end <= cells
        before, after = shown(old), shown(new)
        assert before[:begin] + before[end:] == after[:begin] + after[end:]
