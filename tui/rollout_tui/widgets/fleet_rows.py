"""The fleet's list: only the rows that are visible are made, each a pure function of its row. It never sorts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import figures
from rollout_tui.facts import host_of, real_name
from rollout_tui.lines import Line, Role, Span, clean, crop, fit, line, middle, right, rule
from rollout_tui.order import below
from rollout_tui.scene import Room, Scene
from rollout_tui.words import state_word

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow

KEPT_MOST = 300
_kept: dict[str, tuple[FleetRow, tuple[object, ...], Line]] = {}
"""The last drawing of the rows in sight, so that a second in which nothing came costs nothing."""


def render_heading(scene: Scene) -> Line:
    """The names of the columns."""
    cells = _columns(scene)
    what = "ENDED ONLY" if scene.listing.ended else "ROLLOUT"  # also where there is no line for settings
    text = f"   {fit('STATE', 13)}{fit(what, cells[0])}"
    if scene.room in {Room.WIDE, Room.NORMAL}:
        text += f"{fit('HOST', _host_cells(scene))}{fit('STAGE', 7)}{right('ON NEW', 7)} {fit('(router)', 11)}"
        text += f"{fit('WORST SIGNAL', cells[1])}{fit('NEXT', cells[2])}WHO"
    elif scene.room is Room.SMALL:
        text += f"{right('ON NEW', 8)}  {fit('WORST SIGNAL', cells[1])}NEXT"
    else:
        text += right("ON NEW", 8)
    return line(Span(fit(text, scene.width), Role.NOTICE))


def render_rows(scene: Scene, height: int) -> list[Line]:
    """The visible part of the list in ``height`` lines, with the rule between urgent and quiet where it falls."""
    listing, rows = scene.listing, scene.facts.rows
    lines: list[Line] = []
    at = listing.top
    while len(lines) < height and at < len(listing.order):
        if at == listing.urgent and at > 0:
            lines.append(_divider(scene))
            if len(lines) == height:
                break
        row = rows.get(listing.order[at])
        if row is not None:
            lines.append(_drawn(scene, row, cursor=at == listing.cursor))
        at += 1
    return lines


def _drawn(scene: Scene, row: FleetRow, *, cursor: bool) -> Line:
    """The row as it was last drawn where nothing of it has changed; a row is never changed, only replaced."""
    how = (scene.width, scene.height, scene.stale_of(row.name), bool(scene.facts.hosts), scene.look.ascii, cursor)
    kept = _kept.get(row.name)
    if kept is not None and kept[0] is row and kept[1] == how:
        return kept[2]
    if len(_kept) > KEPT_MOST:
        _kept.clear()
    drawn = render_row(scene, row, cursor=cursor)
    _kept[row.name] = (row, how, drawn)
    return drawn


def row_at(scene: Scene, y: int) -> int | None:
    """The place in the list that is drawn on line ``y`` of the list, or None."""
    listing = scene.listing
    at = listing.top + y
    if listing.urgent > 0 and listing.top <= listing.urgent <= at:
        at -= 1
        if at < listing.urgent:
            return None
    return at if at < len(listing.order) else None


def _divider(scene: Scene) -> Line:
    """The rule under what needs somebody. Where the order was left alone and is no longer right, it says so."""
    listing, rows = scene.listing, scene.facts.rows
    above = sum(1 for name in listing.order[: listing.urgent] if name in rows and rows[name].needs_you)
    late = below(listing, rows) if scene.facts.needs_you > above else 0  # 5,000 rows are not counted each second
    if late:
        return line(Span(rule(scene.width, f"{late} below here need you now: press g"), Role.WARNING))
    return line(Span(rule(scene.width, "below here nothing needs you now"), Role.NOTICE))


def _columns(scene: Scene) -> tuple[int, int, int]:
    """Widths of rollout, worst signal and next: what the fixed columns leave, shared out."""
    if scene.room in {Room.WIDE, Room.NORMAL}:
        left = scene.width - 16 - 7 - 19 - 8 - _host_cells(scene)
        first = max(18, left * 30 // 100)
        second = (left - first) * 55 // 100
        return first, second, left - first - second
    if scene.room is Room.SMALL:
        left = scene.width - 16 - 10
        first = left * 33 // 100
        second = (left - first) * 52 // 100
        return first, second, left - first - second
    return max(5, scene.width - 16 - 8), 0, 0


def _host_cells(scene: Scene) -> int:
    """The width of the column HOST, which is there where there are several."""
    return min(20, 2 + max(len(host) for host in scene.facts.hosts)) if scene.facts.hosts else 0


def _who_is_new(row: FleetRow, *, both: bool) -> str:
    """A rollout's name with its versions."""
    old, new = clean(row.champion), clean(row.challenger)
    name = real_name(row.name) if both else row.name
    return f"{name} {old}>{new}" if both else f"{name} {new}"


def render_row(scene: Scene, row: FleetRow, *, cursor: bool = False) -> Line:
    """One rollout."""
    word, mark = state_word(row.state), scene.stale_of(row.name)
    cells = _columns(scene)
    wide = scene.room in {Room.WIDE, Room.NORMAL}
    symbol = word.ascii if scene.look.ascii else word.symbol
    head = Span(fit(f"{fit(symbol, 2)} {word.word}{mark}", 16), word.role, cursor)
    over = row.ended and row.observed is None  # the router is not asked about it any more; the word says who has it all
    same = over or (row.observed is not None and abs(row.observed - row.asked) < 5e-5)
    asked = "-" if over else figures.share(row.asked)
    observed = "-" if over else "?" if row.observed is None else figures.share(row.observed)
    if wide:
        stage = "-" if row.ended else f"{row.stage + 1}/{row.stages}"
        router = f"({right(observed + mark, 6)}{'' if same else ' !'})"
        host = middle(clean(host_of(row.name)), max(0, _host_cells(scene) - 1)) + " " if scene.facts.hosts else ""
        share = f"{host}{fit(stage, 7)}{right(asked + mark, 7)} {fit(router, 11)}"
    else:
        share = right(f"{asked}{mark}{' ' if same else '!'}", 8)
    name = fit(middle(_who_is_new(row, both=wide), cells[0] - 1), cells[0])
    rest: list[str] = []  # each a span of its own: only what changed of a line is painted anew
    if cells[1]:
        worst, following = clean(row.worst) or "none", clean(row.next) or "-"
        lead = "" if wide else "  "
        rest = [f"{lead}{fit(fit(worst + mark, cells[1] - 1), cells[1])}", fit(following + mark, cells[2] - wide)]
    who = " " + fit(clean(row.who) or "-", 8) if wide else ""
    shares = Span(share, Role.PLAIN if same else Role.WARNING, cursor)
    parts = (head, Span(name, cursor=cursor), shares, *(Span(text, cursor=cursor) for text in (*rest, who)))
    return crop(line(*(part for part in parts if part.text)), scene.width)
