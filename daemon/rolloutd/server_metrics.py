"""Counts what happens at the sockets, for Prometheus; it holds no number of any rollout."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rolloutd.server_connection import Door


class ServerMetrics:
    """The server's own metrics in a registry of its own, to which the daemon may add its collectors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "rolloutd_requests", "Requests answered.", ["socket", "method", "status"], registry=registry
        )
        self.refused = Counter("rolloutd_refused", "Commands refused for lack of rights.", ["verb"], registry=registry)
        self.streams = Gauge("rolloutd_streams", "Open event streams.", registry=registry)
        self.streams_dropped = Counter(
            "rolloutd_streams_dropped", "Event streams dropped because their reader was slow.", registry=registry
        )
        self._connections = Gauge("rolloutd_connections", "Open connections.", ["socket"], registry=registry)
        self._turned_away = Gauge(
            "rolloutd_connections_turned_away", "Connections over a limit so far.", ["socket"], registry=registry
        )

    def watch(self, socket_name: str, door: Door) -> None:
        """Report the connections of one socket."""
        self._connections.labels(socket_name).set_function(door.by_uid.total)
        self._turned_away.labels(socket_name).set_function(lambda: door.turned_away)


class Counted:
    """Wraps the application of one socket and counts its answers."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, socket_name: str) -> None:
        self._app = app
        self._metrics = metrics
        self._socket_name = socket_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                labels = (self._socket_name, scope["method"], str(message["status"]))
                self._metrics.requests.labels(*labels).inc()
            await send(message)

        await self._app(scope, receive, counted)
