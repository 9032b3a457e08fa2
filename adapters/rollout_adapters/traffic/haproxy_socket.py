"""Speaks the runtime socket of HAProxy: one connection and one command line a call, answers as values.

HAProxy has no status codes: whatever a command is not known to answer is an error, and none is passed over.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from rolloutd.ports import RouterBadAnswer, RouterDenied, RouterRefused, RouterUnreachable

ANSWER_WITHIN_S = 2.0
_ANSWER_MAX_BYTES = 1 << 20
_ENTRY = re.compile(r"0x[0-9a-f]+: key=(?P<key>\S+) use=\d+ exp=(?P<exp>\d{1,15})\b.*\bgpt0=(?P<share>\d{1,15})")
_TABLE = re.compile(r"# table: ")
_FOUND = re.compile(
    r"type=\S+, case=\S+, found=(?P<found>yes|no)\b(?:.*?key=\"(?P<key>[^\"]*)\", value=\"(?P<value>[^\"]*)\")?"
)
_INFO = re.compile(r"(?P<name>[A-Za-z][\w.+/-]*(?: [\w()]+)*): ?(?P<value>.*)")
# A removal can meet a request that reads the entry. Whoever removes writes a zero first and looks at what is left.
_IN_USE = "Entry currently in use, cannot remove"
_DENIED = ("Permission denied", "# contents not dumped due to insufficient privileges")


@dataclass(slots=True)
class Answered:
    """What one command line answered: ``entries`` of stick tables by key as (value, milliseconds left)."""

    entries: dict[str, tuple[int, int]] = field(default_factory=dict)
    mapped: dict[str, str] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)


async def ask(socket: str, *commands: str) -> Answered:
    """Send the commands as one line on a new connection and read to its end.

    Raises RouterUnreachable, RouterDenied, RouterRefused (a sentence of HAProxy's own) or RouterBadAnswer. Cancelling
    closes the connection at once; HAProxy may carry out the line all the same, now or a moment later.
    """
    line = "; ".join(commands)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return parse(await _exchange(socket, line), line)
    except TimeoutError:
        raise RouterUnreachable(
            f"HAProxy did not answer {line!r} within {ANSWER_WITHIN_S:g} s; whether it was carried out shows when "
            "it is read again."
        ) from None


async def _exchange(socket: str, line: str) -> str:
    try:
        reader, writer = await asyncio.open_unix_connection(socket, limit=_ANSWER_MAX_BYTES)
    except OSError as error:
        raise RouterUnreachable(
            f"HAProxy does not answer on {socket} ({error.strerror or error}); traffic stays as HAProxy has it, and a "
            "leased share runs out by itself.",
            "See that HAProxy runs and that its `stats socket` is this one.",
        ) from error
    try:
        writer.write(line.encode() + b"\n")
        answer = await reader.read(_ANSWER_MAX_BYTES)
        while chunk := await reader.read(_ANSWER_MAX_BYTES):
            answer += chunk
            if len(answer) > _ANSWER_MAX_BYTES:
                raise RouterBadAnswer(f"HAProxy answered more than {_ANSWER_MAX_BYTES} bytes to {line!r}.")
    except OSError as error:
        raise RouterUnreachable(
            f"HAProxy broke off before it answered {line!r}; whether it was carried out shows when it is read again."
        ) from error
    finally:
        writer.transport.abort()
    if not answer.endswith(b"\n"):
        raise RouterUnreachable(
            f"HAProxy ended the connection in the middle of its answer to {line!r}; whether it was carried out shows "
            "when it is read again."
        )
    return answer.decode("utf-8", "replace")


def parse(text: str, line: str) -> Answered:
    """Turn an answer into values. Raises for any line that none of our commands answers when it goes well."""
    answered = Answered()
    in_info = False
    for row in text.splitlines():
        if not row or row == _IN_USE or _TABLE.match(row):
            continue
        in_info = in_info or row.startswith("Name: ")
        if in_info:
            if (pair := _INFO.fullmatch(row)) is not None:
                answered.info[pair["name"]] = pair["value"]
        elif (entry := _ENTRY.fullmatch(row)) is not None:
            answered.entries[entry["key"]] = int(entry["share"]), int(entry["exp"])
        elif (found := _FOUND.match(row)) is not None:
            if found["found"] == "yes":
                answered.mapped[found["key"]] = found["value"]
        else:
            _refuse(row, line)
    return answered


def _refuse(row: str, line: str) -> None:
    if row in _DENIED:
        raise RouterDenied(
            f"HAProxy says {row.lstrip('# ')!r} to {line!r}; the share is as it was.",
            "Give the runtime socket `level operator` in haproxy.cfg; nothing more is needed.",
        )
    if row.startswith("0x"):
        raise RouterBadAnswer(f"HAProxy answered {row!r} to {line!r}, which is not an entry with gpt0 as share.")
    raise RouterRefused(
        f"HAProxy refused {line!r}: {row}", "Compare haproxy.cfg with the one that rolloutd's documentation shows."
    )
