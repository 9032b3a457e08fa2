"""Speaks the runtime socket of HAProxy: one connection and one command line a call, answers as values.

HAProxy has no status codes: whatever a command is not known to answer is an error, and none is passed over.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rolloutd.ports import RouterBadAnswer, RouterDenied, RouterRefused, RouterUnreachable

ANSWER_WITHIN_S = 2.0
_ANSWER_MAX_BYTES = 1 << 20
_PROMPT = b"\n> "
_ENTRY = re.compile(r"0x[0-9a-f]+: key=(?P<key>\S+) use=\d+ exp=(?P<exp>\d{1,15})\b.*\bgpt0=(?P<share>\d{1,15})")
_TABLE = re.compile(r"# table: ")
_FOUND = re.compile(
    r"type=\S+, case=\S+, found=(?P<found>yes|no)\b(?:.*?key=\"(?P<key>[^\"]*)\", value=\"(?P<value>[^\"]*)\")?"
)
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
    async with _connection(socket, line) as (reader, writer):
        writer.write(line.encode() + b"\n")
        return parse(await _to_end(reader, line), line)


@asynccontextmanager
async def conversation(socket: str) -> AsyncIterator[Callable[..., Awaitable[Answered]]]:
    """A new connection for several lines, each sent when the one before was answered. Raises as ``ask`` does."""
    async with _connection(socket, "prompt") as (reader, writer):
        writer.write(b"prompt\n")
        await _to_prompt(reader, "prompt")

        async def say(*commands: str) -> Answered:
            line = "; ".join(commands)
            writer.write(line.encode() + b"\n")
            answers = [await _to_prompt(reader, line) for _ in commands]
            return parse("\n".join(answers), line)

        yield say


@asynccontextmanager
async def _connection(socket: str, line: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is over with the block, which has a deadline in total."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            try:
                reader, writer = await asyncio.open_unix_connection(socket, limit=_ANSWER_MAX_BYTES)
            except OSError as error:
                raise RouterUnreachable(
                    f"HAProxy does not answer on {socket} ({error.strerror or error}); traffic stays as HAProxy has "
                    "it, and a leased share runs out by itself.",
                    "See that HAProxy runs and that its `stats socket` is this one.",
                ) from error
            try:
                yield reader, writer
            except OSError as error:
                raise RouterUnreachable(
                    f"HAProxy broke off before it answered {line!r}; whether it was carried out shows when it is read "
                    "again."
                ) from error
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise RouterUnreachable(
            f"HAProxy did not answer {line!r} within {ANSWER_WITHIN_S:g} s; whether it was carried out shows when "
            "it is read again."
        ) from None


async def _to_end(reader: asyncio.StreamReader, line: str) -> str:
    answer = await reader.read(_ANSWER_MAX_BYTES)
    while chunk := await reader.read(_ANSWER_MAX_BYTES):
        answer += chunk
        if len(answer) > _ANSWER_MAX_BYTES:
            raise RouterBadAnswer(f"HAProxy answered more than {_ANSWER_MAX_BYTES} bytes to {line!r}.")
    if not answer.endswith(b"\n"):
        raise _ended_early(line)
    return answer.decode("utf-8", "replace")


async def _to_prompt(reader: asyncio.StreamReader, line: str) -> str:
    """The answer to one command of a conversation: it ends with a prompt on a line of its own, also within a line."""
    try:
        answer = await reader.readuntil(_PROMPT)
    except asyncio.IncompleteReadError as error:
        raise _ended_early(line) from error
    except asyncio.LimitOverrunError as error:
        raise RouterBadAnswer(f"HAProxy answered more than {_ANSWER_MAX_BYTES} bytes to {line!r}.") from error
    return answer.removesuffix(_PROMPT).decode("utf-8", "replace")


def _ended_early(line: str) -> RouterUnreachable:
    return RouterUnreachable(
        f"HAProxy ended the connection in the middle of its answer to {line!r}; whether it was carried out shows when "
        "it is read again."
    )


def parse(text: str, line: str) -> Answered:
    """Turn an answer into values. Raises for any line that none of our commands answers when it goes well."""
    answered = Answered()
    in_info = False
    for row in text.splitlines():
        if not row or row == _IN_USE or _TABLE.match(row):
            continue
        in_info = in_info or row.startswith("Name: ")
        if in_info:
            name, colon, value = row.partition(":")
            if colon:
                answered.info[name] = value.lstrip()
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
