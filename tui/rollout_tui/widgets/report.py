"""A rollout's report as lines that scroll, with where its file is. Pure; every word of it is the report's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout_tui.actions import command
from rollout_tui.lines import Line, Role, Span, clean, crop, line, rule, width
from rollout_tui.pages import render_foot, stack
from rollout_tui.scene import Room, Scene
from rollout_tui.widgets.link_line import render_link


@dataclass(frozen=True, slots=True)
class Page:
    """What was read: the rows of the text, when it is of, its file (or why there is none), and the first row shown."""

    name: str
    rows: tuple[str, ...] = ()
    as_of: str = ""
    file: str = ""
    trouble: str = ""
    first: int = 0


def broken(rows: Sequence[str], cells: int) -> list[str]:
    """The rows in this width: a long one goes on below itself, so that nothing is cut."""
    from textwrap import wrap  # only who asks for a report loads it

    found: list[str] = []
    for row in map(clean, rows):
        short = [row] if width(row) <= cells else wrap(row, max(10, cells), subsequent_indent="    ")
        found += short or [""]
    return found


def moved(scene: Scene, page: Page, steps: int) -> int:
    """The first row after so many steps; what is there stays in sight."""
    return max(0, min(len(broken(page.rows, scene.width - 1)) - page_height(scene, page), page.first + steps))


def page_height(scene: Scene, page: Page) -> int:
    """How many rows are in sight."""
    return max(1, scene.height - len(_head(scene, page)) - len(render_foot(scene, _keys(scene, ""))))


def render_report(scene: Scene, page: Page) -> tuple[Line, ...]:
    """The part of the report that is in sight."""
    head = _head(scene, page)
    if not page.rows:
        return stack(scene, head, [line(" Reading what was recorded ...")], render_foot(scene, _keys(scene, "")))
    rows = broken(page.rows, scene.width - 1)
    height = page_height(scene, page)
    first = max(0, min(page.first, len(rows) - height))
    where = f"   {first + 1}-{min(len(rows), first + height)} of {len(rows)}" if len(rows) > height else ""
    body = [crop(line(" " + row), scene.width) for row in rows[first : first + height]]
    return stack(scene, head, body, render_foot(scene, _keys(scene, where)))


def _head(scene: Scene, page: Page) -> list[Line]:
    """Whose report this is, and where it is to be found as a file."""
    title = line(Span(f"Report of {page.name}", Role.STRONG), "   ", render_link(scene))
    if page.as_of:
        title = (*title, Span(f"   as of {clean(page.as_of)}"))
    if scene.room is Room.LINE or not (page.file or page.trouble):
        return [crop(title, scene.width), line(rule(scene.width))]
    told, role = f"As a page for a browser: {clean(page.file)}", Role.GOOD
    if not page.file:
        by_command = command("report", page.name)
        told, role = f"No file was written ({clean(page.trouble)}). By command: {by_command}", Role.WARNING
    return [crop(title, scene.width), *_on_lines(told, role, scene.width), line(rule(scene.width))]


def _on_lines(text: str, role: Role, cells: int) -> list[Line]:
    """A text whose path must be readable whole: broken wherever the line ends."""
    return [line(Span(text[at : at + cells], role)) for at in range(0, len(text), cells)]


def _keys(scene: Scene, where: str) -> Line:
    key = scene.keys.key
    stops = Span(f"{key('abort')} ABORT  {key('pause')} pause", Role.CRITICAL)
    moves = f"   {key('line-down')} {key('line-up')} move  {key('page-down')} {key('page-up')} page   Esc close{where}"
    return crop(line(stops, moves), scene.width)
