"""The range band of the charts: what the daemon kept and nothing else, never across a gap or another stage."""

from __future__ import annotations

from rollout_tui.lines import Role, texts
from rollout_tui.widgets.band import Course, course_of
from rollout_tui.widgets.plot import Curve, Frame, Strait, plot
from rolloutd.pictures import SeriesPoint

SECONDS = 60


def point(delta: float | None = None, half: float = 0.0, *, blind: bool = False) -> SeriesPoint:
    """A moment, with a range where ``delta`` is given."""
    band = {} if delta is None else {"delta": delta, "low": delta - half, "high": delta + half}
    return SeriesPoint(at="", champion=0.1, challenger=None if blind else 0.1, **band)


def course(moments: list[tuple[float, SeriesPoint]], entered_s: tuple[float, ...] = ()) -> Course:
    """Over sixty columns of a second each."""
    return course_of(moments, entered_s, 2.5, round, SECONDS)


def columns(found: Course) -> list[int]:
    """Where there is a range."""
    return [x for x, both in enumerate(found.edges) if both is not None]


def test_a_range_is_drawn_between_its_moments_and_not_before() -> None:
    """From the first that was kept to the last; straight between two, also over moments that have none of their own."""
    moments = [(float(at), point(0.1 * at, 0.2) if at in (10, 14) else point()) for at in range(20)]
    found = course(moments)
    assert columns(found) == list(range(10, 15))
    assert found.deltas[12] is not None
    assert abs(found.deltas[12] - 1.2) < 1e-9
    assert found.newest is not None
    assert [round(edge, 9) for edge in found.newest] == [1.2, 1.6]


def test_no_range_is_no_zero() -> None:
    """Nothing was kept: nothing is there."""
    found = course([(float(at), point()) for at in range(20)])
    assert columns(found) == []
    assert found.newest is None
    assert set(found.deltas) == {None}


def test_a_gap_a_blind_moment_and_a_new_stage_break_it() -> None:
    """What was not measured, and what belongs to another stage, is not joined to what was."""
    gap = course([(10.0, point(0.1, 0.1)), (12.0, point(0.1, 0.1)), (30.0, point(0.1, 0.1)), (31.0, point(0.1, 0.1))])
    assert columns(gap) == [10, 11, 12, 30, 31]
    blind = course([(10.0, point(0.1, 0.1)), (12.0, point(blind=True)), (14.0, point(0.1, 0.1))])
    assert columns(blind) == [10, 14]
    stage = course([(10.0, point(0.1, 0.1)), (12.0, point(0.9, 0.1)), (14.0, point(0.9, 0.1))], entered_s=(11.0,))
    assert columns(stage) == [10, 12, 13, 14]


def test_a_band_is_cut_off_where_it_leaves_the_frame() -> None:
    """A wide early range does not press everything flat, and draws no edge where it has none."""
    edges: list[tuple[float, float] | None] = [(-5.0, 5.0)] * 20 + [(0.2, 0.8)] * 20 + [None] * 20
    strait = Strait(edges, Role.NOTICE, ":")
    rows = texts(plot(Frame(30, 4, 0.0, 1.0), [strait], None, [], ascii_only=True)).splitlines()
    assert all(row[20:].strip() == "" for row in rows), "nothing where nothing was kept"
    assert rows[0][10:20].strip(": ") == ""
    assert ":" in rows[0][10:20]
    line = Curve([0.5] * 60, Role.CHALLENGER, "*")
    both = texts(plot(Frame(30, 4, 0.0, 1.0), [strait, line], None, [], ascii_only=True))
    assert max(row.count("*") for row in both.splitlines()) == 30, "the line stands before its band"
