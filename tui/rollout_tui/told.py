"""What the command line says to the screen, and a reader of the usual lines that costs nothing; it opens nothing.

The reader takes only lines that it understands wholly and leaves every other one, also each mistake, to the parsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

THEMES = ("dark", "light", "terminal", "mono", "contrast")
_FLAGS = frozenset({"--ascii", "--utc", "--read-only", "--no-mouse"})
_VALUES = {"--socket-dir": "socket_dir", "--filter": "filter_text", "--theme": "theme"}


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says. ``theme`` empty: as the person's settings or the terminal say."""

    socket_dir: str = ""
    filter_text: str = ""
    plain: bool = False
    name: str = ""
    theme: str = ""
    ascii_only: bool = False
    utc: bool = False
    read_only: bool = False
    mouse: bool = True
    hosts: tuple[str, ...] = ()


def understood(words: Sequence[str]) -> Told | None:
    """What ``rollout`` alone and plain lines of ``rollout tui`` mean; None for every other command line."""
    if not words:
        return Told()
    if words[0] != "tui":
        return None
    said: dict[str, str] = {}
    flags: set[str] = set()
    rest = iter(words[1:])
    for word in rest:
        if word in _FLAGS:
            flags.add(word)
        elif word in _VALUES:
            value = next(rest, "")
            if not value or value.startswith("-"):
                return None
            said[_VALUES[word]] = value
        elif word.startswith("-") or not word or "name" in said:
            return None
        else:
            said["name"] = word
    if said.get("theme", "dark") not in THEMES:
        return None
    return Told(
        said.get("socket_dir", ""), said.get("filter_text", ""), False, said.get("name", ""), said.get("theme", ""),
        "--ascii" in flags, "--utc" in flags, "--read-only" in flags, "--no-mouse" not in flags,
    )  # fmt: skip
