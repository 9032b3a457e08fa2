"""Parts of a rollout that have a route of their own: stages, gates, plan, the past, the course of one metric.

They only cut a status into pieces or list points; they decide nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.wire import GateNow, Model, StageRow, Status

_SCHEMA = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class Stages(Model):
    """The ladder of one rollout."""

    schema_: Literal["rollout.stages/1"] = Field(default="rollout.stages/1", alias="schema")
    name: str
    revision: int
    stages: list[StageRow]

    model_config = _SCHEMA

    @classmethod
    def of(cls, status: Status) -> Stages:
        """The ladder as this status shows it."""
        return cls(name=status.name, revision=status.revision, stages=status.stages)


class Gates(Model):
    """The gates of one rollout."""

    schema_: Literal["rollout.gates/1"] = Field(default="rollout.gates/1", alias="schema")
    name: str
    revision: int
    gates: list[GateNow]

    model_config = _SCHEMA

    @classmethod
    def of(cls, status: Status) -> Gates:
        """The gates as this status shows them."""
        return cls(name=status.name, revision=status.revision, gates=status.gates)


class SeriesPoint(Model):
    """One tick of one metric, or several put together. ``at`` is when the (last) tick was counted.

    Values are the metric's own (a rate is 0 to 1); null where there was no reading. The counts are what was counted in
    this point alone. ``delta``, ``low`` and ``high`` are the difference of the stage as it stood here, challenger less
    champion, and the range that it had at any look; at some points only, and null where there was none.
    """

    at: str
    champion: float | None = None
    challenger: float | None = None
    harm_evidence: float | None = None
    safe_evidence: float | None = None
    champion_n: float = 0.0
    champion_bad: float = 0.0
    challenger_n: float = 0.0
    challenger_bad: float = 0.0
    ticks: int = 1
    delta: float | None = None
    low: float | None = None
    high: float | None = None


class Series(Model):
    """The course of one metric of one rollout, oldest first. ``every_s`` is the usual distance of two points."""

    schema_: Literal["rollout.series/1"] = Field(default="rollout.series/1", alias="schema")
    name: str
    metric: str
    points: list[SeriesPoint]
    every_s: float = 0.0

    model_config = _SCHEMA


class PlanStage(Model):
    """One stage as it was planned. ``on_undecided`` is ask, extend or rollback."""

    index: int
    name: str
    share: float
    min_s: float
    max_s: float
    min_ticks: int
    on_undecided: str
    approval: bool = False
    full_day: bool = False


class PlanGate(Model):
    """One gate as it was planned. ``on_fail`` is rollback, hold or observe; ``weight`` its part of the harm budget."""

    metric: str
    kind: str
    source: str
    every_s: float
    max_age_s: float
    harm_margin: str
    accept_margin: str
    limit: float | None = None
    slo_ms: float | None = None
    on_fail: str = "rollback"
    weight: float | None = None


class Plan(Model):
    """What was agreed to before the start; nothing changes it while the rollout runs."""

    schema_: Literal["rollout.plan/1"] = Field(default="rollout.plan/1", alias="schema")
    name: str
    strategy: str
    change: str
    reason: str
    alpha: float
    beta: float
    tick_s: float
    warm_up_s: float
    window_s: float
    blind_hold_s: float
    blind_recede_s: float
    lease_s: float | None = None
    stages: list[PlanStage]
    gates: list[PlanGate]

    model_config = _SCHEMA


class Past(Model):
    """One rollout as its record had it after the event ``seq``. The status has no gates: their numbers are evidence.

    ``then`` is what the next event said, empty where this is the newest.
    """

    schema_: Literal["rollout.past/1"] = Field(default="rollout.past/1", alias="schema")
    name: str
    seq: int
    at: str
    status: Status
    said: dict[str, str]
    then: str = ""

    model_config = _SCHEMA


class Audit(Model):
    """The journal's chain as it was verified last: at the start and then every hour. ``ok`` is null until it was once.

    ``head_seq`` and ``head_hash`` are the chain's end now; the system journal has one of them for each stage change.
    """

    schema_: Literal["rollout.audit/1"] = Field(default="rollout.audit/1", alias="schema")
    ok: bool | None
    checked: int
    verified_at: str | None
    detail: str = ""
    head_seq: int
    head_hash: str

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)
