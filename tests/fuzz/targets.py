"""Everything that reads what others wrote, each with right texts to start from and the only errors it may raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from rollout_adapters.metrics.answers import parse_rows
from rollout_adapters.metrics.exposition import read_page
from rollout_adapters.metrics.series import Blind
from rollout_adapters.predictions.formats import FORMATS, reader_of
from rollout_adapters.predictions.record import BadRecord
from rollout_adapters.traffic.haproxy_socket import parse as parse_haproxy
from rolloutd import strict_json
from rolloutd.codec import CodecError, decode_event, encode_event
from rolloutd.core.analysis import BadField, analyze
from rolloutd.main import vocabulary
from rolloutd.ports import RouterError
from rolloutd.settings import read_settings
from rolloutd.settings.problems import SettingsError
from rolloutd.settings.spec_file import read_spec
from tests.docs.pages import README, ROOT, blocks
from tests.journal.events import wanted


@dataclass(frozen=True, slots=True)
class Target:
    """``read`` takes any bytes; what it raises besides ``may_raise`` is a crash."""

    name: str
    corpus: tuple[bytes, ...]
    read: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...]


def _text(data: bytes) -> str:
    """As a file is read: what is no UTF-8 is refused before."""
    return data.decode("utf-8")


def _log_line(data: bytes) -> None:
    """A line of a prediction log, taken for each of the formats."""
    refused = []
    for read in _READERS:
        try:
            read(data)
        except BadRecord as error:
            refused.append(error)
    if len(refused) == len(_READERS):
        raise refused[0]


def targets() -> tuple[Target, ...]:
    """All of them. The sockets, which need a server, are in sockets.py."""
    known = vocabulary()
    toml = [block.encode() for block in blocks(README.read_text(), "toml")]
    configs = (*(text for text in toml if b"[routers." in text), (ROOT / "config.example.toml").read_bytes())
    specs = tuple(text for text in toml if b"[rollout]" in text)
    settings = read_settings(configs[0].decode(), "config.toml", known)
    kind, schema, event = encode_event(wanted(7))
    names = frozenset({"requests_total", "haproxy_backend_http_responses_total"})
    return (
        Target(
            "config", configs, lambda data: read_settings(_text(data), "config.toml", known),
            (SettingsError, UnicodeDecodeError),
        ),
        Target(
            "rollout file", specs, lambda data: read_spec(_text(data), "r.toml", settings),
            (SettingsError, UnicodeDecodeError),
        ),
        Target("strict JSON", (b'{"reason": "x", "wait_s": 5, "deep": [[1, 2.5e3, null]]}', b"{}"), strict_json.parse,
               (strict_json.BadJson,)),
        Target("prediction log", _LOG_LINES, _log_line, (BadRecord,)),
        Target("analyze", _QUESTIONS, lambda data: analyze(strict_json.parse(data)), (strict_json.BadJson, BadField)),
        Target("stored event", (event.encode(),), lambda data: decode_event(kind, schema, _text(data)),
               (CodecError, UnicodeDecodeError)),
        Target("metrics page", (_PAGE,), lambda data: read_page(data, "text/plain; version=0.0.4", names), (Blind,)),
        Target("OpenMetrics page", (_PAGE + b"# EOF\n",),
               lambda data: read_page(data, "application/openmetrics-text; version=1.0.0", names), (Blind,)),
        Target("Prometheus rows", (_ROWS,), lambda data: parse_rows(json.loads(data)),
               (Blind, ValueError, RecursionError)),  # what is no JSON is the client library's to refuse
        Target("HAProxy's answer", (_TABLE,), lambda data: parse_haproxy(data.decode("utf-8", "replace"), "x"),
               (RouterError,)),
    )  # fmt: skip


_READERS = tuple(reader_of(name, "v1") for name in FORMATS)
_LOG_LINES = (
    b'{"request_id": "r1", "arm": "a", "status": 200, "latency_ms": 4.5, "output": [0.25, 0.75], "input": {"x": 1}}',
    b'{"request_id": "r1", "label": 1, "latency_ms": 1%s}' % (b"0" * 400),
    b'{"request_id": "r1", "arm": "a", "output": 1%s}' % (b"0" * 400),
    b'{"id": "r1", "model_version": "v1", "outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [0.5]}]}',
    b'{"id": "r1", "type": "x.response", "inferenceservicename": "a", "data": {"predictions": [1]}}',
    b'{"eventMetadata": {"inferenceId": "r1"}, "captureData": {"endpointOutput": {"encoding": "CSV", "data": "1"}}}',
    b'{"trace_id": "r1", "arm": "a", "prediction": "cat"}',
)
_QUESTIONS = tuple(
    json.dumps(question).encode()
    for question in (
        {
            "kind": "proportion", "harm": {"ratio": 1.0}, "accept": {"ratio": 1.5}, "restart": True, "alpha": 0.01,
            "ticks": [{"champion": {"n": 9000, "x": 80}, "challenger": {"n": 1000, "x": 12}}],
        },
        {"kind": "paired", "harm": {"difference": 0.01}, "ticks": [{"b": 30, "c": 12, "n": 2000}]},
        {
            "kind": "mean", "harm": {"difference": 0.1},
            "ticks": [{"champion": {"n": 9, "sum": 8, "sumsq": 9}, "challenger": {"n": 1, "sum": 2, "sumsq": 4}}],
        },
    )
)  # fmt: skip
_PAGE = (
    b"# HELP requests_total n\n# TYPE requests_total counter\n"
    b'requests_total{arm="a",code="200"} 1480\nrequests_total{arm="b",code="5xx"} 1.5e3 1700000000000\n'
    b'haproxy_backend_http_responses_total{proxy="ranker-a",code="5xx"} 0\n'
)
_ROWS = (
    b'[{"metric": {"arm": "a"}, "value": [1700000000.5, "12"]}, '
    b'{"metric": {"arm": "b"}, "values": [[1700000000, "NaN"], [1700000015, "+Inf"]]}]'
)
_TABLE = (
    b"# table: lease, type: string, size:10240, used:1\n"
    b"0x55d0c8a1b0d0: key=ranker/b use=0 exp=59990 shard=0 gpt0=100\n\n"
    b'type=str, case=sensitive, found=yes, idx=tree, key="ranker", value="a", type="str"\n\n'
    b"Name: HAProxy\nVersion: 2.6.12\nPid: 4711\nStart_time_sec: 1700000000\n"
)
