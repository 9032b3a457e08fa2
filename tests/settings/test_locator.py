"""Tests of the lines: every way that TOML has of writing a key, and texts made at random."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutd.settings.locator import Path, locate
from tests.settings.words import EXAMPLE

TEXT = '''# a comment with [brackets] and "quotes
top = 1
[a]
one = "x # no comment"   # a comment
"quo ted" = \'\'\'
many
lines ] } = \'\'\'
b.c = { d = 1, e = [ { f = 2 },
  { f = 3 } ] }
[a.'li.teral']
k = """\\"""" # three quotes and an escaped one
[[list]]
name = "first"
[list.sub]
deep = 1
[[list]]
name = "second"
[[list.inner]]
x = 1
[[list.inner]]
  [list.inner.table]
y = [
  1, # one
  # a line of its own
  2,
]
[x.y.z]
[x]
w = 1979-05-27 07:32:00
'''
EXPECTED: dict[Path, int] = {
    ("top",): 2,
    ("a",): 3,
    ("a", "one"): 4,
    ("a", "quo ted"): 5,
    ("a", "b"): 8,
    ("a", "b", "c"): 8,
    ("a", "b", "c", "d"): 8,
    ("a", "b", "c", "e", 0, "f"): 8,
    ("a", "b", "c", "e", 1): 9,
    ("a", "b", "c", "e", 1, "f"): 9,
    ("a", "li.teral", "k"): 11,
    ("list",): 12,
    ("list", 0): 12,
    ("list", 0, "name"): 13,
    ("list", 0, "sub", "deep"): 15,
    ("list", 1): 16,
    ("list", 1, "name"): 17,
    ("list", 1, "inner", 0, "x"): 19,
    ("list", 1, "inner", 1): 20,
    ("list", 1, "inner", 1, "table"): 21,
    ("list", 1, "inner", 1, "table", "y"): 22,
    ("list", 1, "inner", 1, "table", "y", 1): 25,
    ("x", "y", "z"): 27,
    ("x",): 28,
    ("x", "w"): 29,
}


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """The path of everything in parsed TOML."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


@pytest.mark.parametrize(("path", "line"), EXPECTED.items(), ids=str)
def test_every_way_to_write_a_key_has_its_line(path: Path, line: int) -> None:
    """Tables, lists of tables, dotted, quoted and inline keys are found on the line where they stand."""
    assert locate(TEXT).by_path[path] == line


@pytest.mark.parametrize("text", [TEXT, EXAMPLE, TEXT.replace("\n", "\r\n")], ids=["text", "example", "crlf"])
def test_every_path_is_found_and_nothing_else(text: str) -> None:
    """The walk sees exactly the keys that tomllib sees."""
    assert set(locate(text).by_path) == set(paths(tomllib.loads(text)))


def test_what_was_not_written_has_its_ancestors_line() -> None:
    """A missing key is blamed on its table, and a missing table on the top."""
    lines = locate(TEXT)
    assert lines.of(("list", 1, "inner", 0, "missing")) == 18
    assert lines.of(("nowhere", "at", "all")) == 1


def test_a_renamed_key_keeps_its_lines() -> None:
    """What is read on under another name is still found where it stands."""
    lines = locate(TEXT).renamed(("list",), ("stage",))
    assert lines.of(("stage", 1, "name")) == 17


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.text(alphabet="ab\"'#[]{}=,.\\ ", max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def quoted(text: str) -> str:
    """A basic TOML string."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def as_toml(value: object) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {as_toml(child)}" for key, child in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value).lower()


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=200)
def test_random_tables_are_found_line_by_line(tables: list[dict[str, object]]) -> None:
    """Whatever stands in them, the keys of a list of tables are on their lines."""
    text, expected = "", {}
    for index, table in enumerate(tables):
        text += "[[t]]\n"
        for key, value in table.items():
            expected[("t", index, key)] = text.count("\n") + 1
            text += f'{quoted(key)} = {as_toml(value)} # {{["\n'
    found = locate(text).by_path
    assert {path: found[path] for path in expected} == expected
    assert set(found) == set(paths(tomllib.loads(text)))


@given(st.text(alphabet="ab.=[]{}\"'#\n\\, 1", max_size=60))
@settings(max_examples=500)
def test_any_text_is_walked_to_an_end(text: str) -> None:
    """Text that is no TOML never raises and never loops; text that is has its very keys."""
    found = locate(text).by_path
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(found) == set(paths(data))
