"""Says on which line of a TOML text each key stands; it must not judge the text, which tomllib has accepted before.

No TOML reader for Python keeps the position of a value, so this walks the text a second time and looks at its shape
only: headers, keys, and where a value ends. A path that was never written has the line of its nearest ancestor.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""Keys and list indices (from 0) on the way from the top of a file to a value."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ONE_LINE_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|' r"'[^']*'")
_MANY_LINE_TEXT = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}", re.DOTALL)
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """Line numbers (from 1) by path."""

    by_path: dict[Path, int] = field(default_factory=dict)

    def of(self, path: Path) -> int:
        """The line of this path, or of the nearest ancestor that was written; 1 when there is none."""
        while path and path not in self.by_path:
            path = path[:-1]
        return self.by_path.get(path, 1)

    def renamed(self, old: Path, new: Path) -> Lines:
        """The same lines, where everything under ``old`` is also found under ``new``."""
        size = len(old)
        twins = {new + path[size:]: line for path, line in self.by_path.items() if path[:size] == old}
        return Lines(self.by_path | twins)


def locate(text: str) -> Lines:
    """The lines of every key and list element of a text that tomllib accepts. Never raises.

    A text that it cannot follow (there should be none) has the lines found up to there.
    """
    scanner = _Scanner(text)
    with suppress(_LostError, tomllib.TOMLDecodeError):  # an ancestor's line is better than a wrong one
        scanner.document()
    return Lines(scanner.found)


class _LostError(Exception):
    """The text does not have the shape that was expected here."""


class _Scanner:
    """One walk over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._sizes: dict[Path, int] = {}  # how many [[headers]] each list of tables has had so far

    def document(self) -> None:
        """Headers and pairs until the end of the text."""
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        """``[a.b]`` or ``[[a.b]]``: the path that the following keys belong to."""
        line = self._line()
        is_list = self.text.startswith("[[", self.at)
        brackets = 2 if is_list else 1
        self.at += brackets
        keys = self._dotted_key()
        for _ in range(brackets):
            self._take("]")
        path: Path = ()
        for key in keys[:-1]:
            path += (key,)
            if path in self._sizes:
                path += (self._sizes[path] - 1,)
        path += (keys[-1],)
        if is_list:
            index = self._sizes.get(path, 0)
            self._sizes[path] = index + 1
            self._mark(path, line)
            path += (index,)
        self._mark(path, line)
        self.found[path] = line  # its own header, even where a sub-table came first
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table + self._dotted_key()
        self._mark(path, line)
        self._take("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        if self.text.startswith(('"""', "'''"), self.at):
            self._need(_MANY_LINE_TEXT)
        elif self.text.startswith(('"', "'"), self.at):
            self._need(_ONE_LINE_TEXT)
        elif self.text.startswith("[", self.at):
            self._list(path)
        elif self.text.startswith("{", self.at):
            self._inline_table(path)
        else:
            self._need(_PLAIN_VALUE)

    def _list(self, path: Path) -> None:
        self.at += 1
        index = 0
        while not self._ends_with("]"):
            self._mark((*path, index), self._line())
            self._value((*path, index))
            self._comma()
            index += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while not self._ends_with("}"):
            self._pair(path)
            self._comma()

    def _ends_with(self, bracket: str) -> bool:
        """Step over blanks, and over ``bracket`` if it is next."""
        self._skip(_BLANK)
        ended = self.text.startswith(bracket, self.at)
        self.at += ended
        return ended

    def _comma(self) -> None:
        self._skip(_BLANK)
        self.at += self.text.startswith(",", self.at)

    def _dotted_key(self) -> tuple[str, ...]:
        keys = [self._one_key()]
        while self.text.startswith(".", self.at):
            self.at += 1
            keys.append(self._one_key())
        return tuple(keys)

    def _one_key(self) -> str:
        self._skip(_SPACE)
        if self.text.startswith(('"', "'"), self.at):
            key = str(tomllib.loads(f"key = {self._need(_ONE_LINE_TEXT)}")["key"])
        else:
            key = self._need(_BARE_KEY)
        self._skip(_SPACE)
        return key

    def _mark(self, path: Path, line: int) -> None:
        """Note the line of a path, and of those on the way to it that were not written by themselves."""
        for size in range(1, len(path) + 1):
            self.found.setdefault(path[:size], line)

    def _line(self) -> int:
        return bisect_left(self._line_ends, self.at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _need(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        self.at = match.end()
        return match.group()

    def _take(self, sign: str) -> None:
        if not self.text.startswith(sign, self.at):
            raise _LostError
        self.at += 1
        self._skip(_SPACE)
