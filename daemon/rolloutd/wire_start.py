"""What goes over the socket before a start: what a rollout can be made of here, and what the rules recommend for it.

Like the rest of the wire: fields are only added within a schema number, fractions are 0 to 1, durations seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.wire import Model
from rolloutd.wire_plan import MetricSeen, Recommendation

_SCHEMA = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class VersionChoice(Model):
    """A version that could be the challenger, and where it was found: in the other slot, or in the registry."""

    version: str
    found: str
    ready: bool = True


class RouteChoice(Model):
    """One route: what serves it now, what could follow, and who is on it.

    ``champion`` is null where neither the model server nor the registry says its version. ``live`` is the rollout that
    has the route now. ``gates`` are the metrics of the route's newest rollout. ``trouble`` is what could not be read.
    """

    name: str
    model: str
    champion: str | None = None
    versions: list[VersionChoice] = []
    segments: list[str] = []
    mirror_is_safe: bool = False
    live: str = ""
    gates: list[str] = []
    trouble: str = ""


class StrategyChoice(Model):
    """One configured strategy. ``stages`` is its ladder in words; ``gates`` are those that it brings along itself."""

    name: str
    stages: str
    least_s: float
    most_s: float
    gates: list[str] = []


class MetricChoice(Model):
    """A metric that a gate can name, with the policy's margins for its kind. One of pairs is for a shadow alone."""

    name: str
    kind: str
    margins: str
    of_pairs: bool = False


class Choices(Model):
    """What a rollout can be made of. Any other strategy than ``standard`` needs a reason."""

    schema_: Literal["rollout.choices/1"] = Field(default="rollout.choices/1", alias="schema")
    as_of: str
    routes: list[RouteChoice]
    strategies: list[StrategyChoice]
    metrics: list[MetricChoice]
    standard: str

    model_config = _SCHEMA


class Advice(Model):
    """What the rules recommend for a route's traffic as it was measured just now.

    ``traffic`` and ``recommendation`` are null where it could not be measured; ``warnings`` say why. ``strategy`` is
    the configured strategy that carries the answer out, empty where none does; ``carried_out`` says it in a sentence.
    """

    schema_: Literal["rollout.advice/1"] = Field(default="rollout.advice/1", alias="schema")
    route: str
    metric: str
    traffic: MetricSeen | None = None
    recommendation: Recommendation | None = None
    strategy: str = ""
    carried_out: str = ""
    warnings: list[str] = []

    model_config = _SCHEMA
