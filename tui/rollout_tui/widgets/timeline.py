"""Tab 4: the record, newest first, and the bar that says where in it the screen stands. Pure; it reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, right
from rollout_tui.papers import told
from rollout_tui.scene import Scene

if TYPE_CHECKING:
    from rolloutd.wire import TimelineEntry

_SIGNS = {
    "StageEntered": "o", "VerdictReached": "!", "BlindnessBegan": "?", "RolloutHeld": "=", "RolloutResumed": "+",
    "RecedeStarted": "<", "RolloutEnded": "x", "RolloutClaimed": "c", "GateOverridden": "%", "DriftSeen": "/",
    "TrafficNotObeyed": "!", "PersonAsked": "@",
}  # fmt: skip


def render_timeline(scene: Scene, rows: int) -> list[Line]:
    """The record: when, who and how, what, why. In a replay the entry that the screen stands at is in sight."""
    timeline = scene.papers.timeline
    if timeline is None:
        return [
            line(" Reading the record ..." if not scene.stale else " The record was not read before contact was lost.")
        ]
    entries = told(timeline)
    at = _place(entries, scene)
    bar = [_bar(scene, entries, at)] if rows >= 6 and scene.width >= 60 else []
    cells = max(20, (scene.width - 33) * 55 // 100)
    heading = f" {fit('TIME', 9)}{right('REV', 5)}  {fit('WHO', 16)}{fit('WHAT', cells)}WHY"
    lines = [*bar, line(Span(fit(heading, scene.width), Role.NOTICE))]
    room = max(1, rows - len(lines))
    newest_first = list(reversed(entries))
    cursor = len(entries) - 1 - at if scene.papers.replay is not None else -1
    top = max(0, min(cursor - room // 2, len(entries) - room)) if cursor >= 0 else 0
    shown = newest_first[top : top + room]
    lines += [_entry(scene, entry, cells, cursor=top + k == cursor) for k, entry in enumerate(shown)]
    earlier = len(entries) - top - len(shown)
    if earlier > 0:
        more = (
            f" + {earlier + 1} earlier ones: {scene.keys.key('step-back')} goes back, rollout timeline {timeline.name}"
        )
        lines[-1] = line(Span(fit(more, scene.width), Role.NOTICE))
    return lines


def _place(entries: Sequence[TimelineEntry], scene: Scene) -> int:
    """The place of the entry that the screen stands at; the newest when it is live."""
    replay = scene.papers.replay
    if replay is None:
        return len(entries) - 1
    return next((k for k, entry in enumerate(entries) if entry.seq >= replay.seq), len(entries) - 1)


def _entry(scene: Scene, entry: TimelineEntry, cells: int, *, cursor: bool) -> Line:
    who = clean(entry.who) + (f" ({clean(entry.via)})" if entry.via else "")
    when = fit(figures.clock(entry.at, scene.look.zone, seconds=True), 9)
    what = fit(fit(clean(entry.what), cells - 1), cells)
    text = f"{when}{right(str(entry.version), 5)}  {fit(fit(who, 15), 16)}{what}{clean(entry.why) or '-'}"
    role = Role.STRONG if cursor else Role.PLAIN
    return crop(line(Span((">" if cursor else " ") + text, role)), scene.width)


def _bar(scene: Scene, entries: Sequence[TimelineEntry], at: int) -> Line:
    """The whole record on one line, by time, with a sign for what moved something and ``[]`` around the place."""
    if not entries:
        return line()
    first, last = (figures.moment(entries[k].at) for k in (0, -1))
    begin, end = (figures.clock(entries[k].at, scene.look.zone, seconds=True) for k in (0, -1))
    cells = scene.width - len(begin) - len(end) - 4
    text = ["-"] * cells
    for k, entry in enumerate(entries):
        moment = figures.moment(entry.at)
        if first is None or last is None or moment is None:
            continue
        whole = (last - first).total_seconds()
        x = round((moment - first).total_seconds() / whole * (cells - 1)) if whole > 0 else cells - 1
        if entry.kind in _SIGNS:
            text[x] = _SIGNS[entry.kind]
        if k == at and scene.papers.replay is not None:
            text[max(0, x - 1)], text[min(cells - 1, x + 1)] = "[", "]"
    return line(Span(f" {begin}|", Role.NOTICE), "".join(text), Span(f"|{end}", Role.NOTICE))
