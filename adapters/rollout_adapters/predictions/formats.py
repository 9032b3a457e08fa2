"""Readers of other systems' prediction logs: each makes the neutral record of one line; none reads a file.

What a format lacks (an arm, a status) comes from the configuration or counts as answered. Where request and response
are logged apart, the request alone gives no record.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any  # foreign JSON, of which only the few keys named here are looked at

from rollout_adapters.predictions.record import LINE_MAX_BYTES, BadRecord, Record, Said, digest, from_mapping, read_line

Reader = Callable[[bytes], Said | None]


def reader_of(name: str, arm: str) -> Reader:
    """The reader of a format; ``arm`` counts where a line names none. Raises KeyError for an unknown one."""
    return FORMATS[name](arm)


def _neutral(arm: str) -> Reader:
    return lambda line: read_line(line, arm)


def _v2(arm: str) -> Reader:
    """Open inference protocol, as MLServer and Triton answer: ``id``, ``outputs``, ``model_version``."""

    def read(line: bytes) -> Record:
        said = _object(line)
        return from_mapping({"request_id": said.get("id"), "arm": arm, "output": _tensors(said.get("outputs"))})

    return read


def _kserve(arm: str) -> Reader:
    """KServe's logger: CloudEvents as JSON lines, of which the response carries the answer; requests are passed over.

    Both arms share the ``id`` only where it was set upstream (Ce-Id).
    """

    def read(line: bytes) -> Record | None:
        event = _object(line)
        if not str(event.get("type", "")).endswith(".response"):
            return None
        data = event.get("data")
        answer = _loaded(data) if isinstance(data, str) else data
        output = _tensors(answer.get("outputs")) if isinstance(answer, dict) and "outputs" in answer else answer
        if isinstance(answer, dict) and "predictions" in answer:
            output = _one(answer["predictions"])
        named = arm or str(event.get("inferenceservicename", ""))
        return from_mapping({"request_id": event.get("id"), "arm": named, "output": output})

    return read


def _sagemaker(arm: str) -> Reader:
    """SageMaker's data capture: ``eventMetadata.inferenceId`` (the caller's), output as it is or base64."""

    def read(line: bytes) -> Record:
        said = _object(line)
        meta, capture = said.get("eventMetadata"), said.get("captureData")
        output = capture.get("endpointOutput") if isinstance(capture, dict) else None
        if not isinstance(meta, dict) or not isinstance(output, dict):
            raise BadRecord("no eventMetadata and endpointOutput")
        text = output.get("data")
        if output.get("encoding") == "BASE64" and isinstance(text, str):
            try:
                text = base64.b64decode(text, validate=True).decode("utf-8", "replace")
            except ValueError:
                raise BadRecord("no base64") from None
        value = _loaded(text) if isinstance(text, str) else text
        return from_mapping({"request_id": meta.get("inferenceId"), "arm": arm, "output": _one(value)})

    return read


def _bentoml(arm: str) -> Reader:
    """BentoML's monitor: a flat object of logged columns. Join on a logged ``request_id``, else on ``trace_id``.

    Its own request_id is a number and never the caller's, so it joins nothing.
    """

    def read(line: bytes) -> Record:
        said = _object(line)
        own = said.get("request_id")
        shared = own if isinstance(own, str) and not own.isdigit() else said.get("x_request_id") or said.get("trace_id")
        output = said.get("prediction", said.get("output"))
        known = {"request_id": str(shared) if shared else None, "arm": said.get("arm") or arm, "output": output}
        return from_mapping({**known, "status": said.get("status", 200), "latency_ms": said.get("latency_ms")})

    return read


def _object(line: bytes) -> Mapping[str, Any]:
    if len(line) > LINE_MAX_BYTES:
        raise BadRecord(f"a line of more than {LINE_MAX_BYTES >> 10} KiB")
    said = _loaded(line)
    if not isinstance(said, dict):
        raise BadRecord("no JSON object")
    return said


def _loaded(text: str | bytes) -> object:
    """JSON, or the text itself: an answer may be a plain word."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if isinstance(text, bytes):
            raise BadRecord("no JSON") from None
        return text


def _tensors(outputs: object) -> object:
    """The one value, or the one vector, of a single tensor; several are compared as a whole."""
    if not isinstance(outputs, list) or not all(isinstance(tensor, dict) for tensor in outputs):
        return None
    if len(outputs) == 1:
        return _one(outputs[0].get("data"))
    return digest([(tensor.get("name"), tensor.get("data")) for tensor in outputs])


def _one(value: object) -> object:
    """A list of one thing as that thing."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


FORMATS: dict[str, Callable[[str], Reader]] = {
    "rolloutd": _neutral,
    "v2": _v2,
    "kserve": _kserve,
    "sagemaker": _sagemaker,
    "bentoml": _bentoml,
}
