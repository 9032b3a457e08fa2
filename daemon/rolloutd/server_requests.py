"""What every request goes through: who is asking, whether they may, what they sent; it knows no verb's meaning."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from rolloutd.access import Access
from rolloutd.core.commands import RefusalCode
from rolloutd.core.values import NAME_PATTERN, Actor
from rolloutd.feed import Subscription
from rolloutd.problems import UNCHANGED, Trouble, bad_input, not_built, not_found, not_permitted, problem, stopping
from rolloutd.server_connection import SCOPE_ARRIVED, SCOPE_PEER, Limits
from rolloutd.server_metrics import ServerMetrics
from rolloutd.service import Service
from rolloutd.strict_json import BadJson, parse
from rolloutd.verbs import VerbRow, nearest
from rolloutd.wire import Problem

T = TypeVar("T")
READ_ONLY_HEADER: Final = "rollout-read-only"
REFUSAL_PAUSE_S = 0.05
"""How long an unauthorised caller waits for its answer, so that it cannot fill the record: 20 a second at most."""


@dataclass(slots=True)
class Context:
    """What the handlers of both sockets share."""

    service: Service
    access: Access
    metrics: ServerMetrics
    limits: Limits = field(default_factory=Limits)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    subscriptions: set[Subscription] = field(default_factory=set)
    here: Counter[str] = field(default_factory=Counter)
    commands: set[asyncio.Task[Any]] = field(default_factory=set)
    refusals: dict[int, asyncio.Lock] = field(default_factory=dict)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)

    def over_with(self, task: asyncio.Task[Any]) -> asyncio.Future[None]:
        """Done when the task is, or when the server stops."""
        over = asyncio.get_running_loop().create_future()
        if self.stopping.is_set():
            over.set_result(None)
            return over
        self.waiting.add(over)
        over.add_done_callback(self.waiting.discard)
        task.add_done_callback(lambda _: _done(over))
        return over

    def stop(self) -> None:
        """The server stops: streams and whoever waits for a command get their last word."""
        self.stopping.set()
        for over in tuple(self.waiting):
            _done(over)
        for subscription in self.subscriptions:
            subscription.end()


def _done(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as JSON."""
    return Response(model.model_dump_json(by_alias=True), status, headers, "application/json")


def answer_problem(trouble: Problem, close: bool = False) -> Response:
    """A problem as RFC 9457 wants it."""
    headers = {"connection": "close"} if close else None
    return Response(trouble.model_dump_json(by_alias=True), trouble.status, headers, "application/problem+json")


def is_read_only(request: Request) -> bool:
    """Whether the caller itself asked to be no more than a viewer."""
    return request.headers.get(READ_ONLY_HEADER, "0") not in ("", "0")


async def permitted(context: Context, request: Request, row: VerbRow, name: str = "") -> Actor:
    """The actor behind the request, when it may use this verb; else raises Trouble, the refusal being on record."""
    actor = await context.access.actor(request.scope[SCOPE_PEER], "socket", is_read_only(request))
    needed = context.access.needed(row)
    if not actor.role.covers(needed):
        groups = context.access.roles.groups_for(needed)
        traffic = context.service.traffic(name) if name else UNCHANGED
        trouble = not_permitted(actor.name, actor.role.value, row, needed.value, groups, traffic)
        await refuse(context, actor, row.verb, name, trouble)
    if not row.built:
        raise Trouble(not_built(row))
    return actor


async def refuse(context: Context, actor: Actor, verb: str, name: str, trouble: Problem) -> None:
    """Record that the server refused this caller, slow the caller down, and raise the problem."""
    lock = context.refusals.setdefault(actor.uid or 0, asyncio.Lock())
    try:
        async with lock:
            context.metrics.refused.labels(verb).inc()
            await context.service.refuse(name, verb, actor, RefusalCode.NOT_PERMITTED, trouble.message)
            await asyncio.sleep(REFUSAL_PAUSE_S)
    except asyncio.CancelledError:
        if not context.stopping.is_set():
            raise
        # The server ends what is still open when it stops; a refusal is a refusal then too, and no line in the log.
    raise Trouble(trouble)


def name_of(context: Context, request: Request) -> str:
    """The rollout that the path names. Raises Trouble for what cannot be a name."""
    name: str = request.path_params["name"]
    if not NAME_PATTERN.fullmatch(name):
        raise Trouble(missing(context, name[:80]))
    return name


def missing(context: Context, name: str) -> Problem:
    """The problem for a rollout that is not there, with the nearest name that is."""
    known = [row.name for row in context.service.fleet("", 200).rollouts]
    return not_found(name, nearest(name, known))


def query(request: Request, *known: str) -> dict[str, str]:
    """The query's values. Unknown or repeated keys are refused: a misspelt ``dry_run`` must not become a real start."""
    found: dict[str, str] = {}
    if not request.scope["query_string"]:
        return found
    for key, value in request.query_params.multi_items():
        if key not in known or key in found:
            close = nearest(key, list(known))
            hint = f"Did you mean {close}?" if close else f"Known here: {', '.join(known) or 'none'}."
            raise Trouble(bad_input(f"The query has the key {key[:80]!r}, unknown or given twice.", hint))
        found[key] = value
    return found


def whole_number(text: str, what: str, lowest: int, highest: int) -> int:
    """A number out of a query or header. Raises Trouble outside of its range."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and lowest <= int(text) <= highest):
        trouble = bad_input(f"{what} is a whole number from {lowest} to {highest}, not {text[:80]!r}.", "Correct it.")
        raise Trouble(trouble)
    return int(text)


def yes_or_no(text: str, what: str) -> bool:
    """A yes or no out of a query. Raises Trouble for anything else."""
    if text not in ("0", "1", "true", "false"):
        raise Trouble(bad_input(f"{what} is 1 or 0, not {text[:80]!r}.", "Correct it."))
    return text in ("1", "true")


async def json_object(context: Context, request: Request) -> dict[str, object]:
    """The body as an object, empty for no body. Raises Trouble for anything else, or more than the limit."""
    body = bytearray()
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and len(declared) < 18 and int(declared) <= context.limits.body_bytes:
        async for chunk in _chunks(request):
            body += chunk
            if len(body) > context.limits.body_bytes:
                break
        else:
            return _object(bytes(body))
    message = f"The body is larger than {context.limits.body_bytes} bytes."
    raise Trouble(problem(413, "too-large", message, "Send a smaller one."), close=True)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. A command that arrived as a whole is carried out also when its sender has left since."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        rest: bytes | None = request.scope[SCOPE_ARRIVED]()
        if rest is None:
            raise
        yield rest


def _object(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        value = parse(body)
    except BadJson as error:
        raise Trouble(bad_input(str(error), "Correct the body and send it again."), close=True) from error
    if not isinstance(value, dict):
        raise Trouble(bad_input("The body is not a JSON object.", "Send { ... }."), close=True)
    return value


async def until_stop(context: Context, work: Coroutine[Any, Any, T], traffic: str) -> T:
    """The result of ``work``, which goes on when the caller leaves. Raises Trouble when the daemon stops first."""
    task = asyncio.create_task(work)
    context.commands.add(task)
    task.add_done_callback(context.commands.discard)
    await context.over_with(task)
    if task.done():
        return task.result()
    raise Trouble(stopping(traffic))
