"""Tab 3: the segments as they stand, the cursor on the worst, isolation at once and putting back only when asked."""

from __future__ import annotations

from dataclasses import replace

from rollout_tui.lines import plain
from rollout_tui.segmenting import beside, on_segment
from rollout_tui.strip import Send, Step, Strip
from rollout_tui.widgets.segments import render_segments
from rolloutd.verbs import BY_NAME
from rolloutd.wire import Status
from rolloutd.wire_segments import SegmentGate, SegmentNow
from tests.tui import worlds
from tests.tui.test_pages import facts, scene

ISOLATE, PUTBACK = BY_NAME["isolate"], BY_NAME["putback"]


def a_gate(harm: float, *, alone: bool = False) -> SegmentGate:
    """One gate in one segment."""
    return SegmentGate(
        metric="errors",
        champion=0.01,
        challenger=0.03,
        champion_n=900,
        challenger_n=100,
        harm_evidence=harm,
        alone=alone,
    )


def with_segments(by: str = "rolloutd") -> Status:
    """A rollout with a bad segment, a good one and an isolated one."""
    status = worlds.status()
    rows = [
        SegmentNow(name="apac", title="region=apac", share=0.1, gates=[a_gate(0.97, alone=True)]),
        SegmentNow(name="eu", title="region=eu", share=0.1, gates=[a_gate(0.0)]),
        SegmentNow(name="cn", title="region=cn", share=0.0, isolated=True, by=by, why="harm", gates=[a_gate(0.2)]),
    ]
    return status.model_copy(update={"segments": rows})


def test_the_tab_names_the_worst_and_who_isolated_whom() -> None:
    """Nothing is cut that a person needs: names, shares, both rates, harm, and who took whom off."""
    shown = "\n".join(plain(row) for row in render_segments(scene(facts(), (120, 36)), with_segments("ops3"), 20))
    for text in (
        ">! region=apac",
        "10.0%",
        "1.00% > 3.00% harm 97%",
        "-x region=cn",
        "isolated by ops3",
        "READING errors",
    ):
        assert text in shown


def test_few_lines_keep_the_cursor_in_sight() -> None:
    """However small the terminal is, the segment that a key acts on is shown."""
    status = with_segments()
    for name in ("apac", "eu", "cn"):
        rows = render_segments(replace(scene(facts(), (80, 24)), segment=name), status, 5)
        assert len(rows) <= 5 or name in plain(rows[1])
        assert any(plain(row).startswith(">") and name in plain(row) for row in rows)


def test_the_cursor_walks_and_stops_at_the_ends() -> None:
    """It begins on the worst one."""
    status = with_segments()
    assert [beside(status, name, 1) for name in ("", "apac", "cn")] == ["eu", "eu", "cn"]
    assert beside(status, "apac", -1) == "apac"


def test_isolating_goes_out_at_once_with_its_segment() -> None:
    """No question: it lowers."""
    sent = on_segment(ISOLATE, "ranker", with_segments(), "eu", 0.0)
    assert isinstance(sent, Send)
    assert (sent.verb, sent.request.segment, sent.revision) == ("isolate", "eu", None)


def test_putting_back_asks_and_after_harm_it_is_an_override() -> None:
    """A reason and y; the name typed out where the daemon took the segment off."""
    assert isinstance(on_segment(PUTBACK, "ranker", with_segments(), "eu", 0.0), str)
    for by, first in (("ops3", Step.REASON), ("rolloutd", Step.NAME)):
        strip = on_segment(PUTBACK, "ranker", with_segments(by), "cn", 0.0)
        assert isinstance(strip, Strip)
        assert (strip.segment, strip.steps[0], strip.override) == ("cn", first, by == "rolloutd")
