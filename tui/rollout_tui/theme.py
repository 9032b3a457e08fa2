"""Roles to colours, for dark, light, plain and monochrome terminals; it must not say what the words do not say.

The pairs were chosen so that each role has a contrast of at least 4.5 on its background and any two roles stay apart
for normal sight and under the three common kinds of colour blindness.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rollout_tui.lines import Role, Span

if TYPE_CHECKING:
    from rich.style import Style


@dataclass(frozen=True, slots=True)
class Palette:
    """Background, text, and one colour a role; None means the terminal's own."""

    name: str
    background: str | None
    text: str | None
    colours: tuple[tuple[Role, str], ...] = ()

    def colour(self, role: Role) -> str | None:
        """The colour of a role, or the text's own."""
        return dict(self.colours).get(role, self.text)


DARK = Palette(
    "dark", "#121212", "#e6e6e6",
    ((Role.CRITICAL, "#d7541e"), (Role.WARNING, "#fce144"), (Role.NOTICE, "#828287"), (Role.GOOD, "#0a7cff"),
     (Role.CHALLENGER, "#e094e9")),
)  # fmt: skip
LIGHT = Palette(
    "light", "#ffffff", "#1a1a1a",
    ((Role.CRITICAL, "#d14401"), (Role.WARNING, "#3a2606"), (Role.NOTICE, "#736f6a"), (Role.GOOD, "#075ddb"),
     (Role.CHALLENGER, "#b22598")),
)  # fmt: skip
CONTRAST = Palette(
    "contrast", "#000000", "#ffffff",
    ((Role.CRITICAL, "#eca779"), (Role.WARNING, "#ffff00"), (Role.NOTICE, "#999999"), (Role.GOOD, "#99ebff"),
     (Role.CHALLENGER, "#ff33ff")),
)  # fmt: skip
TERMINAL = Palette(
    "terminal", None, None,
    ((Role.CRITICAL, "red"), (Role.WARNING, "yellow"), (Role.GOOD, "blue"), (Role.CHALLENGER, "magenta")),
)  # fmt: skip
MONO = Palette("mono", None, None)
PALETTES = {palette.name: palette for palette in (DARK, LIGHT, TERMINAL, MONO, CONTRAST)}


def choose(name: str | None = None, background: str | None = None) -> Palette:
    """The palette asked for, else mono when the environment asks for no colour, else what fits the background.

    ``background`` is what the terminal said of itself, as ``#rrggbb``; one that said nothing gets its own colours.
    """
    if name in PALETTES:
        return PALETTES[name]
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in {"dumb", "vt100", "vt220"}:
        return MONO
    told = os.environ.get("COLORFGBG", "").rpartition(";")[2]  # some terminals tell; 7 and 15 are light
    if told:
        return LIGHT if told in {"7", "15"} else DARK
    if background is None:
        return TERMINAL
    red, green, blue = (int(background[at : at + 2], 16) for at in (1, 3, 5))
    return LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 127 else DARK


def looks(role: Role, cursor: bool) -> tuple[bool, bool]:
    """Bold and reverse: the row under the cursor is reversed, critical text is bold and reversed."""
    return role in {Role.STRONG, Role.CRITICAL, Role.WARNING}, cursor or role is Role.CRITICAL


@cache
def style(palette: Palette, role: Role, cursor: bool = False) -> Style:
    """How a span in this role looks."""
    from rich.style import Style

    bold, reverse = looks(role, cursor)
    return Style(color=palette.colour(role), bgcolor=palette.background, bold=bold, reverse=reverse)


def span_style(palette: Palette, span: Span) -> Style:
    """The style of one span."""
    return style(palette, span.role, span.cursor)
