"""The JSON of every verb fits the schema that it names, and the schemas that are checked in are the models' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rolloutd.ctl.cli import MODULE_OF
from rolloutd.schemas import documents, file_name, published, text
from rolloutd.verbs import VERBS, Socket
from tests.ctl.running import rollout
from tests.server.running import Running

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
SPEC = '[rollout]\nmodel = "new"\n'
MORE: dict[str, tuple[str, ...]] = {
    "isolate": ("eu",),
    "putback": ("eu", "--reason", "the owner wants it"),
    "hold": ("--reason", "a drill"),
    "release": ("--reason", "a drill", "--yes"),
    "watch": ("--from-seq", "0", "--timeout", "200ms"),
    "wait": ("--timeout", "200ms"),
}


def validated(line: str) -> str:
    """The schema that a line of JSON names and fits, read from the published files alone."""
    found: dict[str, Any] = json.loads(line)
    schema = json.loads((SCHEMAS / file_name(found["schema"])).read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    return str(found["schema"])


def test_the_published_schemas_are_the_models_own() -> None:
    """Drift fails here: python -m rolloutd.schemas docs/schemas."""
    found = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert found == {name: text(document) for name, document in documents().items()}


def test_every_model_with_a_schema_word_is_published_once() -> None:
    """The word is name/number; fields are only added within a number, so every model tolerates unknown ones."""
    for schema, model in published().items():
        name, _, number = schema.partition("/")
        assert name.startswith("rollout.")
        assert number.isdigit()
        assert model.model_config.get("extra") == "ignore", schema


@pytest.mark.parametrize("row", [r for r in VERBS if r.built and r.verb in MODULE_OF and r.socket is not Socket.LOCAL])
async def test_each_verb_says_what_it_published(server: Running, row: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Result and refusal alike; nothing else on stdout, and nothing but JSON lines."""
    server.service.change("ranker", "went to 10%")
    (tmp_path / "new.toml").write_text(SPEC)
    file = (str(tmp_path / "new.toml"),) if row.verb in ("start", "adopt-plan") else ()
    place = (*(("ranker",) if row.on_rollout else ()), *file)
    decided = ("--if-revision", "318") if row.revision or row.verb == "rollback" else ()
    ran = await rollout(server.directory, row.verb, *place, *decided, *MORE.get(row.verb, ()), "--json")
    assert ran.out, ran.err
    assert {validated(line) for line in ran.out.splitlines()} - {"rollout.error/1"}, ran.out
    refused = await rollout(server.directory, row.verb, "--no-such-option", "--json")
    assert (refused.code, validated(refused.out)) == (2, "rollout.error/1")


async def test_the_version_too(server: Running) -> None:
    """It needs no daemon."""
    ran = await rollout(server.directory, "version", "--json")
    assert validated(ran.out) == "rollout.version/1"
