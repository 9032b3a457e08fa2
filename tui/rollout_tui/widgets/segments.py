"""The segments of a rollout: what each has of the new version, what the gates found there, who is isolated. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, middle, right, wrap
from rollout_tui.scene import Scene
from rollout_tui.segmenting import picked

if TYPE_CHECKING:
    from rolloutd.wire import Status
    from rolloutd.wire_segments import SegmentGate, SegmentNow

_NAME, _SHARE, _SAMPLES, _GATE = 22, 8, 13, 26


def render_segments(scene: Scene, status: Status, room: int) -> list[Line]:
    """Heading, a line a segment, the reading, and what is under the cursor; at most ``room`` lines."""
    if not status.segments:
        return [line(), *(line(" " + row) for row in wrap(words.NO_SEGMENTS, scene.width - 2, 4))]
    here = picked(status, scene.segment)
    metrics = [gate.metric for gate in status.segments[0].gates]
    titles = "".join(fit(clean(metric), _GATE) for metric in metrics)
    heading = f"   {fit('SEGMENT', _NAME)}{right('ON NEW', _SHARE)}{right('REQUESTS NEW', _SAMPLES + 1)}   {titles}"
    top = [line(Span(fit(heading, scene.width), Role.NOTICE))]
    foot = [line(" " + row) for row in wrap(_reading(status), scene.width - 2, 2)]
    foot += [line(" " + row) for row in wrap(_told(here), scene.width - 2, 2)] if here is not None else []
    most = max(1, room - len(top) - len(foot))
    rows = [crop(_row(scene, row, chosen=row is here), scene.width) for row in status.segments]
    first = 0 if here is None else max(0, min(status.segments.index(here) - most + 1, len(rows) - most))
    return [*top, *rows[first : first + most], *foot]


def _row(scene: Scene, row: SegmentNow, *, chosen: bool) -> Line:
    mark = ">" if chosen else " "
    name = middle(clean(row.title), _NAME)
    if row.isolated:
        shown = "" if row.confirmed else " NOT CONFIRMED BY THE ROUTER"
        who = f"{clean(row.by)} {figures.clock(row.at, scene.look.zone)}"
        why = f"isolated by {who}{shown}: {clean(row.why)}"
        return line(f"{mark}-x {fit(name, _NAME - 1)}{right('0.0%', _SHARE)}   ", Span(why, Role.NOTICE))
    alarming = any(gate.alone and gate.harm_evidence > 0.5 for gate in row.gates)
    samples = max((gate.challenger_n for gate in row.gates), default=0)
    cells = (
        f"{fit(name, _NAME)}{right(figures.share(row.share), _SHARE)}{right(figures.count(samples), _SAMPLES + 1)}   "
    )
    marks = Span(f"{mark}{'!' if alarming else ' '} ", Role.WARNING if alarming else Role.PLAIN)
    return line(marks, cells + scene.stale, "".join(fit(_cell(gate), _GATE) for gate in row.gates))


def _cell(gate: SegmentGate) -> str:
    if gate.challenger is None or gate.champion is None:
        return "nothing to compare yet"
    harm = f" harm {figures.evidence(gate.harm_evidence)}" if gate.harm_evidence >= 0.01 else ""
    return f"{figures.rate(gate.champion)} > {figures.rate(gate.challenger)}{harm}"


def _reading(status: Status) -> str:
    alone = [
        (gate.metric, row.title) for row in status.segments for gate in row.gates if gate.alone and not row.isolated
    ]
    strong = [
        f"{clean(metric)} shows harm in {clean(title)} at least as much as in all segments together."
        for metric, title in alone
    ]
    said = strong[0] if strong else "No segment shows harm by itself."
    return f"READING {said} A segment alone never lets a rollout go up."


def _told(row: SegmentNow) -> str:
    if row.isolated:
        return f"{clean(row.title)}: its users are on the old version. Putting it back asks for a reason and y."
    part = figures.share(row.share)
    return (
        f"{clean(row.title)}: if you isolate it, the {part} of its users on new go back at once; the rollout goes on."
    )
