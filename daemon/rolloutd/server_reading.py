"""Answers everything that only looks, from the service's pictures; it changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from rolloutd.core.commands import Refused
from rolloutd.evidence_store import HISTORY_TICKS
from rolloutd.openapi import document_bytes
from rolloutd.pictures import Gates, Stages
from rolloutd.problems import Trouble, bad_input, of_refused
from rolloutd.risk_questions import WRONG, Asked
from rolloutd.server_requests import Context, answer, missing, name_of, permitted, query, whole_number, yes_or_no
from rolloutd.server_routes import ADVICE_QUERY, ReadRoute
from rolloutd.verbs import BY_NAME, VerbRow
from rolloutd.wire import Status

FLEET_LIMIT_DEFAULT, FLEET_LIMIT_MAX = 1_000, 20_000
POINTS_DEFAULT = 300
STATS_S = 90 * 86_400
FILTER_CHARS_MAX = 200
M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


class Reading:
    """The handlers of the reading routes, one method a route."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._service = context.service

    def handler(self, route: ReadRoute) -> Handler:
        """The handler of one row of the table, behind its permission check."""
        inner: Handler = getattr(self, route.handler)

        async def checked(request: Request) -> Response:
            name = request.path_params.get("name", "")
            await permitted(self._context, request, BY_NAME[route.verb], name)
            query(request, *route.query)
            return await inner(request)

        return checked

    def unbuilt(self, row: VerbRow) -> Handler:
        """The handler of a reading verb that is not built: 501, or 403 for whom it would not be either."""

        async def checked(request: Request) -> Response:
            await permitted(self._context, request, row, request.path_params.get("name", ""))
            raise AssertionError(f"{row.verb} is built and needs a route of its own")

        return checked

    async def fleet(self, request: Request) -> Response:
        """All rollouts that match."""
        asked = query(request, "filter", "limit")
        text = asked.get("filter", "")
        if len(text) > FILTER_CHARS_MAX:
            raise Trouble(bad_input(f"The filter is longer than {FILTER_CHARS_MAX} letters.", "Shorten it."))
        limit = whole_number(asked.get("limit", str(FLEET_LIMIT_DEFAULT)), "limit", 1, FLEET_LIMIT_MAX)
        return answer(self._service.fleet(text, limit))

    async def choices(self, request: Request) -> Response:
        """What a rollout can be made of."""
        return answer(await self._service.choices())

    async def advice(self, request: Request) -> Response:
        """What the rules recommend for the answers in the query."""
        given = query(request, *ADVICE_QUERY)
        asked = Asked(
            route=given.get("route", ""),
            metric=given.get("metric", ""),
            wrong=given.get("wrong", "cheap"),
            label_delay_s=whole_number(given.get("label_delay_s", "0"), "label_delay_s", 0, 10**8),
            spare=yes_or_no(given.get("spare", "1"), "spare"),
            major=yes_or_no(given.get("major", "0"), "major"),
            at_once=yes_or_no(given.get("at_once", "0"), "at_once"),
        )
        if asked.wrong not in WRONG:
            raise Trouble(bad_input(f"wrong is one of {', '.join(WRONG)}, not {asked.wrong[:80]!r}.", "Correct it."))
        found = await self._service.advise(asked)
        if isinstance(found, Refused):
            raise Trouble(of_refused(found, self._service.traffic(""), None))
        return answer(found)

    def _status(self, request: Request) -> Status:
        name = name_of(self._context, request)
        return self._found(self._service.status(name), name)

    def _found(self, picture: M | None, name: str) -> M:
        if picture is None:
            raise Trouble(missing(self._context, name))
        return picture

    async def status(self, request: Request) -> Response:
        """One rollout; its revision is also the ETag, for If-Match."""
        status = self._status(request)
        return answer(status, headers={"etag": f'"{status.revision}"'})

    async def stages(self, request: Request) -> Response:
        """The ladder."""
        return answer(Stages.of(self._status(request)))

    async def gates(self, request: Request) -> Response:
        """The gates."""
        return answer(Gates.of(self._status(request)))

    async def series(self, request: Request) -> Response:
        """The course of one metric, of all its ticks or of the last ones."""
        status = self._status(request)
        asked = query(request, "metric", "last_s", "points")
        metric = asked.get("metric", "")
        last_s = whole_number(asked.get("last_s", "0"), "last_s", 0, 10**9)
        points = whole_number(asked.get("points", str(POINTS_DEFAULT)), "points", 1, HISTORY_TICKS)
        series = await self._service.series(status.name, metric, last_s, points)
        if series is None:
            known = ", ".join(gate.metric for gate in status.gates) or "none"
            raise Trouble(bad_input(f"{status.name} has no metric {metric[:80]!r}.", f"Known: {known}.", 404))
        return answer(series)

    async def plan(self, request: Request) -> Response:
        """The plan."""
        name = name_of(self._context, request)
        return answer(self._found(self._service.plan(name), name))

    async def past(self, request: Request) -> Response:
        """The past after one event of the record."""
        name = name_of(self._context, request)
        seq = whole_number(query(request, "seq").get("seq", "0"), "seq", 1, 10**17)
        found = await self._service.past(name, seq)
        if found is None:
            raise Trouble(bad_input(f"{name} has no event up to {seq}.", f"rollout timeline {name}", 404))
        return answer(found)

    async def timeline(self, request: Request) -> Response:
        """The record, or what is new in it."""
        name = name_of(self._context, request)
        since = whole_number(query(request, "since_seq").get("since_seq", "0"), "since_seq", 0, 10**17)
        return answer(self._found(await self._service.timeline(name, since), name))

    async def replay(self, request: Request) -> Response:
        """Its plan and what its gates counted."""
        name = name_of(self._context, request)
        return answer(self._found(await self._service.recording(name), name))

    async def report(self, request: Request) -> Response:
        """One page about a rollout."""
        name = name_of(self._context, request)
        return answer(self._found(await self._service.report(name), name))

    async def evidence(self, request: Request) -> Response:
        """What its record evidences of a framework."""
        name = name_of(self._context, request)
        return answer(self._found(await self._service.evidence(name), name))

    async def stats(self, request: Request) -> Response:
        """The success measures, of the last quarter of a year where nothing else is asked."""
        since_s = whole_number(query(request, "since_s").get("since_s", str(STATS_S)), "since_s", 1, 10**9)
        return answer(await self._service.stats(since_s))

    async def why(self, request: Request) -> Response:
        """The decision in words."""
        name = name_of(self._context, request)
        return answer(self._found(self._service.why(name), name))

    async def health(self, request: Request) -> Response:
        """200 while the daemon turns, else 503."""
        health = self._service.health()
        return answer(health, 200 if health.ok else 503)

    async def audit(self, request: Request) -> Response:
        """The last verification of the chain."""
        return answer(self._service.audit())

    async def doctor(self, request: Request) -> Response:
        """The self-check."""
        return answer(await self._service.doctor())

    async def openapi(self, request: Request) -> Response:
        """The description of this interface."""
        return Response(document_bytes(), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        return Response(generate_latest(self._context.metrics.registry), headers={"content-type": CONTENT_TYPE_LATEST})
