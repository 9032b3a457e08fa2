"""The neutral record of a prediction, and how two outputs compare. Pure: it reads no file and joins nothing.

Inputs are personal data and are never kept: of an ``input`` only its hash enters. Long outputs are hashed, too, so that
what waits for its pair stays small.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple  # a log line is whatever somebody wrote; only the keys named here are looked at

ID_MAX = 200
LINE_MAX_BYTES = 256 * 1024
_TEXT_MAX = 100
_SCORES_MAX = 64
_SERVER_ERROR = 500

Output = str | float | tuple[float, ...] | None
"""A label or a hash, a number, or scores; None where nothing was answered."""


class BadRecord(ValueError):
    """A line that is no record; the message says why."""


class Record(NamedTuple):
    """One answer of one arm to one request. ``input_hash`` joins nothing: it tells people which inputs differ."""

    request_id: str
    arm: str
    status: int = 200
    latency_ms: float | None = None
    output: Output = None
    segment: str = ""
    input_hash: str = ""

    @property
    def failed(self) -> bool:
        """Whether the server failed to answer."""
        return self.status >= _SERVER_ERROR


class Label(NamedTuple):
    """What the right answer to a request was, as it became known later. Its arm is that of the answer."""

    request_id: str
    label: Output


Said = Record | Label
"""What a line of a log may say."""


def read_line(line: bytes, arm: str = "") -> Said:
    """The record or the label on a line of JSON; one with ``label`` and no ``output`` is a label. Raises BadRecord."""
    said = _object(line)
    if "label" not in said or "output" in said:
        return from_mapping(said, arm)
    request_id, label = said.get("request_id"), small(said["label"])
    if not isinstance(request_id, str) or not 0 < len(request_id) <= ID_MAX:
        raise BadRecord("no request_id")
    if label is None:
        raise BadRecord("a label of nothing")
    return Label(request_id, label)


def read_record(line: bytes, arm: str = "") -> Record:
    """The record on a line of JSON. ``arm`` counts where the line names none. Raises BadRecord."""
    return from_mapping(_object(line), arm)


def _object(line: bytes) -> Mapping[str, Any]:
    if len(line) > LINE_MAX_BYTES:
        raise BadRecord(f"a line of more than {LINE_MAX_BYTES >> 10} KiB")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRecord("no JSON") from None
    if not isinstance(said, dict):
        raise BadRecord("no JSON object")
    return said


def from_mapping(said: Mapping[str, Any], arm: str = "") -> Record:
    """The record that an object with the neutral keys says. Raises BadRecord."""
    request_id, named = said.get("request_id"), said.get("arm") or arm
    if not isinstance(request_id, str) or not 0 < len(request_id) <= ID_MAX:
        raise BadRecord("no request_id")
    if not isinstance(named, str) or not 0 < len(named) <= ID_MAX:
        raise BadRecord("no arm")
    status, latency_ms = said.get("status", 200), said.get("latency_ms")
    if type(status) is not int:
        raise BadRecord("a status that is no whole number")
    if latency_ms is not None and not _is_number(latency_ms):
        raise BadRecord("a latency_ms that is no number")
    segment, input_hash = said.get("segment"), said.get("input_hash")
    if input_hash is None and "input" in said:
        input_hash = digest(said["input"])
    return Record(
        request_id,
        named,
        status,
        latency_ms,
        small(said.get("output")),
        segment[:_TEXT_MAX] if isinstance(segment, str) else "",
        input_hash[:_TEXT_MAX] if isinstance(input_hash, str) else "",
    )


def small(output: object) -> Output:
    """An output in a form that is small and can be compared: numbers and scores as they are, the rest as text."""
    if output is None or isinstance(output, str):
        return output if output is None or len(output) <= _TEXT_MAX else digest(output)
    if _is_number(output):
        return float(output)  # type: ignore[arg-type]  # it was just looked at
    if isinstance(output, list) and 0 < len(output) <= _SCORES_MAX and all(map(_is_number, output)):
        return tuple(map(float, output))
    return digest(output)


def same(one: Output, other: Output, tolerance: float) -> bool:
    """Whether two outputs agree: equal text, numbers within the tolerance, scores with the same greatest one."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and greatest(one) == greatest(other)
    return one == other


def right(output: Output, label: Output, tolerance: float) -> bool | None:
    """Whether an output is what its label says; None where they cannot be compared.

    Of scores the label is the number of the right one, counted from zero, or scores with the same greatest one.
    """
    if isinstance(output, tuple) and isinstance(label, float):
        return greatest(output) == label
    if output is None or type(output) is not type(label):
        return None
    return same(output, label, tolerance)


def squared_error(output: Output, label: Output) -> float | str:
    """(p - y)^2 of a probability p and what happened, y of 0 or 1; or why it has none. No kind is guessed."""
    if not isinstance(output, float):
        return "the answer is no number"
    if not 0.0 <= output <= 1.0:
        return f"the answer {output:g} lies outside of 0 to 1"
    happened = _happened(label)
    return happened if isinstance(happened, str) else (output - happened) ** 2


def score_of(output: Output, label: Output) -> tuple[float, bool] | str:
    """A score, of any size, and whether what it foretells happened, a label of 1; or why it is none."""
    if not isinstance(output, float):
        return "the answer is no number"
    happened = _happened(label)
    return happened if isinstance(happened, str) else (output, happened == 1.0)


def _happened(label: Output) -> float | str:
    if label in (0.0, 1.0) and isinstance(label, float):
        return label
    return f"the label {label:g} is neither 0 nor 1" if isinstance(label, float) else "the label is no number"


def digest(value: object) -> str:
    """The SHA-256 of a value's canonical JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def greatest(scores: tuple[float, ...]) -> int:
    """The number of the greatest score, counted from zero."""
    return max(range(len(scores)), key=scores.__getitem__)


def _is_number(value: object) -> bool:
    """Whether it is a number, and one that a float can hold: of 400 digits JSON may well be."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
