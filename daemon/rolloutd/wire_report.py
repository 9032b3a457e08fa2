"""What a report and the statistics of all rollouts look like on the wire: what was recorded; they decide nothing.

Fields are only ever added within a schema's number. Times are RFC 3339 in UTC, durations seconds, rates 0 to 1.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from rolloutd.pictures import Series
from rolloutd.wire import Model, TimelineEntry

_NAMED = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class ReportedStage(Model):
    """One stay on a stage. ``left_at`` is null while it lasts, ``confirmed_at`` until the router showed its share."""

    index: int
    name: str
    share: float
    entered_at: str
    confirmed_at: str | None = None
    left_at: str | None = None
    stayed_s: float


class ReportedGate(Model):
    """One metric over the whole rollout: what was counted on each side, the difference and its range.

    A drift has neither: its figures are in ``words``, and no answer is a bad one.
    """

    metric: str
    kind: str
    champion_bad: int
    champion_n: int
    challenger_bad: int
    challenger_n: int
    champion: float | None = None
    challenger: float | None = None
    delta: float | None = None
    range: tuple[float, float] | None = None
    said: str = ""
    limit: float | None = None
    words: str = ""


class ReportedMoment(Model):
    """Something that somebody did or that happened, with its end where it has one."""

    at: str
    what: str
    why: str
    by: str
    until: str | None = None
    lasted_s: float | None = None


class ReportedCheck(Model):
    """A named check before traffic."""

    check: str
    passed: bool
    detail: str
    by: str


class WayBack(Model):
    """From the decision to the router's own 0 %. ``requests`` is what the challenger served in all, where known."""

    decided_at: str
    asked_at: str | None = None
    zero_at: str | None = None
    took_s: float | None = None
    cause: str
    requests: int | None = None


class Report(Model):
    """One page about a rollout. ``sentence`` is the outcome in one sentence."""

    schema_: Literal["rollout.report/1"] = Field(default="rollout.report/1", alias="schema")
    name: str
    model: str
    route: str
    champion: str
    challenger: str
    strategy: str
    phase: str
    sentence: str
    reason: str
    rule: str
    started_by: str
    started_at: str
    ended_at: str | None = None
    lasted_s: float
    as_of: str
    confidence: float
    stages: list[ReportedStage]
    gates: list[ReportedGate]
    checks: list[ReportedCheck]
    overrides: list[ReportedMoment]
    pauses: list[ReportedMoment]
    incidents: list[ReportedMoment]
    way_back: WayBack | None = None
    artefact: str = ""
    series: list[Series]
    timeline: list[TimelineEntry]

    model_config = _NAMED


class Spread(Model):
    """Median, ninth decile and number of a time in seconds; null where there is none."""

    count: int
    p50_s: float | None = None
    p90_s: float | None = None


class Affected(Model):
    """What versions that did not last cost: the requests that they answered, and how many more of them were bad.

    More than with the champion's part of bad ones. ``counted`` is of how many of the rollouts anything is known.
    """

    rollouts: int
    counted: int
    requests: int
    more_bad: int


class Unseen(Model):
    """What a gate's counts leave possible of the versions that it let through: so much worse, as a part of requests.

    ``half`` of them at most, the ``worst`` of them, with this confidence in each; ``requests`` of the challenger in
    the middle one.
    """

    rollouts: int
    confidence: float
    half: float
    worst: float
    requests: int


class GateReview(Model):
    """How one metric's gate did. ``taken_for_false``: it went back, and the same version came later after all.

    ``missed``: a rollout that it let through was taken back by a person.
    """

    metric: str
    rollouts: int
    went_back: int
    taken_for_false: int
    missed: int
    overridden: int
    unseen: Unseen | None = None


class RouteUptime(Model):
    """Requests of one route that its gates counted while rollouts ran, and the part of them that was good."""

    route: str
    requests: int
    good: float | None


class Stats(Model):
    """The success measures of all rollouts requested since then; of ``counted`` of them the evidence was read."""

    schema_: Literal["rollout.stats/1"] = Field(default="rollout.stats/1", alias="schema")
    since: str
    as_of: str
    days: float
    requested: int
    done: int
    rolled_back: int
    aborted: int
    refused: int
    live: int
    a_week: float
    change_fail_rate: float | None
    failed: int
    to_restore: Spread
    to_full: Spread
    lead_time: Spread
    two_versions_h: float
    overrides: int
    overrides_then_bad: int
    uptime: list[RouteUptime]
    gates: list[GateReview]
    counted: int
    affected: Affected = Affected(rollouts=0, counted=0, requests=0, more_bad=0)

    model_config = _NAMED


class EvidenceRow(Model):
    """One subcategory of a framework: the outcome in our words, and the evidence or why there is none."""

    subcategory: str
    outcome: str
    evidenced: bool
    evidence: str


class Evidence(Model):
    """What one rollout's record evidences of a framework, and what it cannot."""

    schema_: Literal["rollout.evidence/1"] = Field(default="rollout.evidence/1", alias="schema")
    framework: str
    rollout: str
    as_of: str
    rows: list[EvidenceRow]
    out_of_reach: list[str]
    note: str

    model_config = _NAMED
