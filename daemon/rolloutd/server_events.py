"""The event stream (server-sent events): hello, a snapshot, a message per changed rollout, a heartbeat a second.

Pictures are drawn when they are sent. A reader that takes nothing is cut off; its memory is bounded by the feed. The
messages, by ``event``: ``hello`` (Hello), ``snapshot`` (Fleet), ``row`` (FleetRow), ``status`` (Status, of the one
rollout that was asked for), ``gone`` ({"name"}), ``heartbeat`` (Heartbeat), ``behind`` ({"resume_from"}) and ``bye``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rolloutd.core.values import Actor
from rolloutd.feed import Change, FellBehind, StreamEnded, Subscription
from rolloutd.problems import Trouble
from rolloutd.server_connection import SCOPE_CUT
from rolloutd.server_reading import FLEET_LIMIT_MAX
from rolloutd.server_requests import Context, is_read_only, missing, permitted, query
from rolloutd.server_routes import EVENTS_QUERY
from rolloutd.verbs import BY_NAME

HEARTBEAT_S = 1.0
STALLED_S = 5.0
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Wants:
    """What a reader asked for: rows of the whole fleet, and whole pictures of one rollout."""

    rows: bool
    rollout: str | None
    after_seq: int | None


class Events:
    """The handler of the event stream."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def open(self, request: Request) -> Response:
        """Open one stream. ``name=NAME`` adds whole pictures of that one, ``rows=0`` leaves the fleet's rows out."""
        context = self._context
        actor = await permitted(context, request, BY_NAME["watch"])
        asked = query(request, *EVENTS_QUERY)
        rollout = None
        if "name" in asked:
            status = context.service.status(asked["name"])
            if status is None:
                raise Trouble(missing(context, asked["name"][:80]))
            rollout = status.name
        after = self._resumable(request.headers.get("last-event-id", ""))
        wants = Wants(asked.get("rows", "1") != "0", rollout, after)
        return EventStream(context, actor, is_read_only(request), wants, request.scope[SCOPE_CUT])

    def _resumable(self, last_id: str) -> int | None:
        """The sequence number to resume from, None when that number is not of this run of the daemon."""
        boot_id, _, seq = last_id.rpartition("-")
        if boot_id != self._context.service.health().boot_id or not (seq.isascii() and seq.isdigit()) or len(seq) > 18:
            return None
        return int(seq) if int(seq) <= self._context.service.feed.seq else None


class EventStream(Response):
    """One open stream; ends with a ``bye`` when the daemon stops, or when roles change."""

    media_type = "text/event-stream"

    def __init__(self, context: Context, actor: Actor, read_only: bool, wants: Wants, cut: Callable[[], None]) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        self._context = context
        self._service = context.service
        self._actor = actor
        self._read_only = read_only
        self._wants = wants
        self._cut = cut
        self._boot_id = context.service.health().boot_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the reader leaves, falls behind, or the daemon stops."""
        context = self._context
        subscription = self._service.feed.subscribe(self._wants.after_seq)
        context.subscriptions.add(subscription)
        context.here[self._actor.name] += 1
        context.metrics.streams.inc()
        if context.stopping.is_set():
            subscription.end()
        writer = asyncio.create_task(self._write(send, subscription))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({writer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                writer.result()
        finally:
            for task in (writer, gone):
                task.cancel()
            await asyncio.gather(writer, gone, return_exceptions=True)
            context.metrics.streams.dec()
            context.here -= type(context.here)({self._actor.name: 1})
            context.subscriptions.discard(subscription)
            self._service.feed.unsubscribe(subscription)

    async def _write(self, send: Send, subscription: Subscription) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            last = await self._stream(send, subscription)
            await self._put(send, last, more=False)
        except TimeoutError:
            self._context.metrics.streams_dropped.inc()
            self._cut()

    async def _stream(self, send: Send, subscription: Subscription) -> bytes:
        """Everything up to the last message, which is returned."""
        loop = asyncio.get_running_loop()
        await self._put(send, _message("hello", self._service.hello(self._actor, self._read_only)))
        await self._snapshot(send)
        beat_at_s = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(beat_at_s):
                    changes = await subscription.take()
            except TimeoutError:
                changes = []
            except StreamEnded:
                stopping = self._context.stopping.is_set()
                why = "the daemon is stopping" if stopping else "the roles were read again: ask anew"
                return _plain("bye", {"why": why})
            except FellBehind as behind:
                self._context.metrics.streams_dropped.inc()
                return _plain("behind", {"resume_from": f"{self._boot_id}-{behind.resume_from}"})
            for change in changes:
                for message in self._pictures(change):
                    await self._put(send, message)
            if loop.time() >= beat_at_s:
                beat_at_s = loop.time() + HEARTBEAT_S
                await self._put(send, self._heartbeat())

    async def _snapshot(self, send: Send) -> None:
        if self._wants.after_seq is not None:
            return
        at = self._id(self._service.feed.seq)
        if self._wants.rows:
            await self._put(send, _message("snapshot", self._service.fleet("", FLEET_LIMIT_MAX), at))
        if self._wants.rollout is not None:
            status = self._service.status(self._wants.rollout)
            if status is not None:
                await self._put(send, _message("status", status, at))

    def _pictures(self, change: Change) -> list[bytes]:
        """What one change means to this reader."""
        found = []
        if self._wants.rows:
            row = self._service.row(change.name)
            gone = _plain("gone", {"name": change.name}, self._id(change.seq))
            found.append(gone if row is None else _message("row", row, self._id(change.seq)))
        if change.name == self._wants.rollout:
            status = self._service.status(change.name)
            if status is not None:
                found.append(_message("status", status, self._id(change.seq)))
        return found

    def _heartbeat(self) -> bytes:
        here = sorted(self._context.here)
        return _message("heartbeat", self._service.heartbeat().model_copy(update={"here": here}))

    def _id(self, seq: int) -> str:
        return f"{self._boot_id}-{seq}"

    async def _put(self, send: Send, message: bytes, more: bool = True) -> None:
        """Send in pieces, so that a large snapshot waits with us and not in the socket's buffer."""
        for start in range(0, len(message), _CHUNK_BYTES):
            piece = message[start : start + _CHUNK_BYTES]
            is_last = start + _CHUNK_BYTES >= len(message)
            async with asyncio.timeout(STALLED_S):
                await send({"type": "http.response.body", "body": piece, "more_body": more or not is_last})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _message(event: str, model: BaseModel, event_id: str = "") -> bytes:
    return _frame(event, model.model_dump_json(by_alias=True), event_id)


def _plain(event: str, data: dict[str, str], event_id: str = "") -> bytes:
    return _frame(event, json.dumps(data), event_id)


def _frame(event: str, data: str, event_id: str) -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {event}\ndata: {data}\n\n".encode()
