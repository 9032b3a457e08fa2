"""Replays recorded writes up to a moment at which the power fails: what was synced is there, of the rest only some.

It reads what strace wrote (``-f -y -xx``), and models a disk that may keep any of the unsynced sectors of 512 bytes, in
any order, and a lengthening or shortening of a file or not. It knows nothing of SQLite.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
CALLS = "pwrite64,fdatasync,fsync,ftruncate,write"
_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<fd>\d+)<(?P<path>[^>]*)>(?:, (?P<rest>.*))?")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>.*= (?P<result>-?\d+)")
_BYTES = re.compile(r'"(?P<hex>(?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place of a file, or with ``cut`` its new length."""

    file: str
    at: int
    content: bytes = b""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Synced:
    """All earlier writes of a file are on the disk."""

    file: str


@dataclass(frozen=True, slots=True)
class Said:
    """The program told somebody: from here on it must be true."""

    line: str


Step = Write | Synced | Said


def steps(trace: str, folder: Path) -> list[Step]:
    """What was done to the files of ``folder``, in order. A sync counts from its end, a write from its beginning."""
    return list(_steps(trace, str(folder)))


def _steps(trace: str, folder: str) -> Iterator[Step]:
    waiting: dict[str, str] = {}
    for row in trace.splitlines():
        if (resumed := _RESUMED.match(row)) is not None:
            file = waiting.pop(resumed["pid"], None)
            if file is not None and resumed["result"] == "0":
                yield Synced(file)
            continue
        call = _CALL.match(row)
        if call is None:
            continue
        path, name, rest = _decode(call["path"]).decode(), call["name"], call["rest"] or ""
        if name == "write" and call["fd"] == "1":
            yield Said(_text(rest).decode().strip())
        elif not path.startswith(folder) or path.endswith("-shm"):
            continue  # the index of the WAL is made anew from the WAL
        elif name in ("fsync", "fdatasync"):
            if "unfinished" in row:
                waiting[call["pid"]] = path
            else:
                yield Synced(path)
        elif name == "ftruncate":
            yield Write(path, int(rest.split(")")[0].split(" ")[0].rstrip(",")), cut=True)
        else:
            tail = rest[rest.rindex('"') + 1 :]
            yield Write(path, int(re.findall(r"\d+", tail)[1]), _text(rest))


def _text(rest: str) -> bytes:
    found = _BYTES.search(rest)
    assert found is not None, rest[:80]
    return _decode(found["hex"])


def _decode(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


@dataclass
class Disk:
    """The files as they are for sure, and what was written to each since its last sync."""

    files: dict[str, bytearray]
    unsynced: dict[str, list[Write]] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        """Carry out one step of the recording."""
        match step:
            case Write():
                self.unsynced.setdefault(step.file, []).append(step)
            case Synced(file=file):
                for write in self.unsynced.pop(file, ()):
                    _put(self.files.setdefault(file, bytearray()), write)
            case Said():
                pass

    def cut(self, chance: random.Random, keeps: float) -> dict[str, bytes]:
        """The files after the power failed here, when each unsynced sector was kept with this probability."""
        found = {}
        for file in {*self.files, *self.unsynced}:
            content = bytearray(self.files.get(file, b""))
            for write in self.unsynced.get(file, ()):
                for part in _sectors(write):
                    if chance.random() < keeps:
                        _put(content, part)
            found[file] = bytes(content)
        return found


def _sectors(write: Write) -> Iterator[Write]:
    if write.cut:
        yield write
        return
    start, end = write.at, write.at + len(write.content)
    while start < end:
        until = min(end, (start // SECTOR + 1) * SECTOR)
        yield Write(write.file, start, write.content[start - write.at : until - write.at])
        start = until


def _put(content: bytearray, write: Write) -> None:
    if write.cut:
        del content[write.at :]
        content.extend(bytes(write.at - len(content)))
        return
    content.extend(bytes(max(0, write.at - len(content))))
    content[write.at : write.at + len(write.content)] = write.content
