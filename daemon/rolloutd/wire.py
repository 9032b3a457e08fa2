"""What goes over the socket: the models that the server sends and that the command line and the terminal read.

These are pictures for people and scripts. Fields are only added within a schema number; an unknown word in a field of
words must be tolerated by readers. Fractions are 0 to 1, times UTC RFC 3339, durations seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rolloutd.wire_plan import Needs, PlanOutlook
from rolloutd.wire_proposals import Proposed
from rolloutd.wire_segments import SegmentNow


class Model(BaseModel):
    """Base of all pictures: unknown fields are ignored, so that an older reader can read a newer writer.

    A model is built when it is first used: the screen's start needs four of them.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Age(Model):
    """How old each clock's last word is, in seconds; null when there never was one."""

    router: float | None = None
    metrics: float | None = None


class StageNow(Model):
    """Where the rollout is."""

    index: int
    count: int
    name: str
    segments: list[str] = []
    elapsed_s: float
    min_s: float
    max_s: float


class StageRow(Model):
    """One row of the ladder. ``result`` is passed, running, waiting, overridden or empty.

    ``mirror`` is the part of the requests that the stage copies to the challenger.
    """

    index: int
    name: str
    share: float
    segments: list[str] = []
    min_s: float
    max_s: float
    result: str
    entered_at: str | None = None
    left_at: str | None = None
    elapsed_s: float | None = None
    champion_n: int = 0
    challenger_n: int = 0
    mirror: float = 0.0


class OnNew(Model):
    """The challenger's share as asked, as the router shows it, and as last read back and recorded.

    The same for the part of the requests of which it gets copies; ``mirror_observed`` is null where the router was not
    read, or cannot mirror.
    """

    asked: float
    observed: float | None
    confirmed: float
    confirmed_is_asked: bool
    mirror_asked: float = 0.0
    mirror_observed: float | None = None


class Samples(Model):
    """Requests counted per arm."""

    champion: int
    challenger: int


class GateNow(Model):
    """One gate. ``state`` is pass, collecting, fail, blind, overridden, not-checked or quiet.

    The evidence figures are the part of the way to the line on a log scale, 0 to 1; they are not probabilities.
    ``words`` describe a drift, of which ``delta`` is the size (PSI less chance) and safe_evidence the part of the
    answers that are enough for it to be quiet.
    """

    metric: str
    kind: str
    state: str
    champion: float | None
    challenger: float | None
    delta: float | None
    delta_kind: str = "difference"
    range: tuple[float, float] | None = None
    confidence: float = 0.99
    limit: float | None = None
    harm_margin: str = ""
    accept_margin: str = ""
    harm_evidence: float
    safe_evidence: float
    samples: Samples
    data_age_s: float | None
    blind_reason: str | None = None
    on_fail: str = "rollback"
    slo_ms: float | None = None
    needs: Needs | None = None
    words: str = ""


class RatioNow(Model):
    """Does the proxy give the share it says: the part asked for, the part of the last requests that came, and counts.

    ``lo`` and ``hi`` bound what counts as the asked share. ``evidence`` is the part of the way to a hold on a log
    scale, 0 to 1, no probability. ``ok`` is false once the evidence is there and what came lately lies outside.
    """

    metric: str
    asked: float
    seen: float | None
    lo: float
    hi: float
    samples: Samples
    evidence: float
    ok: bool


class Next(Model):
    """What happens if nobody acts: ``sentence`` for people, ``short`` for a column, the rest for scripts."""

    action: str
    by: str
    sentence: str
    eta_s: float | None = None
    short: str = ""


class Override(Model):
    """A person's decision against a gate; it stays visible for ever. ``asked_by`` is the first of two people."""

    by: str
    at: str
    gates: list[str]
    reason: str
    asked_by: str | None = None


class OverrideAsked(Model):
    """An override that one admin asked for and that another one may approve, as long as it lasts."""

    by: str
    at: str
    verb: str
    gates: list[str]
    reason: str
    left_s: float


class Status(Model):
    """One rollout as people and scripts see it. ``state`` is the screen's word, ``phase`` the machine's row."""

    schema_: Literal["rollout.status/1"] = Field(default="rollout.status/1", alias="schema")
    name: str
    model: str
    route: str
    revision: int
    state: str
    phase: str
    outcome: str | None = None
    ended: bool = False
    needs_you: bool = False
    as_of: str
    started_at: str | None = None
    ended_at: str | None = None
    started_by: str = ""
    age_s: Age
    champion: str
    challenger: str
    strategy: str
    reason: str = ""
    stage: StageNow
    stages: list[StageRow]
    on_new: OnNew
    gates: list[GateNow]
    ratio: RatioNow | None = None
    next: Next
    blocked_by: list[str]
    held_because: str | None = None
    fleet_hold: str = ""
    claimed_by: str | None = None
    paused_by: str | None = None
    overrides: list[Override] = []
    override_asked: OverrideAsked | None = None
    alpha: float
    beta: float
    tick_s: float
    router_engine: str = ""
    by_hand: str = ""
    breach_to_zero_s: float | None = None
    breach_parts: str = ""
    segments: list[SegmentNow] = []
    last: list[TimelineEntry] = []

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class FleetRow(Model):
    """One line of the fleet: what a list needs, nothing more."""

    name: str
    model: str
    champion: str
    challenger: str
    state: str
    phase: str
    revision: int
    needs_you: bool
    ended: bool
    stage: int
    stages: int
    asked: float
    observed: float | None
    worst: str
    next: str
    who: str
    as_of: str
    claimed_by: str | None = None
    ended_at: str | None = None


class FleetHold(Model):
    """The freeze of the whole fleet: by whom, why, since when, and how many others hold it too."""

    by: str
    reason: str
    at: str
    others: int = 0


class Fleet(Model):
    """All rollouts that match a filter, most urgent first."""

    schema_: Literal["rollout.list/1"] = Field(default="rollout.list/1", alias="schema")
    as_of: str
    rollouts: list[FleetRow]
    total: int
    needs_you: int
    hold: bool = False
    held: FleetHold | None = None
    proposals: list[Proposed] = []

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class TimelineEntry(Model):
    """One event for people: when, who and how, what, why."""

    seq: int
    version: int
    at: str
    who: str
    via: str
    kind: str
    what: str
    why: str


class Timeline(Model):
    """The record of one rollout, oldest first."""

    schema_: Literal["rollout.timeline/1"] = Field(default="rollout.timeline/1", alias="schema")
    name: str
    revision: int
    entries: list[TimelineEntry]

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Why(Model):
    """The decision in words: one line a reason, then what comes next."""

    schema_: Literal["rollout.why/1"] = Field(default="rollout.why/1", alias="schema")
    name: str
    revision: int
    state: str
    lines: list[str]
    next: Next

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class ActionDone(Model):
    """The answer to a command. ``accepted`` means durable; ``router_confirmed`` means read back from the router.

    Of a reload, ``taken`` are the configuration's keys that count from here on, ``needs_restart`` those that wait.
    """

    schema_: Literal["rollout.action/1"] = Field(default="rollout.action/1", alias="schema")
    name: str
    action: str
    accepted: bool
    revision: int
    by: str
    router_confirmed: bool
    took_s: float
    message: str = ""
    waits_for_person: bool = False
    plan: PlanOutlook | None = None
    taken: list[str] = []
    needs_restart: list[str] = []

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Problem(Model):
    """RFC 9457 problem details in three parts: what happened, what it means for traffic now, what to do next."""

    schema_: Literal["rollout.error/1"] = Field(default="rollout.error/1", alias="schema")
    type: str = "about:blank"
    title: str = ""
    status: int = 0
    code: str
    exit: int
    message: str
    traffic: str
    next: str
    revision: int | None = None
    where: str | None = None

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class ActionRequest(BaseModel):
    """The body of ``POST /v1/rollouts/{name}/{verb}``. ``wait`` asks to answer only when the router confirmed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: str = Field("", max_length=500)
    override: bool = False
    confirm: str = Field("", max_length=80)
    wait_s: float = Field(0, ge=0, le=600)
    segment: str = Field("", max_length=80)
    spec_toml: str = Field("", max_length=49_152)
    file: str = Field("", max_length=300)


Status.model_rebuild()
