"""A scripted daemon over two real Unix sockets: it answers what a test told it to and notes what was asked.

Run alone (``python -m tests.tui.fake_daemon DIR``) it shows a made-up fleet to a real screen, with live heartbeats.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel

from rolloutd.wire import ActionDone, Fleet, FleetRow, Problem, Status
from rolloutd.wire_daemon import Doctor, Hello
from rolloutd.wire_start import Advice
from tests.server.reports import a_report
from tests.tui import worlds, worlds_start


@dataclass(frozen=True)
class Post:
    """One action as it arrived."""

    name: str
    verb: str
    headers: dict[str, str]
    body: dict[str, object]


def done(post: Post, revision: int = 318, *, confirmed: bool = False) -> ActionDone:
    """Accepted."""
    return ActionDone(
        name=post.name, action=post.verb, accepted=True, revision=revision, by="ops1", router_confirmed=confirmed,
        took_s=0.01,
    )  # fmt: skip


def conflict(post: Post) -> Problem:
    """Somebody else was first."""
    return Problem(
        status=409, code="conflict", exit=8, message=f"ops2 paused {post.name} 2 s ago.",
        traffic="10.0% stays on v42.", next=f"rollout status {post.name}", revision=318,
    )  # fmt: skip


@dataclass
class FakeDaemon:
    """What it shows and how it answers; change the fields, then ``push``."""

    where: Path
    hello: Hello = field(default_factory=worlds.hello)
    fleet: Fleet = field(default_factory=worlds.fleet)
    statuses: dict[str, Status] = field(default_factory=lambda: {"ranker": worlds.status()})
    answer: Callable[[Post], ActionDone | Problem] = done
    advice: Advice | Problem = field(default_factory=worlds_start.advice)
    dry: ActionDone | Problem = field(default_factory=worlds_start.dry_run)
    doctor: Doctor = field(default_factory=worlds_start.doctor)
    asked: list[str] = field(default_factory=list)
    deaf: bool = False
    posts: list[Post] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)
    opened: int = 0
    _streams: dict[asyncio.StreamWriter, str] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _seq: int = 0

    async def start(self) -> None:
        """Listen on both sockets."""
        self.where.mkdir(exist_ok=True)
        for name in ("view.sock", "control.sock"):
            (self.where / name).unlink(missing_ok=True)
            self._servers.append(await asyncio.start_unix_server(self._serve, str(self.where / name)))

    async def stop(self) -> None:
        """Gone: sockets closed and removed."""
        for server in self._servers:
            server.close()
        self.drop()
        self._servers.clear()
        for name in ("view.sock", "control.sock"):
            (self.where / name).unlink(missing_ok=True)
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Cut every stream."""
        for writer in list(self._streams):
            writer.close()
        self._streams.clear()

    def push(self, event: str, model: BaseModel, name: str | None = None) -> None:
        """Say something on every stream, or only on those of one rollout (``""`` is the fleet's)."""
        self._seq += 1
        data = f"id: {self._seq}\nevent: {event}\ndata: {model.model_dump_json(by_alias=True)}\n\n".encode()
        for writer, wants in list(self._streams.items()):
            if name is None or wants == name:
                writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def beat(self) -> None:
        """One heartbeat on every stream."""
        self.push("heartbeat", worlds.heartbeat(self._seq, self.hello.boot_id))

    def set_status(self, status: Status) -> None:
        """A rollout changed."""
        self.statuses[status.name] = status
        self.push("status", status, status.name)

    def set_row(self, row: FleetRow) -> None:
        """A line of the fleet changed."""
        others = [one for one in self.fleet.rollouts if one.name != row.name]
        self.fleet = self.fleet.model_copy(update={"rollouts": [*others, row], "total": len(others) + 1})
        self.push("row", row, "")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rows = head.split("\r\n")
            method, target, _ = first.split(" ")
            headers = {k.lower(): v.strip() for k, _, v in (row.partition(":") for row in rows if row)}
            self.heard.append(headers)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if self.deaf:
                await reader.read()
            elif method == "POST":
                self._posted(writer, target, headers, body)
            elif target.startswith("/v1/events"):
                await self._stream(reader, writer, target)
                return
            else:
                self._reply(writer, self._read(target))
        with suppress(ConnectionError):
            writer.close()

    def _posted(self, writer: asyncio.StreamWriter, target: str, headers: dict[str, str], body: bytes) -> None:
        *_, name, verb = unquote(target).split("/")
        sent = json.loads(body)
        if "dry_run" in target:
            self._reply(writer, self.dry)
            return
        if verb == "rollouts":
            name, verb = sent["spec"]["rollout"]["name"], "start"
        post = Post(name, verb, headers, sent)
        self.posts.append(post)
        self._reply(writer, self.answer(post))

    def _read(self, target: str) -> BaseModel:
        self.asked.append(target)
        before = {"/v1/choices": worlds_start.choices(), "/v1/advice": self.advice, "/v1/doctor": self.doctor}
        if (path := urlsplit(target).path) in before:
            return before[path]
        parts = unquote(urlsplit(target).path).split("/")[3:]
        if not parts:
            return self.fleet
        if len(parts) == 2:
            asked = parse_qs(urlsplit(target).query)
            if parts[1] == "report":
                return a_report(parts[0])
            read = {"timeline": worlds.timeline, "plan": worlds.plan, "past": worlds.past}
            if parts[1] == "series":
                return worlds.series(asked["metric"][0], 0.01, 0.02)
            return read.get(parts[1], worlds.why)()
        return self.statuses.get(parts[0], worlds.status(name=parts[0]))

    def _reply(self, writer: asyncio.StreamWriter, model: BaseModel) -> None:
        status = model.status if isinstance(model, Problem) else 200
        data = model.model_dump_json(by_alias=True).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(data), data))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
        name = parse_qs(urlsplit(target).query).get("name", [""])[0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        others, self._streams = self._streams, {writer: name}
        self.opened += 1
        self.push("hello", self.hello)
        self.push("snapshot", self.fleet)
        if name:
            self.push("status", self.statuses.get(name, worlds.status(name=name)))
        self.beat()
        self._streams = {**others, writer: name}
        await reader.read()
        self._streams.pop(writer, None)
        writer.close()


async def show(where: Path) -> None:
    """Be a daemon for a person who wants to look at the screen."""
    daemon = FakeDaemon(where)
    await daemon.start()
    while True:
        await asyncio.sleep(1)
        daemon.beat()


if __name__ == "__main__":
    asyncio.run(show(Path(sys.argv[1])))
