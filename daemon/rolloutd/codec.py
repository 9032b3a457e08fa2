"""Turns the core's dataclasses and named tuples into canonical JSON text and back; it does no I/O and repairs nothing.

Canonical: keys sorted, no spaces, ASCII, every field written (a later default must not change the past; but one that is
marked SPARSE is left out while it has its default, which then stays for ever), floats in the shortest form that reads
back to the same bits, NaN and infinities refused. The same value always has the same text, so a digest of the text is a
digest of the value. Reading is strict: a type is never guessed from another, an unknown field is an error, and only a
field that has a default may be missing. A named tuple is written as a dataclass of its fields.

A value of a union of dataclasses carries its class under the key ``is``, which no field can be called. Written here
rather than with pydantic because that writes NaN as null, does not sort keys, and picks a union's member by trying.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rolloutd.core.events import EVENT_TYPES, Event, HoldCause, RolloutHeld
from rolloutd.core.values import SPARSE
from rolloutd.ports import RolloutdError

SCHEMA_VERSION = 2
"""Grows when a row of today could not be read by yesterday's program for more than an added field."""

_TAG = "is"
T = TypeVar("T")
_Kind = Any  # a type as an annotation says it; typing has no word for that
_Plain = Any  # what json reads and writes
_Pair = tuple[Callable[[Any], _Plain], Callable[[_Plain], Any]]
_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode


class CodecError(RolloutdError):
    """A value cannot be written exactly, or a text is not the value it should be. Nothing was taken from it."""

    next_step = "Run: rollout audit"


class UnknownEvent(CodecError):
    """A kind or schema of event that this program does not know: a newer one wrote it."""

    next_step = "Start the version of rolloutd that wrote this store, or a newer one."


def encode(value: object) -> str:
    """The canonical text of a dataclass value. Raises CodecError for what JSON cannot say exactly (NaN, infinity).

    Evidence is written with every tick, so what needs no conversion is handed on as it is once its type is seen.
    """
    cls: _Kind = type(value)
    try:
        return _to_json(_converters(cls)[0](value))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CodecError(
            f"A {cls.__name__} cannot be written: {error}. Nothing was stored and traffic is as before."
        ) from error


def decode(cls: type[T], text: str) -> T:
    """The ``cls`` that ``text`` says. Raises CodecError when it is not exactly one."""
    try:
        kind: _Kind = cls
        value: T = _converters(kind)[1](json.loads(text, parse_constant=_no_constant))
        return value
    except (ValueError, TypeError, RecursionError) as error:
        raise CodecError(
            f"A stored {cls.__name__} cannot be read: {error}. Nothing was taken from it and traffic is as before."
        ) from error


def encode_event(event: Event) -> tuple[str, int, str]:
    """Kind, schema version and canonical text of an event, as the journal keeps them."""
    return type(event).__name__, _schema_of(event), encode(event)


def _schema_of(event: Event) -> int:
    """The least form that can say this event: a row that yesterday's program can read stays readable for it."""
    newer = isinstance(event, RolloutHeld) and event.cause is HoldCause.RATIO
    return SCHEMA_VERSION if newer else 1


def decode_event(kind: str, schema_version: int, text: str) -> Event:
    """The event of a journal row. Raises UnknownEvent for a newer program's row and CodecError for a broken one."""
    cls = EVENT_TYPES.get(kind)
    if cls is None or not 1 <= schema_version <= SCHEMA_VERSION:
        raise UnknownEvent(
            f"The journal has an event {kind} in form {schema_version}, which this program does not know. "
            "Nothing was taken from it and traffic is as before."
        )
    event: Event = decode(cls, text)
    return event


@cache
def _converters(kind: _Kind) -> _Pair:
    """How to write and how to read one type; made once. Raises TypeError for a type that has no exact form here."""
    if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields")):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin: _Kind = get_origin(kind)
    parts = get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(parts)
    if origin is tuple and parts:
        return _tuple(parts)
    if origin is frozenset:
        return _frozenset(parts[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(*parts)
    if origin is Literal:
        return _literal(parts)
    raise TypeError(f"{kind} has no exact form in JSON")


def _dataclass(cls: type) -> _Pair:
    hints = get_type_hints(cls)
    names, needed = _fields(cls) if is_dataclass(cls) else _named_tuple(cls)
    names = sorted(names)  # as the text has them
    members = [(name, *_converters(hints[name])) for name in names]
    readers = {name: read for name, _, read in members}
    sparse = {f.name: f.default for f in fields(cls) if f.metadata.get(SPARSE)} if is_dataclass(cls) else {}
    writers, exact = [write for _, write, _ in members], [_exact(hints[name]) for name in names]
    parts = _parts_of(names)

    def write(value: object) -> dict[str, _Plain]:
        if type(value) is not cls:
            raise TypeError(f"expected {cls.__name__}, not {type(value).__name__}")
        written = {
            name: part if type(part) is kind else write_member(part)
            for name, kind, write_member, part in zip(names, exact, writers, parts(value), strict=True)
        }
        for name, default in sparse.items():
            if getattr(value, name) == default:
                del written[name]
        return written

    def read(data: _Plain) -> object:
        if type(data) is not dict:
            raise TypeError(f"expected the fields of {cls.__name__}, not {data!r}")
        try:
            given = {name: readers[name](item) for name, item in data.items()}
        except KeyError as error:
            raise ValueError(f"{cls.__name__} has no field {error}") from None
        if len(given) != len(readers) and (missing := needed - given.keys()):
            raise ValueError(f"{cls.__name__} lacks {', '.join(sorted(missing))}")
        return cls(**given)

    return write, read


def _exact(kind: _Kind) -> _Kind:
    """The type whose values JSON says exactly as they are (NaN and infinities it refuses itself); else None."""
    return kind if kind in _SCALARS else None


def _parts_of(names: list[str]) -> Callable[[object], Sequence[_Plain]]:
    """How to take these members of a value, all at once."""
    if len(names) < 2:
        return lambda value: [getattr(value, name) for name in names]
    return attrgetter(*names)


def _fields(cls: _Kind) -> tuple[list[str], set[str]]:
    """The names of a dataclass's fields, and of those without a default."""
    for field in fields(cls):
        if not field.init:
            raise TypeError(f"field {field.name} is not set by its constructor and could not be read back")
    needed = {field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING}
    return [field.name for field in fields(cls)], needed


def _named_tuple(cls: _Kind) -> tuple[list[str], set[str]]:
    """The same of a named tuple, which is written as a dataclass of the same fields would be."""
    names = list(cls._fields)
    return names, set(names) - set(cls._field_defaults)


def _enum(cls: type[StrEnum]) -> _Pair:
    members = {member.value: member for member in cls}

    def write(value: object) -> str:
        if type(value) is not cls:
            raise TypeError(f"expected {cls.__name__}, not {value!r}")
        return str(value)

    def read(data: _Plain) -> StrEnum:
        found = members.get(data) if type(data) is str else None
        if found is None:
            raise ValueError(f"{data!r} is no {cls.__name__}")
        return found

    return write, read


def _union(parts: tuple[_Kind, ...]) -> _Pair:
    some = [part for part in parts if part is not types.NoneType]
    write_some, read_some = _converters(some[0]) if len(some) == 1 else _tagged(some)
    if len(some) == len(parts):
        return write_some, read_some
    return (
        lambda value: None if value is None else write_some(value),
        lambda data: None if data is None else read_some(data),
    )


def _tagged(classes: list[type]) -> _Pair:
    if not all(is_dataclass(cls) for cls in classes):
        raise TypeError(f"a union of {classes} cannot be told apart; only dataclasses can")
    by_name = {cls.__name__: _converters(cls) for cls in classes}

    def write(value: object) -> dict[str, _Plain]:
        name = type(value).__name__
        if name not in by_name:
            raise TypeError(f"expected one of {', '.join(by_name)}, not {value!r}")
        return {_TAG: name, **by_name[name][0](value)}

    def read(data: _Plain) -> object:
        if type(data) is not dict or data.get(_TAG) not in by_name:
            raise ValueError(f"expected one of {', '.join(by_name)}, not {data!r}")
        return by_name[data.pop(_TAG)][1](data)

    return write, read


def _tuple(parts: tuple[_Kind, ...]) -> _Pair:
    if len(parts) == 2 and parts[1] is Ellipsis:
        write_item, read_item = _converters(parts[0])
        exact = {_exact(parts[0])}
        return (
            lambda value: value if set(map(type, _exactly(tuple, value))) == exact else list(map(write_item, value)),
            lambda data: tuple([read_item(item) for item in _exactly(list, data)]),
        )
    members = [_converters(part) for part in parts]
    return (
        lambda value: [w(item) for (w, _), item in zip(members, _exactly(tuple, value), strict=True)],
        lambda data: tuple([r(item) for (_, r), item in zip(members, _exactly(list, data), strict=True)]),
    )


def _frozenset(part: _Kind) -> _Pair:
    if part is not str and not (isinstance(part, type) and issubclass(part, StrEnum)):
        raise TypeError(f"a set of {part} has no order to be written in")
    write_item, read_item = _converters(part)
    return (
        lambda value: sorted(write_item(item) for item in _exactly(frozenset, value)),
        lambda data: frozenset(read_item(item) for item in _exactly(list, data)),
    )


def _mapping(key: _Kind, part: _Kind) -> _Pair:
    if key is not str and not (isinstance(key, type) and issubclass(key, StrEnum)):
        raise TypeError(f"a mapping from {key} has no exact form in JSON")
    (write_key, read_key), (write_item, read_item) = _converters(key), _converters(part)
    return (
        lambda value: {write_key(k): write_item(item) for k, item in _mapped(value).items()},
        lambda data: {read_key(k): read_item(item) for k, item in _exactly(dict, data).items()},
    )


def _mapped(value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, not {value!r}")
    return value


def _literal(choices: tuple[str, ...]) -> _Pair:
    if not all(isinstance(choice, str) for choice in choices):
        raise TypeError(f"Literal{list(choices)} is not made of text alone")

    def check(value: object) -> str:
        if type(value) is not str or value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return value

    return check, check


def _exactly(cls: type[T], value: object) -> T:
    if not isinstance(value, cls):
        raise TypeError(f"expected a {cls.__name__}, not {value!r}")
    return value


def _text(value: object) -> str:
    return value if type(value) is str else str.__str__(_exactly(str, value))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"expected a whole number, not {value!r}")
    return value


def _number(value: object) -> float:
    # An int in a float field is equal to its float, so it must have the same text.
    if type(value) is float and isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, not {value!r}")
    number = float(value)
    if number != value and isfinite(number):
        raise ValueError(f"{value!r} is too long for a float")
    if not isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    return number


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError(f"expected true or false, not {value!r}")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a finite number")


_SCALARS: dict[Any, _Pair] = {
    str: (_text, _text),
    int: (_whole, _whole),
    float: (_number, _number),
    bool: (_truth, _truth),
}
