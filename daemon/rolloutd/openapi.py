"""Describes the interface as OpenAPI 3.1, from the wire models, the reading routes and the verbs; nothing by hand.

``python -m rolloutd.openapi`` prints the document that is checked in as docs/openapi.json.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rolloutd.server_routes import (
    ACT_PATH,
    EVENTS_PATH,
    EVENTS_QUERY,
    READ_ROUTES,
    START_PATH,
    ReadRoute,
    acting,
    unbuilt_reading,
)
from rolloutd.verbs import API_VERSION, BY_NAME, Risk, VerbRow
from rolloutd.wire import ActionDone, ActionRequest, FleetRow, Problem
from rolloutd.wire_daemon import Heartbeat, Hello

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{8,128}$"},
    "description": "Made by the caller, new for each command and the same for each retry of it.",
}
_REVISION: Json = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The revision that this was decided on.",
}
_START_BODY: Json = {
    "type": "object",
    "description": "The spec as TOML text (spec_toml) or as an object (spec).",
    "properties": {
        "spec_toml": {"type": "string"},
        "spec": {"type": "object"},
        "file": {"type": "string"},
        "reason": {"type": "string", "maxLength": 500},
    },
}


def document() -> Json:
    """The whole document."""
    streamed: list[type[BaseModel]] = [FleetRow, Heartbeat, Hello]
    acted: list[type[BaseModel]] = [ActionDone, ActionRequest, Problem]
    read = [route.model for route in READ_ROUTES if route.model is not None]
    # Each route answers through a model's serialiser; only the request body is read by its validator.
    models = [(model, "serialization") for model in dict.fromkeys([*acted, *streamed, *read])]
    _, schemas = models_json_schema(models, by_alias=True, ref_template=_REF)  # type: ignore[arg-type] # a literal
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rolloutd",
            "version": API_VERSION,
            "description": "HTTP over two local Unix sockets: control.sock and view.sock. Who calls is what the "
            "kernel says. What changes something is on control.sock alone; the events are on view.sock alone.",
        },
        "paths": _paths(),
        "components": {"schemas": schemas["$defs"]},
    }


@functools.cache
def document_bytes() -> bytes:
    """The document as it is served and checked in."""
    return (json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _paths() -> Json:
    paths: Json = {}
    for route in READ_ROUTES:
        paths.setdefault(route.path, {})["get"] = _read(route)
    for path, row in unbuilt_reading().items():
        paths.setdefault(path, {})["get"] = _operation(row, row.help, path, None)
    paths[EVENTS_PATH] = {"get": _events()}
    paths[START_PATH]["post"] = _start()
    for row in acting(on_rollout=True):
        path = ACT_PATH.replace("{verb}", row.verb)
        paths[path] = {"post": _act(row, path)}
    for row in acting(on_rollout=False):
        path = f"/v1/{row.verb}"
        paths[path] = {"post": _act(row, path)}
    return paths


def _operation(row: VerbRow, summary: str, path: str, model: type[BaseModel] | None, kind: str = "read") -> Json:
    """The parts that all operations share. A verb that is not built can only answer 501 or a refusal."""
    operation: Json = {
        "operationId": f"{kind}_{path.removeprefix('/v1/').replace('/', '_').replace('{', '').replace('}', '')}",
        "summary": summary,
        "description": f"Needs at least the role {row.role}. Socket: {row.socket.value}.",
        "responses": {"default": {"description": "Refused: a problem in three parts.", "content": _problem()}},
    }
    if "{name}" in path:
        text = "A rollout's name, or its model's name for the newest one."
        name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "description": text}
        operation["parameters"] = [name]
    if not row.built:
        operation["responses"]["501"] = {"description": "Not built yet.", "content": _problem()}
    elif model is not None:
        operation["responses"]["200"] = {"description": "Done.", "content": _content(model)}
    return operation


def _read(route: ReadRoute) -> Json:
    operation = _operation(BY_NAME[route.verb], route.summary, route.path, route.model)
    _add(operation, *(_query(key) for key in route.query))
    if route.model is None:
        operation["responses"]["200"] = {"description": "Done.", "content": {route.media: {}}}
    return operation


def _events() -> Json:
    operation = _operation(BY_NAME["watch"], "Changes as they happen (server-sent events).", EVENTS_PATH, None)
    operation["description"] += " Events: hello, snapshot, row, status, gone, heartbeat, behind, bye."
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "Resume after it."}
    _add(operation, *(_query(key) for key in EVENTS_QUERY), last)
    operation["responses"]["200"] = {"description": "The stream.", "content": {"text/event-stream": {}}}
    return operation


def _start() -> Json:
    operation = _operation(BY_NAME["start"], BY_NAME["start"].help, START_PATH, ActionDone, "start")
    _add(operation, _query("dry_run"), _KEY)
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _START_BODY}}}
    return operation


def _act(row: VerbRow, path: str) -> Json:
    operation = _operation(row, row.help, path, ActionDone, "act")
    key = {**_KEY, "required": row.risk is not Risk.LOWERS}
    _add(operation, key, *([_REVISION] if row.revision else []))
    operation["requestBody"] = {"required": False, "content": _content(ActionRequest)}
    if row.built:
        text = "Accepted and durable; the router has not confirmed it yet."
        operation["responses"]["202"] = {"description": text, "content": _content(ActionDone)}
    return operation


def _add(operation: Json, *parameters: Json) -> None:
    if parameters:
        operation.setdefault("parameters", []).extend(parameters)


def _query(key: str) -> Json:
    return {"name": key, "in": "query", "schema": {"type": "string"}}


def _content(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _problem() -> Json:
    return {"application/problem+json": {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(document_bytes())
