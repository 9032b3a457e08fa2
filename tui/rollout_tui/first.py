"""The fleet's first frame: drawn from the stream's first messages while the screen's libraries are still to be loaded.

It is the frame that the screen draws of the same messages, by the same functions, and keys typed on it wait for the
screen. It must not act, and shows nothing at all rather than a guess.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, cast

from rollout_tui import clocks
from rollout_tui.bell import Bell
from rollout_tui.early import Early, NotNow
from rollout_tui.facts import Facts
from rollout_tui.lines import Line, Span, clean, line_width
from rollout_tui.link import Link
from rollout_tui.options import Options
from rollout_tui.order import Listing, arrange, keep_visible
from rollout_tui.pages import fleet_height, render_fleet
from rollout_tui.scene import Room, Scene
from rollout_tui.theme import Palette, looks
from rollout_tui.widgets.link_line import marked

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow
    from rolloutd.wire_daemon import Hello

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[2J"
LEAVE = "\x1b[?2004l\x1b[?25h\x1b[?1049l"
_NAMED = {"red": 1, "yellow": 3, "blue": 4, "magenta": 5}


def lines(early: Early, listing: Listing, base: Scene, wall_s: float | None = None) -> tuple[Line, ...]:
    """The frame. Raises NotNow where a message is not as this screen knows it, or the terminal is too small."""
    if base.room is Room.LINE:
        raise NotNow
    try:
        told, hello = json.loads(early.fleet), json.loads(early.hello)
        rows = {row["name"]: cast("FleetRow", SimpleNamespace(**row)) for row in told["rollouts"]}
        apart_s = 0.0 if wall_s is None else clocks.ahead_s(hello["as_of"], wall_s, 0.0)
        facts = Facts(
            ahead_s=apart_s,
            hello=cast("Hello", SimpleNamespace(**hello)),
            rows=MappingProxyType(rows),
            total=told["total"],
            urgent=frozenset(name for name, row in rows.items() if row.needs_you),
            hold=told["hold"],
            as_of=told["as_of"],
            fleet_link=Link(open=True, synced=True, heard_s=base.now_s),
        )
        scene = replace(base, facts=facts, listing=arrange(listing, rows))
        scene = replace(scene, listing=keep_visible(scene.listing, fleet_height(scene)))
        return marked(scene, render_fleet(scene))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotNow from None


def paint(frame: tuple[Line, ...], palette: Palette, width: int) -> str:
    """The frame as what a terminal takes; where it cannot show all colours, only bold and reverse."""
    full = os.environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}
    rows = []
    for at, spans in enumerate(frame):
        blank = Span(" " * (width - line_width(spans)))
        told = "".join(_sgr(palette, span, full=full) + clean(span.text) for span in (*spans, blank) if span.text)
        rows.append(f"\x1b[{at + 1};1H{told}\x1b[0m")
    return "".join(rows)


def _sgr(palette: Palette, span: Span, *, full: bool) -> str:
    bold, reverse = looks(span.role, span.cursor)
    codes = ["0", *(["1"] if bold else []), *(["7"] if reverse else [])]
    for base, colour in ((38, palette.colour(span.role)), (48, palette.background)):
        if colour in _NAMED:
            codes.append(str(base - 8 + _NAMED[colour]))
        elif colour is not None and full:
            codes.append(f"{base};2;" + ";".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5)))
    return f"\x1b[{';'.join(codes)}m"


def show(early: Early, options: Options, now_s: float) -> bool:
    """Draw it; False where there is nothing true to draw."""
    mine = options.preferences
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
        early.read()
        base = Scene(
            Facts(), now_s, size.columns, size.lines, options.look, note=mine.trouble, where=options.where,
            keys=mine.keys, bell=Bell(mine.ways, lambda _: None).say(now_s),
        )  # fmt: skip
        frame = lines(early, Listing(words=options.filter_text), base, time.time())
    except (NotNow, OSError):
        return False
    sys.stdout.write(ENTER + paint(frame, options.palette, size.columns))
    sys.stdout.flush()
    return True
