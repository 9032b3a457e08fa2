"""One file's content with the lines of its keys: parsed within bounds, able to say where a fault is; it knows no table.

The bounds come first: a text of any content is refused with a SettingsError, never with another exception or a hang.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rolloutd.settings.locator import Lines, Path, locate
from rolloutd.settings.problems import Problem, SettingsError, dotted

TEXT_MAX_BYTES = 256 * 1024
DEPTH_MAX = 24
PARTS_MAX = 32
_LONG_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % PARTS_MAX  # noqa: UP031 - braces
)
_AT_LINE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed content. ``lines`` is None for JSON; ``traffic`` says what it means for traffic when it is refused."""

    file: str
    data: dict[str, object]
    lines: Lines | None
    traffic: str

    def problem(self, path: Path, message: str) -> Problem:
        """A fault at this path."""
        return Problem(self.file, dotted(path), self.lines.of(path) if self.lines else None, message)

    def refusal(self, problems: Iterable[Problem]) -> SettingsError:
        """The error that carries these faults."""
        return SettingsError(problems, self.traffic)

    def refused(self, path: Path, message: str) -> SettingsError:
        """The error for one fault."""
        return self.refusal([self.problem(path, message)])

    def at(self, path: Path) -> object:
        """The value at this path, None when there is none."""
        value: object = self.data
        for part in path:
            try:
                value = value[part]  # type: ignore[index]  # what cannot be indexed says so itself
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read_toml(text: str, file: str, traffic: str) -> Document:
    """Parse TOML. Raises SettingsError with the line of the first place that is not TOML."""
    empty = Document(file, {}, None, traffic)
    if len(text.encode(errors="replace")) > TEXT_MAX_BYTES:
        raise empty.refused((), f"The text is longer than {TEXT_MAX_BYTES // 1024} KiB.")
    _refuse_long_keys(text, empty)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise empty.refusal([_not_toml(str(error), text, file)]) from None
    except (ValueError, RecursionError, OverflowError):
        # Numbers of thousands of digits and lists in lists in lists: tomllib has no bound of its own for either.
        raise empty.refused((), "The text has a number or a nesting beyond all bounds.") from None
    _refuse_depth(data, empty)
    return Document(file, data, locate(text), traffic)


def read_mapping(data: Mapping[str, object], file: str, traffic: str) -> Document:
    """Take content that was JSON. Raises SettingsError when it is nested too deep."""
    empty = Document(file, {}, None, traffic)
    _refuse_depth(data, empty)
    return Document(file, copy.deepcopy(dict(data)), None, traffic)


def _not_toml(said: str, text: str, file: str) -> Problem:
    """tomllib's own words, with the line as a line. They name a single letter at most, never a value."""
    found = _AT_LINE.search(said)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    column = f" at column {found[2]}" if found and found[2] else " at the end of the text"
    return Problem(file, "", line, f"This is not TOML{column}: {_AT_LINE.sub('', said)}.")


def _refuse_long_keys(text: str, empty: Document) -> None:
    """Raise for keys of many parts (a.b.c): what tomllib takes for one grows with their square, to many seconds."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") >= PARTS_MAX and _LONG_KEY.search(line):
            said = f"Something here has more than {PARTS_MAX} parts with dots between; no key is that long."
            raise empty.refusal([Problem(empty.file, "", number, said)])


def _refuse_depth(data: object, empty: Document) -> None:
    """Raise when tables and lists are nested deeper than anything here has a use for."""
    level = [data]
    for _ in range(DEPTH_MAX):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise empty.refused((), f"Tables and lists are nested deeper than {DEPTH_MAX} levels.")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()
