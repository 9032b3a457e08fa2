"""The published JSON Schemas of everything that carries a ``schema`` word, made from the models; nothing by hand.

``python -m rolloutd.schemas DIRECTORY`` writes them as they are checked in under docs/schemas.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rolloutd import pictures, wire, wire_daemon, wire_lines, wire_plan, wire_report, wire_start

_BASES: tuple[type[BaseModel], ...] = (wire.Model, wire_plan.PlanModel)
_PLACES = (wire, wire_daemon, pictures, wire_lines, wire_plan, wire_report, wire_start)


def _models(bases: Iterable[type[BaseModel]] = _BASES) -> Iterator[type[BaseModel]]:
    for base in bases:
        for model in base.__subclasses__():
            yield model
            yield from _models((model,))


def published() -> dict[str, type[BaseModel]]:
    """Every model that names its schema, by that name, such as ``rollout.status/1``."""
    modules = {module.__name__ for module in _PLACES}
    named = (model for model in _models() if "schema_" in model.model_fields and model.__module__ in modules)
    return {str(model.model_fields["schema_"].default): model for model in named}


def file_name(schema: str) -> str:
    """``rollout.status/1`` is in ``rollout.status-1.json``."""
    return f"{schema.replace('/', '-')}.json"


def documents() -> dict[str, dict[str, Any]]:
    """Each schema as a document of its own, by the name of its file."""
    found = {}
    for schema, model in sorted(published().items()):
        document = model.model_json_schema(by_alias=True, mode="serialization")
        document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        document["$id"] = f"urn:rolloutd:{schema}"
        found[file_name(schema)] = document
    return found


def text(document: dict[str, Any]) -> str:
    """As it stands in its file."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    for name, document in documents().items():
        (place / name).write_text(text(document), encoding="utf-8")
