"""The table of what can be read and where; routes, permissions and the OpenAPI document are made from it. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from rolloutd.pictures import Audit, Gates, Past, Plan, Series, Stages
from rolloutd.verbs import VERBS, Socket, VerbRow
from rolloutd.wire import Fleet, Status, Timeline, Why
from rolloutd.wire_daemon import Doctor, Health
from rolloutd.wire_plan import Recording
from rolloutd.wire_report import Evidence, Report, Stats
from rolloutd.wire_start import Advice, Choices

ADVICE_QUERY = ("route", "metric", "wrong", "label_delay_s", "spare", "major", "at_once")


@dataclass(frozen=True, slots=True)
class ReadRoute:
    """One thing to read: where, the handler's name, the verb whose right it needs, and what comes back."""

    path: str
    handler: str
    verb: str
    model: type[BaseModel] | None
    summary: str
    query: tuple[str, ...] = ()
    media: str = "application/json"


READ_ROUTES: tuple[ReadRoute, ...] = (
    ReadRoute("/v1/choices", "choices", "list", Choices, "What a rollout can be made of."),
    ReadRoute("/v1/advice", "advice", "list", Advice, "What the rules recommend at a route's traffic.", ADVICE_QUERY),
    ReadRoute("/v1/rollouts", "fleet", "list", Fleet, "All rollouts, most urgent first.", ("filter", "limit")),
    ReadRoute("/v1/rollouts/{name}", "status", "status", Status, "One rollout now."),
    ReadRoute("/v1/rollouts/{name}/stages", "stages", "status", Stages, "Its ladder."),
    ReadRoute("/v1/rollouts/{name}/gates", "gates", "status", Gates, "Its gates."),
    ReadRoute(
        "/v1/rollouts/{name}/series",
        "series",
        "status",
        Series,
        "The course of one metric.",
        ("metric", "last_s", "points"),
    ),
    ReadRoute("/v1/rollouts/{name}/plan", "plan", "status", Plan, "What was agreed to before the start."),
    ReadRoute("/v1/rollouts/{name}/past", "past", "timeline", Past, "How it was after one event.", ("seq",)),
    ReadRoute("/v1/rollouts/{name}/timeline", "timeline", "timeline", Timeline, "Its record.", ("since_seq",)),
    ReadRoute("/v1/rollouts/{name}/why", "why", "why", Why, "The decision in words."),
    ReadRoute("/v1/rollouts/{name}/replay", "replay", "replay", Recording, "Its plan and what its gates counted."),
    ReadRoute("/v1/rollouts/{name}/report", "report", "report", Report, "One page about it."),
    ReadRoute(
        "/v1/rollouts/{name}/evidence", "evidence", "evidence", Evidence, "What it evidences of the NIST AI RMF."
    ),
    ReadRoute("/v1/stats", "stats", "stats", Stats, "Success measures of all rollouts.", ("since_s",)),
    ReadRoute("/v1/health", "health", "doctor", Health, "Whether the daemon turns."),
    ReadRoute("/v1/doctor", "doctor", "doctor", Doctor, "Checks of daemon, routers, sources and rights."),
    ReadRoute("/v1/audit", "audit", "audit", Audit, "The journal's chain, as it was verified last."),
    ReadRoute("/v1/openapi.json", "openapi", "doctor", None, "This document."),
    ReadRoute("/metrics", "metrics", "doctor", None, "Metrics for Prometheus.", media="text/plain"),
)

EVENTS_PATH = "/v1/events"
EVENTS_QUERY = ("name", "rows")
START_PATH = "/v1/rollouts"
ACT_PATH = "/v1/rollouts/{name}/{verb}"


def acting(on_rollout: bool) -> tuple[VerbRow, ...]:
    """The verbs of the control socket, except start, which has its own route."""
    rows = (row for row in VERBS if row.socket is Socket.CONTROL and row.verb != "start")
    return tuple(row for row in rows if row.on_rollout is on_rollout)


def unbuilt_reading() -> dict[str, VerbRow]:
    """Paths of the reading verbs that are known but not built."""
    rows = [row for row in VERBS if row.socket is Socket.VIEW and not row.built]
    return {f"/v1/rollouts/{{name}}/{row.verb}" if row.on_rollout else f"/v1/{row.verb}": row for row in rows}
