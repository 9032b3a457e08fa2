"""The published description is the one that is checked in, complete, and true of what is really answered."""

from __future__ import annotations

import json

import jsonschema
import pytest

from rolloutd.openapi import document, document_bytes
from rolloutd.verbs import VERBS, Socket
from tests.server.running import Running
from tests.tidy import ROOT

ANSWERS = {
    "/v1/rollouts": "Fleet",
    "/v1/rollouts/ranker": "Status",
    "/v1/rollouts/ranker/stages": "Stages",
    "/v1/rollouts/ranker/gates": "Gates",
    "/v1/rollouts/ranker/series?metric=errors": "Series",
    "/v1/rollouts/ranker/series?metric=errors&last_s=900&points=60": "Series",
    "/v1/rollouts/ranker/plan": "Plan",
    "/v1/rollouts/ranker/past?seq=3": "Past",
    "/v1/rollouts/ranker/past?seq=1000": "Problem",
    "/v1/rollouts/ranker/timeline": "Timeline",
    "/v1/rollouts/ranker/why": "Why",
    "/v1/health": "Health",
    "/v1/doctor": "Doctor",
    "/v1/rollouts/nobody": "Problem",
    "/v1/rollouts/ranker/report": "Report",
    "/v1/rollouts/ranker/evidence": "Evidence",
    "/v1/stats?since_s=86400": "Stats",
    "/v1/choices": "Choices",
    "/v1/advice?route=ranker&metric=errors&wrong=costly&label_delay_s=3600&spare=0&major=1&at_once=0": "Advice",
    "/v1/advice?route=nowhere&metric=errors": "Problem",
    "/v1/advice?route=ranker&metric=errors&wrong=maybe": "Problem",
    "/v1/advice?route=ranker&metric=errors&spare=perhaps": "Problem",
}


def validator(model: str) -> jsonschema.Draft202012Validator:
    """A validator of one published schema."""
    schema = {"$ref": f"#/components/schemas/{model}", "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema)


def test_the_checked_in_description_has_not_drifted() -> None:
    """docs/openapi.json is what the code says: python -m rolloutd.openapi > docs/openapi.json"""
    assert (ROOT / "docs" / "openapi.json").read_bytes() == document_bytes()


def test_every_verb_of_the_table_is_described() -> None:
    """A verb that somebody can ask for is in the description, with its role and its socket."""
    text = json.dumps(document()["paths"])
    described = document()["paths"]
    for row in VERBS:
        if row.socket is Socket.CONTROL and row.verb != "start":
            path = f"/v1/rollouts/{{name}}/{row.verb}" if row.on_rollout else f"/v1/{row.verb}"
            headers = {part["name"] for part in described[path]["post"]["parameters"]}
            assert ("If-Match" in headers) == row.revision
            assert f"role {row.role}" in described[path]["post"]["description"]
        elif not row.built:
            assert f"/{row.verb}" in text
    identifiers = [operation["operationId"] for path in described.values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers))


def test_the_schemas_are_schemas() -> None:
    """Each one is valid JSON Schema 2020-12 by itself."""
    for schema in document()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("target", ANSWERS)
async def test_real_answers_fit_their_published_schema(server: Running, target: str) -> None:
    """What comes over the socket is what the description promises."""
    answer = await server.ask("GET", target, socket_name="view")
    validator(ANSWERS[target]).validate(answer.json())


async def test_the_description_is_served_as_checked_in(server: Running) -> None:
    """Scripts can fetch it from the daemon itself."""
    assert (await server.ask("GET", "/v1/openapi.json", socket_name="view")).body == document_bytes()


async def test_actions_fit_their_published_schema(server: Running) -> None:
    """The answer to a command and to a refused one."""
    done = await server.ask("POST", "/v1/rollouts/ranker/pause")
    validator("ActionDone").validate(done.json())
    refused = await server.ask("POST", "/v1/rollouts/ranker/promote", headers={"if-match": '"1"'})
    validator("Problem").validate(refused.json())
