"""The rows of the catalogue: each way in which a source misleads, at the store (what is written) or on the way (HTTP).

They follow fault-model 2.1 in its order. Nothing here decides; a row only says what the source shows of the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import inf, nan
from typing import Any

import httpx

from tests.badmetrics.stage import Stage, honest
from tests.engines.faulty_http import Fault, FaultyHTTP
from tests.engines.prometheus import Written

Tell = Callable[[Stage], list[Written]]
Break = Callable[[FaultyHTTP, Stage], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One way to mislead: ``tell`` writes to the store while it lasts, ``on_the_way`` breaks what is between.

    One that ``stalls`` is waited for only shortly; everywhere else a busy machine must not look like the fault.
    """

    name: str
    tell: Tell = honest
    on_the_way: Break | None = None
    stalls: bool = False


def _healthy(stage: Stage, slot: str = "b") -> tuple[int, int]:
    """What the arm would show if it were well: one in a hundred of what it was asked."""
    n = stage.world.n[slot]
    return n, round(n * 0.01)


def _nothing(_: Stage) -> list[Written]:
    return []


def _challenger(show: Callable[[Stage], list[Written]]) -> Tell:
    """The champion's truth beside something else for the challenger."""

    def tell(stage: Stage) -> list[Written]:
        return [*stage.counters("a", *stage.truth()["a"]), *show(stage)]

    return tell


def _number(value: float) -> Tell:
    """The challenger's bad (or good) counter is no number."""

    def show(stage: Stage) -> list[Written]:
        samples = stage.counters("b", *stage.truth()["b"])
        labels, _, at_ms = samples[1]
        return [samples[0], (labels, value, at_ms), *samples[2:]]

    return _challenger(show)


def _frozen(stage: Stage) -> list[Written]:
    """Both arms as they were when it began, with fresh times."""
    kept = stage.kept or stage.truth()
    stage.kept = kept
    return [sample for slot, (n, bad) in kept.items() for sample in stage.counters(slot, n, bad)]


def _born_full(stage: Stage) -> list[Written]:
    """A new server's error series is born with all its errors in it, and then stands still for a while."""
    n, bad = stage.truth()["b"]
    seconds = stage.since_s or 0
    born = [] if seconds % 8 == 0 else stage.counters("b", n // 10, bad // 10, pod=f"new-{seconds // 8}")[1:2]
    return [*stage.counters("b", *_healthy(stage)), *born]


def _two_where_one_is(stage: Stage) -> list[Written]:
    """A second series of the same arm, a healthy one, beside the harmful one."""
    true = stage.counters("b", *stage.truth()["b"], pod="one")
    return [*stage.counters("b", *_healthy(stage), pod="two"), *true]


def _one_shard(stage: Stage) -> list[Written]:
    """Of two servers only the healthy one is there."""
    n, _ = stage.truth()["b"]
    return stage.counters("b", n // 2, n // 200, pod="two")


def _resets(stage: Stage) -> list[Written]:
    """The challenger's server restarts every third second, before anybody counts."""
    n, bad = stage.truth()["b"]
    part = (stage.since_s or 0) % 3
    return stage.counters("b", 20 * part, 4 * part) if n >= bad else []


def _churn(stage: Stage) -> list[Written]:
    """Every second another pod's series, each with its first requests only."""
    return stage.counters("b", 20, 4, pod=f"p{stage.second}")


def _flapping(stage: Stage) -> list[Written]:
    """Harm in every other second: the errors of two come at once, then none."""
    n, bad = stage.truth()["b"]
    if (stage.since_s or 0) % 2:
        stage.flapped = bad
    return stage.counters("b", n, min(n, stage.flapped or bad))


def _fault(fault: Fault) -> Break:
    def on_the_way(proxy: FaultyHTTP, _: Stage) -> None:
        proxy.fault, proxy.body = fault, b'{"status":"success","data":{"resultType":"vector","result":[]}}'

    return on_the_way


def _says(body: bytes, status: int = 200) -> Break:
    def on_the_way(proxy: FaultyHTTP, _: Stage) -> None:
        proxy.body_for, proxy.body, proxy.status = None, body, status

    return on_the_way


def _gone(proxy: FaultyHTTP, stage: Stage) -> None:
    """Nobody listens there any more."""
    proxy.fault = Fault.RESET


def _changed(change: Callable[[dict[str, Any], Stage], None], back_s: int = 0) -> Break:
    """What the store said, changed on the way; ``back_s`` asks it about so many seconds ago."""

    def on_the_way(proxy: FaultyHTTP, stage: Stage) -> None:
        def body(head: str) -> bytes:
            target = head.split(" ")[1]
            answer = httpx.get(stage.store.url + moved(target, stage, back_s), trust_env=False).json()
            change(answer, stage)
            return json.dumps(answer).encode()

        proxy.body_for = body

    return on_the_way


def moved(target: str, stage: Stage, back_s: int) -> str:
    """The same question about an earlier second."""
    at = f"time={stage.at_ms / 1000:.3f}"
    return target.replace(at, f"time={stage.at_ms / 1000 - back_s:.3f}") if back_s else target


def _with_warning(answer: dict[str, Any], stage: Stage) -> None:
    """One of two stores did not answer: the challenger's errors were there."""
    answer["warnings"] = ["store-2: connection refused"]
    _hide_errors(answer, stage)


def _hide_errors(answer: dict[str, Any], _: Stage) -> None:
    for found in answer["data"]["result"]:
        for value in [found["value"]] if "value" in found else found["values"][-1:]:
            if found["metric"].get("code") == "500":
                value[1] = "0"


def _twice(answer: dict[str, Any], _: Stage) -> None:
    """Every row a second time, the second one healthy."""
    rows = answer["data"]["result"]
    answer["data"]["result"] = [*rows, *json.loads(json.dumps(rows))]
    _hide_errors({"data": {"result": answer["data"]["result"][len(rows) :]}}, _)


def _flood(answer: dict[str, Any], _: Stage) -> None:
    """Far more series than anybody asked for."""
    rows = answer["data"]["result"]
    if rows:
        copies = [{**rows[0], "metric": {**rows[0]["metric"], "pod": str(k)}} for k in range(2_500)]
        answer["data"]["result"] = [*copies, *rows]


def _clock(proxy: FaultyHTTP, stage: Stage) -> None:
    """A source whose clock is a minute behind answers of then, when all was well."""
    proxy.headers = {"date": format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)}
    _changed(lambda *_: None, back_s=GONE_S)(proxy, stage)


GONE_S = 6

ROWS: tuple[Row, ...] = (
    Row("source gone", on_the_way=_gone),
    Row("source silent", on_the_way=_fault(Fault.SILENT), stalls=True),
    Row("a byte at a time", on_the_way=_fault(Fault.TRICKLE), stalls=True),
    Row("200 with status: error", on_the_way=_says(b'{"status":"error","errorType":"x","error":"x"}')),
    Row("200 with HTML", on_the_way=_says(b"<html>sign in</html>")),
    Row("truncated JSON", on_the_way=_fault(Fault.TRUNCATED)),
    Row("NaN", _number(nan)),
    Row("+Inf", _number(inf)),
    Row("-Inf", _number(-inf)),
    Row("empty value", on_the_way=_changed(lambda answer, _: _empty(answer))),
    Row("empty vector", on_the_way=_changed(lambda answer, _: answer["data"].update(result=[]))),
    Row("challenger's series gone", _challenger(_nothing)),
    Row("error series born with its errors", _challenger(_born_full)),
    Row("two series where one was", _challenger(_two_where_one_is)),
    Row("rows twice, the last one healthy", on_the_way=_changed(_twice)),
    Row("frozen, with fresh times", _frozen),
    Row("old samples", _nothing),
    Row("one of two shards", _challenger(_one_shard)),
    Row("warning: a store did not answer", on_the_way=_changed(_with_warning)),
    Row("counters reset every 3 s", _challenger(_resets)),
    Row("label churn every second", _challenger(_churn)),
    Row("its clock a minute behind", on_the_way=_clock),
    Row("answers of 6 s ago (a cache)", on_the_way=_changed(lambda *_: None, back_s=GONE_S)),
    Row("2,500 series too many", on_the_way=_changed(_flood)),
    Row("harm every other second", _challenger(_flapping)),
    Row("401", on_the_way=_says(b"sign in", 401)),
    Row("403", on_the_way=_says(b"no", 403)),
)
"""In the order of the fault model."""


def _empty(answer: dict[str, Any]) -> None:
    for found in answer["data"]["result"]:
        for value in [found["value"]] if "value" in found else found["values"]:
            value[1] = ""
