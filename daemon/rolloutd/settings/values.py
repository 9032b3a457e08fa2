"""How one value is written in a file (``"15m"``, ``"1%"``, ``"0.2pp"``) and what it becomes; it knows no keys.

Each name here is a type for a field of a pydantic table. A value that does not fit raises ValueError with a sentence.
Everything is bounded in length and size before it is read, so that no value can keep the reader busy.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, Strict, WithJsonSchema

from rolloutd.core.metrics import MatchKind
from rolloutd.core.values import Share, check_name, format_duration, parse_duration_ms

TEXT_MAX = 200
DURATION_MAX_MS = 366 * 86_400_000
HOLDBACK_MAX_BP = 5_000
SOCKET_FOLDER_MAX = 90  # a socket's whole path has room for 107 bytes in the kernel
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?%")
_POINTS = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)pp")


def kind_of(value: object) -> str:
    """What people call the TOML or JSON type of a value. Never the value itself: it might be a secret."""
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number with a point",
        str: "text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time" if value is not None else "nothing")


def _text(value: object, form: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"This is text in quotes {form}, not {kind_of(value)}.")  # noqa: TRY004  # pydantic wants this
    if len(value) > TEXT_MAX:
        raise ValueError(f"This text has more than {TEXT_MAX} letters.")
    return value


def _duration(value: object) -> int:
    duration_ms = parse_duration_ms(_text(value, "such as 10s or 15m")[:40])
    if duration_ms > DURATION_MAX_MS:
        raise ValueError(f"This is longer than the longest time there is here, {format_duration(DURATION_MAX_MS)}.")
    return duration_ms


def _between(least_ms: int, most_ms: int) -> AfterValidator:
    def check(duration_ms: int) -> int:
        if not least_ms <= duration_ms <= most_ms:
            raise ValueError(f"This lies between {format_duration(least_ms)} and {format_duration(most_ms)}.")
        return duration_ms

    return AfterValidator(check)


def _share(value: object) -> Share:
    text = _text(value, "such as 10%")
    if not _PERCENT.fullmatch(text):
        raise ValueError(f"A share is written as a percentage such as 10% or 0.5%, not {text!r}.")
    return Share.parse(text)


def _holdback(value: object) -> Share:
    share = _share(value)
    if share.basis_points > HOLDBACK_MAX_BP:
        raise ValueError(f"At most half of the traffic can stay back, not {share}.")
    return share


def _fraction(value: object) -> float:
    text = _text(value, "such as 5%")
    if not _PERCENT.fullmatch(text) or not 0 < float(text[:-1]) < 100:
        raise ValueError(f"A limit is a percentage between 0% and 100%, such as 5%, not {text!r}.")
    return float(text[:-1]) / 100


def _points(value: object) -> float:
    text = _text(value, "such as 0.2pp")
    match = _POINTS.fullmatch(text)
    if match is None or float(match[1]) >= 100:
        raise ValueError(f"A difference is written in percentage points below 100, such as 0.2pp, not {text!r}.")
    return float(match[1]) / 100


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError("This is one line of visible text without blanks at its ends.")
    return text


def _classes(names: tuple[str, ...]) -> tuple[str, ...]:
    if any('"' in name or "\\" in name for name in names):
        raise ValueError('A class is text without " and without backslashes.')
    if len(set(names)) < len(names):
        raise ValueError("Each class is named once.")
    return names


def _edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError("Edges are numbers that grow from one to the next, such as [0.2, 0.5, 0.8].")
    return edges


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("This is one line of visible text.")
    return text


def _query(text: str) -> str:
    if not all(letter.isprintable() or letter in "\n\t" for letter in text) or not text.strip():
        raise ValueError("This is one SQL statement of visible text; it may have several lines.")
    if missing := [name for name in (":since", ":until") if not re.search(rf"(?<![:\w]){name}(_s)?\b", text)]:
        raise ValueError(
            f"The statement lacks {' and '.join(missing)}: it counts the requests that were asked from :since on and "
            "before :until, so that each is counted once."
        )
    return text


def _word(what: str, pattern: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!a} cannot be the name of a {what} in Prometheus.")
        return text

    return AfterValidator(check)


def _name(text: str) -> str:
    return check_name(text, "A name")


def _folder(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("This is a whole path, from the first / on.")
    return text


def _file_or_none(text: str) -> str:
    return _folder(_printable(text)) if text else text


def _socket_folder(text: str) -> str:
    if len(text.encode()) > SOCKET_FOLDER_MAX:
        raise ValueError(f"A socket's path cannot be that long; its folder has at most {SOCKET_FOLDER_MAX} bytes.")
    return text


def has_password(text: str) -> bool:
    """Whether this is an address with a user or password in it, which must not stand in a file."""
    return "@" in text and "://" in text and "@" in text.split("://", 1)[1].split("/", 1)[0]


def _url(text: str) -> str:
    if has_password(text):
        raise ValueError("An address carries no user and password: they would be shown with it.")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("This is an address such as http://127.0.0.1:8001/healthz.")
    return text


def _match(value: object) -> tuple[MatchKind, str]:
    """``"x"`` (equal), ``{ not = "x" }`` or ``{ regex = "x" }``."""
    kind, text = MatchKind.EQUAL, value
    if isinstance(value, dict) and len(value) == 1:
        sign, text = next(iter(value.items()))
        kind = {"not": MatchKind.NOT_EQUAL, "regex": MatchKind.REGEX}.get(sign, MatchKind.EQUAL)
    if not isinstance(text, str) or (kind is MatchKind.EQUAL and isinstance(value, dict)):
        raise ValueError('A label is compared with "text", { not = "text" } or { regex = "5.." }.')
    if len(text) > TEXT_MAX or not text.isprintable():
        raise ValueError(f"A label's value is one line of at most {TEXT_MAX} letters.")
    if kind is MatchKind.REGEX:
        _check_regex(text)
    return kind, text


def _check_regex(text: str) -> None:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("This is not a regular expression.") from None


def _text_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


DurationMs = Annotated[int, PlainValidator(_duration), _text_schema(r"^([0-9]+(ms|s|m|h|d))+$")]
TickMs = Annotated[DurationMs, _between(100, 600_000)]
CadenceMs = Annotated[DurationMs, _between(100, 3_600_000)]
SmokeMs = Annotated[DurationMs, _between(1, 10_000)]
CheckMs = Annotated[DurationMs, _between(1, 3_600_000)]
RipeMs = Annotated[DurationMs, _between(1_000, 30 * 86_400_000)]
SloMs = Annotated[DurationMs, _between(1, 3_600_000)]
Percent = Annotated[Share, PlainValidator(_share), _text_schema(r"^[0-9]{1,3}(\.[0-9]{1,2})?%$")]
Holdback = Annotated[Share, PlainValidator(_holdback), _text_schema(r"^[0-9]{1,2}(\.[0-9]{1,2})?%$")]
Limit = Annotated[float, PlainValidator(_fraction), _text_schema(r"^[0-9]{1,2}(\.[0-9]{1,9})?%$")]
Points = Annotated[float, PlainValidator(_points), _text_schema(r"^[0-9]{1,2}(\.[0-9]{1,9})?pp$")]
Match = Annotated[tuple[MatchKind, str], PlainValidator(_match), WithJsonSchema({"type": ["string", "object"]})]
Name = Annotated[str, Field(max_length=63), AfterValidator(_name)]
Label = Annotated[str, Field(max_length=TEXT_MAX), _word("label", r"[a-zA-Z_][a-zA-Z0-9_]*")]
Series = Annotated[str, Field(max_length=TEXT_MAX), _word("series", r"[a-zA-Z_:][a-zA-Z0-9_:]*")]
Text = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(_printable)]
Line = Annotated[str, Field(max_length=2_000), AfterValidator(_one_line)]
Query = Annotated[str, Field(max_length=8_000), AfterValidator(_query)]
Reason = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]
Url = Annotated[str, Field(max_length=500), AfterValidator(_url)]
Folder = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(_printable), AfterValidator(_folder)]
FileOrNone = Annotated[str, Field(max_length=TEXT_MAX), AfterValidator(_file_or_none)]
SocketFolder = Annotated[Folder, AfterValidator(_socket_folder)]
Groups = Annotated[tuple[Text, ...], Strict(False)]
_Edge = Annotated[float, Field(allow_inf_nan=False)]
Classes = Annotated[tuple[Text, ...], Strict(False), Field(max_length=50), AfterValidator(_classes)]
Edges = Annotated[tuple[_Edge, ...], Strict(False), Field(max_length=49), AfterValidator(_edges)]
Names = Annotated[tuple[Name, ...], Strict(False)]
Ticks = Annotated[int, Field(ge=1, le=1_000_000)]
