"""Reads a question that somebody wrote by hand: every key known, every value in its bounds; it must not calculate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite
from typing import TypeVar

from rolloutd.core.stats.margins import Margin

MOST_COUNT = 10**12
_T = TypeVar("_T")


class BadField(ValueError):
    """A part of the question cannot be taken: where, why and, for an unknown word, which ones are known there."""

    def __init__(self, key: str, message: str, known: tuple[str, ...] = (), unknown: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.known = known
        self.unknown = unknown


class Fields:
    """One JSON object with its place in the question. Raises BadField for a key that is not among ``known``."""

    def __init__(self, value: object, where: str, known: tuple[str, ...]) -> None:
        if not isinstance(value, Mapping):
            raise BadField(where or "the whole", f"{where or 'The question'} is a JSON object, not {shown(value)}.")
        self._data: Mapping[str, object] = value
        self._where = where
        for key in value:
            if key not in known:
                raise BadField(self.at(key), f"{shown(key)} is no key here.", known, key)

    def at(self, key: str) -> str:
        """The whole path of a key."""
        return f"{self._where}.{key}" if self._where else key

    def refuse(self, key: str, wanted: str) -> BadField:
        """The error that says what was wanted of a key's value."""
        found = shown(self._data[key]) if key in self._data else "missing"
        return BadField(self.at(key), f"{self.at(key)} is {wanted}, not {found}.")

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._data.get(key) is not None

    def raw(self, key: str) -> object:
        """The value as it stands, None where there is none."""
        return self._data.get(key)

    def number(self, key: str, wanted: str, low: float, high: float, default: float | None = None) -> float:
        """A number strictly between ``low`` and ``high``."""
        if default is not None and not self.has(key):
            return default
        value = _number(self._data.get(key))
        if value is None or not low < value < high:
            raise self.refuse(key, wanted)
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 0 on."""
        if default is not None and not self.has(key):
            return default
        value = whole(self._data.get(key))
        if value is None:
            raise self.refuse(key, "a whole number from 0 on")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def word(self, key: str, words: tuple[str, ...], default: str | None = None) -> str:
        """One of some words. Raises BadField with all of them, so that the nearest can be named."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in words:
            wrong = value if isinstance(value, str) else ""
            raise BadField(self.at(key), self.refuse(key, f"one of {', '.join(words)}").message, words, wrong)
        return value

    def each(self, key: str, read: Callable[[object, str], _T], least: int = 1) -> list[_T]:
        """A list of at least so many things, each read with its own place."""
        values = self._data.get(key)
        if not isinstance(values, list) or len(values) < least:
            raise self.refuse(key, "a list" if least == 0 else f"a list of at least {least}")
        return [read(value, f"{self.at(key)}[{k}]") for k, value in enumerate(values)]

    def margin(self, key: str, default: Margin | None = None) -> Margin | None:
        """``{"ratio": f}`` or ``{"difference": d}``."""
        if not self.has(key):
            return default
        return margin(self._data[key], self.at(key))


def margin(value: object, where: str) -> Margin:
    """A margin: a number is a ratio."""
    if _number(value) is not None:
        value = {"ratio": value}
    fields = Fields(value, where, ("ratio", "difference"))
    if fields.has("ratio") == fields.has("difference"):
        raise BadField(where, f'{where} is either {{"ratio": number}} or {{"difference": number}}.')
    if fields.has("ratio"):
        return Margin.ratio(fields.number("ratio", "a number above 0 and below 1000", 0.0, 1000.0))
    return Margin.difference(fields.number("difference", "a rate from 0 up to 1", -1e-300, 1.0))


def rate(value: object, where: str) -> float:
    """A number strictly between 0 and 1."""
    found = _number(value)
    if found is None or not 0.0 < found < 1.0:
        raise BadField(where, f"{where} is a number between 0 and 1, not {shown(value)}.")
    return found


def finite(value: object, where: str) -> float:
    """Any number of ordinary size."""
    found = _number(value)
    if found is None or abs(found) > MOST_COUNT:
        raise BadField(where, f"{where} is a number, not {shown(value)}.")
    return found


def counted(value: object, where: str) -> int:
    """A whole number from 0 on."""
    found = whole(value)
    if found is None:
        raise BadField(where, f"{where} is a whole number from 0 on, not {shown(value)}.")
    return found


def whole(value: object) -> int | None:
    """The value as a count, if it is one; 12.0 is 12, as other languages write it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_COUNT else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    found = float(value) if abs(value) < 1e300 else inf
    return found if isfinite(found) else None


def shown(value: object) -> str:
    """A value as a short piece of a sentence."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
