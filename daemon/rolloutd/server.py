"""Serves the two local sockets side by side in the daemon's event loop, each with its own caps; it decides nothing.

Only the control socket has routes that change anything; only the view socket has the event stream, so that a crowd of
viewers can never stand in the way of an abort. Signals are the daemon's business, not the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator, Mapping

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rolloutd.access import Access
from rolloutd.problems import Trouble, bad_input, unexpected
from rolloutd.server_acting import Acting, Straight, ViewOnly
from rolloutd.server_connection import Door, DoorConfig, Limits
from rolloutd.server_events import Events
from rolloutd.server_metrics import Counted, ServerMetrics
from rolloutd.server_reading import Reading
from rolloutd.server_requests import Context, answer_problem
from rolloutd.server_routes import ACT_PATH, EVENTS_PATH, READ_ROUTES, START_PATH, acting, unbuilt_reading
from rolloutd.service import Service
from rolloutd.sockets import CONTROL, VIEW, Listener

WAITING_CONNECTIONS = 1_024
"""How many connections the kernel lets wait for us on each socket."""
LAST_WORDS_S = 0.4
"""How long an open connection may take to read its last message when the daemon stops."""


class LocalServer:
    """Both sockets. ``run`` serves until its event is set; ``ready`` is set once both accept."""

    def __init__(
        self,
        service: Service,
        access: Access,
        listeners: Mapping[str, Listener],
        *,
        registry: CollectorRegistry | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self.metrics = ServerMetrics(registry or CollectorRegistry())
        self._context = Context(service, access, self.metrics, limits or Limits())
        self._listeners = listeners
        self._doors = {name: Door(self._context.limits, access.is_trusted) for name in (CONTROL, VIEW)}
        self._servers = {name: self._embedded(name) for name in (CONTROL, VIEW)}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then end streams and waiting requests with a last word. Raises what broke."""
        context = self._context
        serving = [
            asyncio.create_task(server.serve([self._listeners[name].sock]), name=f"serve {name}")
            for name, server in self._servers.items()
        ]
        try:
            for server in self._servers.values():
                await server.accepting.wait()
            self.ready.set()
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({stopped, *serving}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
        finally:
            context.stop()
            for server in self._servers.values():
                server.should_exit = True
            results = await asyncio.gather(*serving, return_exceptions=True)
            for listener in self._listeners.values():
                listener.close()
            context.access.close()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if not stop.is_set():
            raise RuntimeError("A socket stopped serving although nobody asked it to.")

    def connections(self, name: str) -> int:
        """How many connections are open on one socket."""
        return self._doors[name].by_uid.total()

    def _embedded(self, name: str) -> EmbeddedServer:
        door = self._doors[name]
        self.metrics.watch(name, door)
        app: ASGIApp
        if name == CONTROL:
            acts = Acting(self._context)
            app = Straight(Starlette(routes=control_routes(self._context, acts), exception_handlers=_HANDLERS), acts)
        else:
            app = Starlette(routes=view_routes(self._context), exception_handlers=_HANDLERS)
        return EmbeddedServer(DoorConfig(Counted(app, self.metrics, name), door))


class EmbeddedServer(uvicorn.Server):
    """uvicorn without its hands on signals, and with an end that no reader can delay."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the daemon."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(WAITING_CONNECTIONS)
        self.accepting.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; whoever has not read its last message in time is cut off."""
        timer = asyncio.get_running_loop().call_later(LAST_WORDS_S, self._cut_all)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _cut_all(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def reading_routes(context: Context) -> list[Route]:
    """What both sockets can be asked."""
    reading = Reading(context)
    built = [Route(row.path, reading.handler(row), methods=["GET"]) for row in READ_ROUTES]
    unbuilt = [Route(path, reading.unbuilt(row), methods=["GET"]) for path, row in unbuilt_reading().items()]
    return [*built, *unbuilt]


def control_routes(context: Context, acts: Acting) -> list[Route]:
    """Reading, and every verb that changes something; a POST on a rollout comes here only for what Straight leaves."""
    fleet_wide = [Route(f"/v1/{row.verb}", acts.fleet_wide(row), methods=["POST"]) for row in acting(on_rollout=False)]
    return [
        Route(ACT_PATH, acts.act, methods=["POST"]),
        *reading_routes(context),
        Route(START_PATH, acts.start, methods=["POST"]),
        *fleet_wide,
    ]


def view_routes(context: Context) -> list[Route]:
    """Reading, the event stream, and a refusal for everything else."""
    no = ViewOnly(context).refuse
    methods = ["POST", "PUT", "PATCH", "DELETE"]
    return [
        *reading_routes(context),
        Route(EVENTS_PATH, Events(context).open, methods=["GET"]),
        Route(ACT_PATH, no, methods=methods),
        Route(START_PATH, no, methods=methods),
        *(Route(f"/v1/{row.verb}", no, methods=methods) for row in acting(on_rollout=False)),
    ]


async def _trouble(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Trouble)
    return answer_problem(error.problem, error.close)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path[:200]!r} is nothing that this socket answers."
    return answer_problem(bad_input(message, "See what it answers: GET /v1/openapi.json", error.status_code))


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _unexpected(_request: Request, _error: Exception) -> Response:
    # The error itself goes on to uvicorn, which logs it.
    return answer_problem(unexpected())


_HANDLERS = {Trouble: _trouble, HTTPException: _no_route, ClientDisconnect: _gone, Exception: _unexpected}
