"""Tab 2: each metric over time, champion and challenger apart also without colour, with the marks of stages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, line_width, right, width
from rollout_tui.papers import Chart, Range, metrics
from rollout_tui.scene import Scene
from rollout_tui.widgets.band import Course, course_of
from rollout_tui.widgets.plot import Curve, Frame, Strait, plot, spread_of

if TYPE_CHECKING:
    from rolloutd.pictures import SeriesPoint
    from rolloutd.wire import GateNow, Status

LABEL = 9
LOWEST = 4
JOINED = 2.5
LAST_S = 900.0


@dataclass(frozen=True, slots=True)
class Axis:
    """The time from the left edge to the right one, in seconds of the epoch, and the columns of cells between."""

    begin_s: float
    end_s: float
    cells: int

    def column(self, at_s: float, a_cell: int = 1) -> int:
        """The column of a moment; ``a_cell`` is 2 for columns of dots."""
        part = (at_s - self.begin_s) / (self.end_s - self.begin_s) if self.end_s > self.begin_s else 1.0
        return round(part * (self.cells * a_cell - 1))


def _at_s(text: str | None) -> float | None:
    found = figures.moment(text)
    return None if found is None else found.timestamp()


def render_charts(scene: Scene, status: Status, room: int, until: str = "") -> list[Line]:
    """As many metrics as fit, each with a heading and a plot, and the time at the foot. ``until`` ends a past."""
    names, chart = metrics(status, scene.papers), scene.papers.chart
    heading = _heading(scene, status)
    if not names:
        return [heading, line(" No metric is known of this rollout yet.")]
    height = max(LOWEST, min(16, (room - 2) // min(len(names), max(1, (room - 2) // LOWEST))))
    fits = max(1, (room - 2) // height)
    first = min(chart.first, max(0, len(names) - fits))
    axis = _axis(scene, status, chart, until)
    lines = [heading]
    for name in names[first : first + fits]:
        lines += _one(scene, status, name, axis, height, until)
    lines.append(_foot(scene, axis, status))
    if fits < len(names):
        others = len(names) - fits
        keys = f"{scene.keys.key('lower')} {scene.keys.key('upper')}"
        lines[0] = crop(line(*heading, Span(f"   + {others} more: {keys}", Role.NOTICE)), scene.width)
    return lines


def _heading(scene: Scene, status: Status) -> Line:
    """What is drawn and how."""
    chart, ascii_only = scene.papers.chart, scene.look.ascii
    key = scene.keys.key
    old, new, band = ("....", "****", "::::") if ascii_only else ("⠁⠁⠁⠁", "⠒⠒⠒⠒", "⠅⠁⠅⠁")
    if not chart.difference:
        drawn = f" {old} champion {clean(status.champion)}  "
        return crop(
            line(drawn, Span(f"{new} challenger {clean(status.challenger)}", Role.CHALLENGER),
                 f"   {key('range')} range: {chart.range}   {key('view')} view: both"), scene.width,
        )  # fmt: skip
    sure = next((f"{gate.confidence:.0%} " for gate in status.gates), "")
    told = f"   {key('range')} range: {chart.range}   {key('view')} view: difference"
    told_of = f"  {band} {sure}range  {old} moments"
    parts = (Span(f" {new} challenger less champion, so far", Role.CHALLENGER), told_of, told)
    if line_width(line(*parts)) > scene.width:
        told = f"  {key('range')} {chart.range}  {key('view')} both"
        parts = (Span(f" {new} difference so far", Role.CHALLENGER), told_of, told)
    return crop(line(*parts), scene.width)


def _axis(scene: Scene, status: Status, chart: Chart, until: str) -> Axis:
    """The time that is shown: from the range's beginning to the newest moment there is."""
    now_s = _at_s(until or (status.ended_at if status.ended else status.as_of)) or 0.0
    begin_s = _at_s(status.started_at) or now_s - LAST_S
    if chart.range is Range.LAST:
        begin_s = now_s - LAST_S
    elif chart.range is Range.STAGE and not status.ended:
        begin_s = now_s - max(1.0, status.stage.elapsed_s)
    points = [_at_s(series.points[0].at) for series in scene.papers.series.values() if series.points]
    known = [at_s for at_s in points if at_s is not None and begin_s <= at_s < now_s]
    if known and chart.range is Range.WHOLE:
        begin_s = min(known)
    return Axis(begin_s, max(now_s, begin_s + 1.0), max(10, scene.width - LABEL - 1))


def columns(points: Sequence[SeriesPoint], axis: Axis, every_s: float, *, difference: bool) -> list[list[float | None]]:
    """One value a column of dots for each curve. Counts in a column are summed, neighbours joined."""
    count = axis.cells * 2
    sums: list[list[float]] = [[0.0, 0.0, 0.0, 0.0] for _ in range(count)]
    for point in points:
        at_s = _at_s(point.at)
        if at_s is None or not axis.begin_s <= at_s <= axis.end_s:
            continue
        here = sums[axis.column(at_s, 2)]
        for k, part in enumerate((point.champion_n, point.champion_bad, point.challenger_n, point.challenger_bad)):
            here[k] += part
    old = [bad / n if n > 0 else None for n, bad, _, _ in sums]
    new = [bad / n if n > 0 else None for _, _, n, bad in sums]
    seconds_a_dot = (axis.end_s - axis.begin_s) / max(1, count)
    reach = int(JOINED * every_s / seconds_a_dot) if seconds_a_dot > 0 else 0
    if difference:
        both = [None if a is None or b is None else b - a for a, b in zip(old, new, strict=True)]
        return [_joined(both, reach)]
    return [_joined(old, reach), _joined(new, reach)]


def _joined(values: list[float | None], reach: int) -> list[float | None]:
    """Values with the columns between two of them filled in a straight line, where they are no further apart."""
    found, last = list(values), -1
    for at, value in enumerate(values):
        if value is None:
            continue
        before = values[last] if last >= 0 else None
        if before is not None and 1 < at - last <= max(1, reach):
            for k in range(last + 1, at):
                found[k] = before + (value - before) * (k - last) / (at - last)
        last = at
    return found


def _one(scene: Scene, status: Status, metric: str, axis: Axis, height: int, until: str) -> list[Line]:
    """One metric: its numbers now, and its plot."""
    gate = next((one for one in status.gates if one.metric == metric), None)
    series, chart = scene.papers.series.get(metric), scene.papers.chart
    title = _title(scene, metric, gate)
    rows = height - 1
    if series is None:
        told = "Reading its course ..." if scene.stale == "" else "Its course was not read before contact was lost."
        return [title, line(" " * (LABEL + 1), Span(told, Role.NOTICE)), *([()] * (rows - 1))]
    points = [one for one in series.points if not until or (_at_s(one.at) or 0.0) <= (_at_s(until) or 0.0)]
    values = columns(points, axis, series.every_s, difference=chart.difference)
    far = _so_far(points, axis, series.every_s, status) if chart.difference else None
    curves, below = _curves(values, far)
    limit = None if chart.difference or gate is None else gate.limit
    level = 0.0 if chart.difference else limit
    newest = far.newest if far is not None else None
    between = spread_of(curves[-1:] if newest else curves, [0.0, *(newest or ())] if chart.difference else [])
    if between is None:
        return [title, line(" " * (LABEL + 1), Span(f"no data in {chart.range}", Role.WARNING)), *([()] * (rows - 1))]
    if chart.difference and newest is None:
        title = crop(line(*title, Span("   no range on record here", Role.NOTICE)), scene.width)
    low, high = between
    if newest is not None:  # single moments are noise beside it: what lies far out is cut off
        near = [one if one is not None and low <= one <= high else None for one in curves[0].values]
        curves[0] = replace(curves[0], values=near)
    if limit is not None and limit <= high * 2:
        high = max(high, limit * 1.05)
    frame = Frame(axis.cells, rows, low, high)
    marks = list(_marks(axis, status))
    drawn = plot(frame, [*below, *curves], level, marks, ascii_only=scene.look.ascii)
    kind = gate.kind if gate is not None else ""

    def say(value: float) -> str:
        return figures.delta(value, kind) if chart.difference else figures.rate(value, kind)

    labels = {0: say(high), rows - 1: say(low)}
    return [title, *((Span(right(labels.get(y, ""), LABEL) + " ", Role.NOTICE), *row) for y, row in enumerate(drawn))]


def _so_far(points: Sequence[SeriesPoint], axis: Axis, every_s: float, status: Status) -> Course:
    """The difference of the stage so far with its range, where the daemon kept one."""
    timed = [(at_s, one) for one in points if (at_s := _at_s(one.at)) is not None]
    moments = [(at_s, one) for at_s, one in timed if axis.begin_s <= at_s <= axis.end_s]
    entered = [at_s for stage in status.stages if (at_s := _at_s(stage.entered_at)) is not None]
    return course_of(moments, entered, JOINED * every_s, lambda at_s: axis.column(at_s, 2), axis.cells * 2)


def _curves(values: list[list[float | None]], far: Course | None) -> tuple[list[Curve], list[Strait]]:
    """The lines, the strongest last, and what lies below them: both versions, or their difference with its range."""
    if far is None:
        both = [Curve(values[0], Role.PLAIN, ".", dotted=True), Curve(values[-1], Role.CHALLENGER, "*")]
        return both, []
    moments = Curve(values[0], Role.PLAIN, ".", dotted=True)
    return [moments, Curve(far.deltas, Role.CHALLENGER, "*")], [Strait(far.edges, Role.NOTICE, ":")]


def _title(scene: Scene, metric: str, gate: GateNow | None) -> Line:
    """The metric's name and its numbers on this stage."""
    mark = scene.stale
    name = Span(f" {clean(metric)}" + (f" >{gate.slo_ms:g}ms" if gate and gate.slo_ms is not None else ""), Role.STRONG)
    if gate is None or scene.papers.replay is not None:
        return line(name)
    if gate.state == "blind":
        return crop(line(name, "  ", Span(f"BLIND{mark}, no data now", Role.WARNING)), scene.width)
    old, new = figures.rate(gate.champion, gate.kind), figures.rate(gate.challenger, gate.kind)
    told = (
        f"  champion {old}{mark}  challenger {new}{mark}"
        f"  {figures.delta(gate.delta, gate.delta_kind)}{mark} ({figures.span(gate.range, gate.delta_kind)}{mark})"
    )
    limit = "" if gate.limit is None else f"  limit {figures.rate(gate.limit)}"
    return crop(line(name, told, Span(limit, Role.WARNING)), scene.width)


def _marks(axis: Axis, status: Status) -> dict[int, str]:
    """The columns in which a stage was entered, with its share."""
    found: dict[int, str] = {}
    for stage in status.stages:
        at_s = _at_s(stage.entered_at)
        if at_s is not None and axis.begin_s < at_s < axis.end_s:
            found[axis.column(at_s)] = figures.share(stage.share)
    return found


def _foot(scene: Scene, axis: Axis, status: Status) -> Line:
    """The time at both edges, and where stages were entered."""
    newest = figures.moment(status.as_of)
    text = [" "] * axis.cells
    for at, share in sorted(_marks(axis, status).items()):
        label = f"|{share}"
        text[at : at + len(label)] = label
    inner = "".join(text)[: axis.cells]
    if newest is None:
        return line(" " * (LABEL + 1), inner)
    begin = newest + timedelta(seconds=axis.begin_s - newest.timestamp())
    end = newest + timedelta(seconds=axis.end_s - newest.timestamp())
    begun, ended = (one.astimezone(scene.look.zone).strftime("%H:%M:%S") for one in (begin, end))
    edge = ended if scene.papers.replay is not None else f"now {ended}"
    room = axis.cells - width(edge) - 1
    body = inner[:room] if inner[room:].strip() == "" else fit(inner, room)
    return line(Span(right(begun, LABEL) + " ", Role.NOTICE), Span(fit(body, room) + " " + edge, Role.NOTICE))
