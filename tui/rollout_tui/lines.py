"""Text with roles, measured in terminal cells; it must not know colours, widgets or what the text is about.

A screen is a list of lines, a line a tuple of spans, a span a text with the role it plays. Everything that is drawn
goes through here, so that foreign text (reasons, names, errors) can neither move the cursor nor widen a column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len, set_cell_size


class Role(StrEnum):
    """What a piece of text is for. The theme turns roles into colours; the words carry the meaning without any."""

    PLAIN = "plain"
    STRONG = "strong"
    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"
    GOOD = "good"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Span:
    """A text in one role. ``cursor`` marks the row that keys act on."""

    text: str
    role: Role = Role.PLAIN
    cursor: bool = False


Line = tuple[Span, ...]
Part = str | Span


def clean(text: str) -> str:
    """Foreign text as one harmless line: anything that is not printable becomes ``?``, any kind of blank a space."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def width(text: str) -> int:
    """Cells that ``text`` takes on the terminal."""
    return cell_len(text)


def fit(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells: padded on the right, or cut with a last ``>`` that says so."""
    if cells <= 0:
        return ""
    if width(text) <= cells:
        return text + " " * (cells - width(text))
    return set_cell_size(text, cells - 1) + ">"


def right(text: str, cells: int) -> str:
    """``text`` at the right edge of exactly ``cells`` cells."""
    return " " * (cells - width(text)) + text if width(text) < cells else fit(text, cells)


def middle(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells, cut in its middle so that both ends stay readable."""
    if width(text) <= cells or cells < 5:
        return fit(text, cells)
    tail = (cells - 2) // 2
    return fit(text[: cells - 2 - tail] + ".." + text[len(text) - tail :], cells)


def line(*parts: Part) -> Line:
    """A line from texts and spans."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts if part != "")


def line_width(spans: Line) -> int:
    """Cells that a line takes."""
    return sum(width(span.text) for span in spans)


def crop(spans: Line, cells: int) -> Line:
    """A line of at most ``cells`` cells; what is cut is marked by a last ``>``."""
    if line_width(spans) <= cells:
        return spans
    kept: list[Span] = []
    left = cells
    for span in spans:
        if width(span.text) > left or (width(span.text) == left and span is not spans[-1]):
            kept.append(Span(fit(span.text + "  ", left), span.role, span.cursor))
            break
        kept.append(span)
        left -= width(span.text)
    return tuple(span for span in kept if span.text)


def flow(spans: Line, cells: int) -> list[Line]:
    """A line as several where it does not fit, broken only between spans."""
    rows: list[Line] = [()]
    for span in spans:
        if rows[-1] and line_width((*rows[-1], span)) > cells:
            rows.append((Span("  "), Span(span.text.lstrip(), span.role)))
        else:
            rows[-1] = (*rows[-1], span)
    return [crop(row, cells) for row in rows]


def spread(left: Line, far: Line, cells: int) -> Line:
    """``left`` at the left and ``far`` at the right edge; when both do not fit, ``far`` is kept and ``left`` cut."""
    room = cells - line_width(far)
    if room < 8:
        return crop((*left, Span("  "), *far), cells)
    start = crop(left, room - 1)
    return (*start, Span(" " * (room - line_width(start))), *far)


def wrap(text: str, cells: int, most: int) -> list[str]:
    """``text`` in at most ``most`` texts of ``cells`` cells, broken between words; the last is cut when it must be."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows[-1] else word
        if width(longer) <= cells or not rows[-1] or len(rows) == most:
            rows[-1] = longer
        else:
            rows.append(word)
    return [fit(row, cells) if width(row) > cells else row for row in rows]


def rule(cells: int, text: str = "", char: str = "-") -> str:
    """A horizontal rule with an optional text in it."""
    return fit(f"{char * 2} {text} " + char * cells, cells)[:cells].replace(">", char) if text else char * cells


def plain(spans: Line) -> str:
    """The line's text alone."""
    return "".join(span.text for span in spans)


def texts(lines: Iterable[Line]) -> str:
    """The whole picture as plain text, without trailing blanks: what a terminal without colour shows."""
    return "\n".join(plain(one).rstrip() for one in lines)
