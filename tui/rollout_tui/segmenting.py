"""What isolating and putting back lead to: sent at once, or asked. Pure; the daemon decides about rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import words
from rollout_tui.facts import host_of, real_name
from rollout_tui.lines import clean
from rollout_tui.strip import Send, Step, Strip
from rolloutd.verbs import Risk, VerbRow

if TYPE_CHECKING:
    from rolloutd.wire import Status
    from rolloutd.wire_segments import SegmentNow

ON_SEGMENT = frozenset({"isolate", "putback"})
_DAEMON = "rolloutd"


def picked(status: Status | None, wanted: str) -> SegmentNow | None:
    """The segment under the cursor: the one that was gone to, or else the worst; None where there are none."""
    rows = status.segments if status is not None else []
    return next((row for row in rows if row.name == wanted), rows[0] if rows else None)


def beside(status: Status | None, wanted: str, way: int) -> str:
    """The segment above or below the cursor."""
    here = picked(status, wanted)
    if status is None or here is None:
        return wanted
    names = [row.name for row in status.segments]
    return names[max(0, min(len(names) - 1, names.index(here.name) + way))]


def on_segment(row: VerbRow, name: str, status: Status | None, segment: str, now_s: float) -> Send | Strip | str:
    """The action on the segment under the cursor of the rollout's own screen, or why there is none."""
    found = picked(status, segment)
    if status is None or found is None:
        return words.OPEN_SEGMENTS if status is None else words.NO_SEGMENTS
    if row.risk is not Risk.RAISES:
        from rolloutd.wire import ActionRequest

        return Send(name, row.verb, ActionRequest(segment=found.name))
    if not found.isolated:
        return words.NOT_ISOLATED.format(segment=clean(found.title))
    by_harm, there = found.by == _DAEMON, real_name(name)
    way = f"ssh {host_of(name)} " if host_of(name) else ""
    told = (
        f"Isolated by {clean(found.by)}: {clean(found.why)}",
        f'CLI: {way}rollout {row.verb} {there} {found.name} --if-revision {status.revision} --reason "..."'
        + (f" --override --confirm {there}" if by_harm else ""),
    )
    title = f"{'OVERRIDE: ' if by_harm else ''}PUT {clean(found.title)} BACK on {clean(status.challenger)}"
    steps = (Step.NAME, Step.REASON, Step.YES) if by_harm else (Step.REASON, Step.YES)
    return Strip(name, row.verb, title, told, steps, now_s, status.revision, override=by_harm, segment=found.name)
