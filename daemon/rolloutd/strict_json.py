"""Reads JSON from strangers: bounded in depth and numbers, without repeated keys or NaN; it validates no meaning.

The standard parser accepts all of these, and each has made two readers of one text see different things.
"""

from __future__ import annotations

import json
import math
import re

DEPTH_MAX = 32
INTEGER_DIGITS_MAX = 18
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{\]}]', re.DOTALL)


class BadJson(ValueError):
    """The text is not JSON as we accept it; the message is a sentence."""


def parse(text: bytes) -> object:
    """The value that ``text`` holds. Raises BadJson and nothing else, whatever the bytes are."""
    if _depth(text) > DEPTH_MAX:
        raise BadJson(f"The body nests deeper than {DEPTH_MAX} levels.")
    try:
        value: object = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
        # Half a surrogate pair can be written as an escape, but never be stored or sent again.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise BadJson("The body is not UTF-8 text.") from None
    except RecursionError:
        raise BadJson("The body nests too deep.") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    return value


def _depth(text: bytes) -> int:
    """The deepest nesting of brackets outside of strings; closing ones too many do not hide opening ones."""
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif mark in (b"]", b"}"):
            depth = max(0, depth - 1)
    return deepest


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadJson(f"The body has the key {key[:80]!r} twice.")
        found[key] = value
    return found


def _constant(word: str) -> object:
    raise BadJson(f"The body holds {word}, which is not JSON.")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise BadJson(f"The body holds a whole number of more than {INTEGER_DIGITS_MAX} digits.")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number) or len(digits) > 64:
        raise BadJson("The body holds a number that is too large or too long.")
    return number
