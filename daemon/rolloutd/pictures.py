"""Parts of a rollout that have a route of their own: its stages, its gates and the course of one metric.

They only cut a status into pieces or list points; they decide nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.wire import GateNow, Model, StageRow, Status

_SCHEMA = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


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
    """One tick of one metric. Values are the metric's own (a rate is 0 to 1); null where there was no reading."""

    at: str
    champion: float | None = None
    challenger: float | None = None
    harm_evidence: float | None = None
    safe_evidence: float | None = None


class Series(Model):
    """The course of one metric of one rollout, oldest first."""

    schema_: Literal["rollout.series/1"] = Field(default="rollout.series/1", alias="schema")
    name: str
    metric: str
    points: list[SeriesPoint]

    model_config = _SCHEMA
