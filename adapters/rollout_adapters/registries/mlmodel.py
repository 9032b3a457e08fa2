"""Reads the signature out of an MLmodel file, which is YAML of a known make; it reads nothing else of it.

MLflow writes the signature's parts as JSON texts in single quotes, folded over lines. Whatever is not of that make is
no signature, and no signature passes no check.
"""

from __future__ import annotations

import json
import re
from typing import Any  # what json makes of it

from rolloutd.ports import Field, Signature

_PART = r"^  {}: '((?:[^']|'')*)'$"


def signature(text: str) -> Signature | None:
    """The signature, None where there is none that can be read."""
    _, found, block = text.partition("\nsignature:\n")
    if not found:
        return None
    inputs, outputs = _part(block, "inputs"), _part(block, "outputs")
    return None if inputs is None else Signature(inputs, outputs or {})


def _part(block: str, key: str) -> dict[str, Field] | None:
    match = re.search(_PART.format(key), block, re.MULTILINE)
    if match is None:
        return None
    try:
        columns = json.loads(re.sub(r"\s*\n\s*", " ", match[1]).replace("''", "'"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(columns, list) or not all(isinstance(column, dict) for column in columns):
        return None
    return {str(column.get("name", number)): _field(column) for number, column in enumerate(columns)}


def _field(column: dict[str, Any]) -> Field:
    """The type with all that belongs to it: a tensor's shape, an array's items, an object's properties."""
    more = {key: value for key, value in column.items() if key not in ("name", "required", "type")}
    kind = str(column.get("type", "?"))
    return Field(f"{kind} {json.dumps(more, sort_keys=True)}" if more else kind, column.get("required") is not False)
