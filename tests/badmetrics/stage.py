"""One run of the catalogue: a real Prometheus told a rollout's counters second by second, read by the real adapter.

The challenger is well until the fault begins, and from then on fails one request in five, or answers it late. Time is
told: the samples of second k carry it, and the source reads as of then, so that a minute takes a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from rollout_adapters.metrics import prometheus as adapter
from rollout_adapters.metrics.templates import make_template
from rolloutd.core.effects import MetricsAnswered, TickPassed
from rolloutd.core.metrics import MetricTemplate, Question
from rolloutd.core.plan import Gate
from rolloutd.core.values import Slot
from tests.core.playbook import Playbook, World, a_gate, a_plan, a_spec
from tests.engines.prometheus import Prometheus, Written

GOOD_S, BAD_S = 8, 16
"""So many seconds all is well; so many the source misleads. A stage lasts ten: a healthy rollout gets on meanwhile."""
SHORT_S, LONG_S = 0.15, 10.0
RATES = {"a": 0.01, "b": 0.01}
HARM_RATE = 0.2
ERRORS, SLOW = make_template("python.errors"), make_template("python.latency", slo_ms=250)
KINDS = {
    "errors against the champion": (ERRORS, None),
    "errors against a limit": (ERRORS, 0.05),
    "latency against the champion": (SLOW, None),
}
"""The kinds of gate that there are: what is counted, and the absolute limit where it has one."""


def a_gate_of(kind: str) -> Gate:
    """The gate of this kind."""
    template, limit = KINDS[kind]
    return a_gate(template=template, limit=limit, max_age_ms=2_500)


@dataclass
class Stage:
    """A rollout in a playbook whose metrics come from ``url``; ``arms`` are labels of its own in the shared Prometheus.

    ``at_ms`` is the present second, ``since_s`` how long the fault lasts (None before it).
    """

    store: Prometheus
    kind: str
    serial: int
    url: str = ""
    begun_ms: int = 0
    second: int = 0
    since_s: int | None = None
    deadline_s: float = LONG_S
    kept: dict[str, tuple[int, int]] | None = None
    flapped: int | None = None

    def __post_init__(self) -> None:
        self.world = World(rates=dict(RATES), rps=100_000)
        timing = replace(a_plan().timing, blind_recede_ticks=10)
        self.book = Playbook(a_spec(a_plan(gates=(a_gate_of(self.kind),), timing=timing)), self.world)
        self.begun_ms = time.time_ns() // 1_000_000 - 60_000
        self.url = self.url or self.store.url

    @property
    def template(self) -> MetricTemplate:
        """What is counted."""
        return KINDS[self.kind][0]

    @property
    def at_ms(self) -> int:
        """The present second on the wall."""
        return self.begun_ms + 1_000 * self.second

    def arm(self, slot: str) -> str:
        """The label's value for this arm in this run."""
        return f"{slot}{self.serial}"

    def counters(self, slot: str, n: int, bad: int, **labels: str) -> list[Written]:
        """An arm's counters of this second: by code, or as a histogram."""
        own = {"slot": self.arm(slot), **labels}
        if self.template is ERRORS:
            name = {"__name__": "http_requests_total", **own}
            return [({**name, "code": "200"}, n - bad, self.at_ms), ({**name, "code": "500"}, bad, self.at_ms)]
        count = ({"__name__": "http_request_seconds_count", **own}, n, self.at_ms)
        within = ({"__name__": "http_request_seconds_bucket", "le": "0.25", **own}, n - bad, self.at_ms)
        return [count, within, ({"__name__": "http_request_seconds_bucket", "le": "+Inf", **own}, n, self.at_ms)]

    def truth(self) -> dict[str, tuple[int, int]]:
        """Requests and bad ones of each arm so far."""
        return {slot: (self.world.n[slot], self.world.bad[slot]) for slot in ("a", "b")}

    async def read(self, source: adapter.PrometheusSource) -> None:
        """Ask the source and show the core what it says."""
        question = Question(self.template, frozenset({self.arm("a"), self.arm("b")}))
        answer = await source.read(question, self.deadline_s)
        by_slot = {slot.value: answer.by_arm[self.arm(slot.value)] for slot in Slot}
        self.book.see(MetricsAnswered("errors", type(answer)(answer.read_at_ms, by_slot)))

    async def pass_second(self, source: adapter.PrometheusSource, tell: Callable[[Stage], list[Written]]) -> None:
        """One second: traffic, its counters in the store, a look, and what follows."""
        self.second += 1
        self.world.flow(1.0)
        samples = tell(self)
        if samples:
            self.store.write(samples)
        self.book.now = self.book.now.plus_ms(1_000)
        self.book.see(TickPassed())
        await self.read(source)
        self.book.settle(tick=True)


def honest(stage: Stage) -> list[Written]:
    """The truth."""
    return [sample for slot, (n, bad) in stage.truth().items() for sample in stage.counters(slot, n, bad)]


def told_time(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    """Let the adapter read as of the stage's second; all its other clocks stay true."""
    clocks: Mapping[str, Any] = {name: getattr(time, name) for name in ("time", "monotonic")}
    patch.setattr(adapter, "time", SimpleNamespace(**clocks, time_ns=lambda: stage.at_ms * 1_000_000))


def highest(book: Playbook) -> str:
    """What became of the rollout, in the words of the table."""
    shares = book.shares()
    raised = [share for share in shares if share not in ("0%", "1%")]
    if raised:
        return f"**goes up to {raised[-1]}**"
    if "0%" in shares:
        return "back to 0%"
    return {"held": "holds", "running": "stays"}.get(book.phase, book.phase)
