"""Answers everything that changes something: reads the request strictly, asks the service, tells what came of it."""

from __future__ import annotations

import re
import unicodedata
import uuid

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rolloutd.core.commands import Act, RefusalCode, Refused, Verb
from rolloutd.core.values import Actor
from rolloutd.problems import Trouble, bad_input, of_refused, problem, unexpected
from rolloutd.server_connection import SCOPE_PEER
from rolloutd.server_reading import Handler
from rolloutd.server_requests import (
    Context,
    answer,
    answer_problem,
    is_read_only,
    json_object,
    name_of,
    permitted,
    query,
    refuse,
    until_stop,
    yes_or_no,
)
from rolloutd.server_routes import acting
from rolloutd.verbs import BY_NAME, Risk, VerbRow, nearest
from rolloutd.wire import ActionDone, ActionRequest

_KEY = re.compile(r"[A-Za-z0-9._:-]{8,128}")
_ACT = re.compile("/v1/rollouts/(?P<name>[^/]+)/(?P<verb>[^/]+)")
_REVISION = re.compile(r'"?(\d{1,18})"?')


class Acting:
    """The handlers of the control socket's own routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._service = context.service

    async def start(self, request: Request) -> Response:
        """Start a rollout, or say whether it would start."""
        row = BY_NAME["start"]
        actor = await permitted(self._context, request, row)
        dry_run = yes_or_no(query(request, "dry_run").get("dry_run", "0"), "dry_run")
        key = _command_key(request, row) if not dry_run else "dry-run"
        body = await json_object(self._context, request)
        work = self._service.start(body, actor, _command_id(actor, row.verb, "", key), dry_run)
        return self._outcome("", await until_stop(self._context, work, self._service.traffic("")))

    async def act(self, request: Request) -> Response:
        """Carry out one verb on one rollout."""
        name = name_of(self._context, request)
        row = _row(request.path_params["verb"])
        actor = await permitted(self._context, request, row, name)
        query(request)
        key = _command_key(request, row)
        revision = _revision(request, row)
        asked = _action(await json_object(self._context, request))
        act = Act(Verb(row.verb), actor, revision, asked.reason, asked.override, asked.confirm, asked.segment)
        plan = {"spec_toml": asked.spec_toml, "file": asked.file} if act.verb is Verb.ADOPT_PLAN else None
        work = self._service.act(name, act, _command_id(actor, row.verb, name, key), asked.wait_s, plan)
        return self._outcome(name, await until_stop(self._context, work, self._service.traffic(name)))

    def fleet_wide(self, row: VerbRow) -> Handler:
        """The handler of a verb on the whole fleet, or on the daemon itself."""

        async def checked(request: Request) -> Response:
            actor = await permitted(self._context, request, row)
            query(request)
            key = _command_key(request, row)
            asked = _action(await json_object(self._context, request))
            command_id = _command_id(actor, row.verb, "", key)
            if row.verb == "reload":
                work = self._service.reload(actor, asked.reason, command_id)
            else:
                work = self._service.hold_fleet(row, actor, asked.reason, command_id)
            return self._outcome("", await until_stop(self._context, work, self._service.traffic("")))

        return checked

    def _outcome(self, name: str, outcome: ActionDone | Refused) -> Response:
        if isinstance(outcome, ActionDone):
            return answer(outcome, 200 if outcome.router_confirmed else 202)
        status = self._service.status(name) if name else None
        raise Trouble(of_refused(outcome, self._service.traffic(name), status.revision if status else None))


class Straight:
    """The way of a verb on a rollout past the search for a route: the shortest one, for it may be an abort."""

    def __init__(self, app: ASGIApp, acts: Acting) -> None:
        self._app = app
        self._acts = acts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry out a verb; whatever else is asked goes the usual way."""
        found = _ACT.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = found.groupdict()
        try:
            response = await self._acts.act(Request(scope, receive, send))
        except Trouble as error:
            response = answer_problem(error.problem, error.close)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody reads it
        except Exception:
            await answer_problem(unexpected())(scope, receive, send)
            raise  # uvicorn logs it
        await response(scope, receive, send)


class ViewOnly:
    """The view socket's answer to anybody who tries to change something through it: refused, and in the record."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def refuse(self, request: Request) -> Response:
        """Refuse whatever was asked."""
        context, verb = self._context, str(request.path_params.get("verb", "start"))
        actor = await context.access.actor(request.scope[SCOPE_PEER], "socket", is_read_only(request))
        name = str(request.path_params.get("name", ""))[:80]
        trouble = problem(
            405,
            RefusalCode.NOT_PERMITTED.value,
            "The view socket carries nothing that changes anything.",
            "Send it to the control socket, beside this one: control.sock",
            exit_code=7,
            traffic=context.service.traffic(name),
        )
        await refuse(context, actor, verb if verb in BY_NAME else "unknown", name, trouble)
        raise AssertionError("refuse always raises")


def _row(verb: str) -> VerbRow:
    known = [row.verb for row in acting(on_rollout=True)]
    if verb in known:
        return BY_NAME[verb]
    close = nearest(verb, known)
    hint = f"Did you mean {close}?" if close else f"Known: {', '.join(known)}."
    raise Trouble(bad_input(f"There is no verb {verb[:80]!r} that acts on a rollout.", hint, 404))


def _command_key(request: Request, row: VerbRow) -> str:
    """The caller's id for this command. What only lowers exposure needs none: a stop is not refused for its form."""
    key = request.headers.get("idempotency-key")
    if key is None and row.risk is Risk.LOWERS:
        return f"made-here-{uuid.uuid4().hex}"
    if key is None:
        message = "The header Idempotency-Key is missing, so a repeat could not be told from a second command."
        raise Trouble(bad_input(message, "Send a new random one with each command, the same one with each retry."))
    if not _KEY.fullmatch(key):
        raise Trouble(bad_input("The Idempotency-Key is not 8 to 128 letters, digits or . _ : -", "Send a UUID."))
    return key


def _command_id(actor: Actor, verb: str, name: str, key: str) -> str:
    """Nobody can repeat, or spoil, another user's or another verb's command."""
    return f"{actor.uid}/{verb}/{name}/{key}"


def _revision(request: Request, row: VerbRow) -> int | None:
    """The revision a raising verb was decided on; None for all other verbs, whatever they say."""
    if not row.revision:
        return None
    given = request.headers.get("if-match")
    match = _REVISION.fullmatch(given.strip()) if given is not None else None
    if match is None:
        message = f"{row.verb} raises exposure and must name the revision it was decided on; If-Match does not."
        raise Trouble(bad_input(message, 'Look first, then send If-Match: "REVISION".', 428))
    return int(match[1])


def _action(body: dict[str, object]) -> ActionRequest:
    known = list(ActionRequest.model_fields)
    for key in body:
        if key not in known:
            close = nearest(key, known)
            hint = f"Did you mean {close}?" if close else f"Known: {', '.join(known)}."
            raise Trouble(bad_input(f"The body has the unknown key {key[:80]!r}.", hint))
    try:
        asked = ActionRequest.model_validate(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Trouble(bad_input(f"{where} in the body: {first['msg']}.", "Correct it and send it again.")) from error
    for text in (asked.reason, asked.confirm, asked.segment, asked.file):
        if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in text):
            # It would be shown on other people's terminals.
            raise Trouble(bad_input("A text in the body holds control characters.", "Send plain text on one line."))
    return asked
