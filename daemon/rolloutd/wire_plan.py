"""What goes over the socket about plans: a forecast with its rule, what a running gate still needs, a record to replay.

Like the rest of the wire: fields are only added within a schema number, fractions are 0 to 1, durations seconds.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class PlanModel(BaseModel):
    """Base of these pictures: unknown fields are ignored, so that an older reader can read a newer writer."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, defer_build=True)


class MeanP90(PlanModel):
    """Something that varies: its mean, and what nine of ten stay under."""

    mean: float
    p90: float


class Needs(PlanModel):
    """What a gate still needs to pass, if the challenger is as good as the champion: challenger requests and time."""

    requests: MeanP90
    time_s: MeanP90


class MetricSeen(PlanModel):
    """The traffic that a forecast assumes of one metric. ``basis`` says where it is from."""

    metric: str
    rps: float
    champion_rate: float
    phi: float = 1.0
    basis: str = "given"


class GateOutlook(PlanModel):
    """One gate on one stage, for a challenger exactly as good as the champion; times run from the stage's share on.

    ``smallest_harm`` is the least multiple of the champion's rate that is seen, with odds of 9 in 10, within the
    stage's maximum time; null where none is. ``twice_s`` is the time until twice the champion's rate takes it back.
    ``compared`` is false where the plan leaves the champion no traffic to compare with.
    """

    metric: str
    on_fail: str
    harm_margin: str
    accept_margin: str
    limit: float | None = None
    compared: bool = True
    requests: MeanP90 | None
    time_s: MeanP90 | None
    odds_in_time: float
    smallest_harm: float | None
    smallest_harm_rate: float | None
    twice_s: MeanP90 | None


class StageOutlook(PlanModel):
    """One stage. ``decides`` says whether nine of ten stays end within its maximum time."""

    index: int
    name: str
    share: float
    rps: float
    min_s: float
    max_s: float
    on_undecided: str
    stay_s: MeanP90 | None
    requests: MeanP90 | None
    slowest: str | None
    odds_in_time: float
    decides: bool
    gates: list[GateOutlook]


class PlanOutlook(PlanModel):
    """What a plan will take. ``decision`` is go, replanned (a larger first share), refused or unknown.

    ``rule`` says why. Without data nothing goes up after ``blind_hold_s``, and everything goes back after
    ``blind_recede_s``.

    ``stages`` is empty and ``total_s`` null where the traffic is not known.
    """

    schema_: Literal["rollout.outlook/1"] = Field(default="rollout.outlook/1", alias="schema")
    name: str
    route: str
    strategy: str
    decision: str
    rule: str
    alpha: float
    beta: float
    tick_s: float
    traffic: list[MetricSeen]
    stages: list[StageOutlook]
    total_s: MeanP90 | None
    odds_in_time: float
    warnings: list[str] = []
    read_by: str = ""
    blind_hold_s: float | None = None
    blind_recede_s: float | None = None


class RecordedTick(PlanModel):
    """What one tick of one gate counted; ``note`` says why it is blind where it is."""

    tick: int
    clock_ms: int
    wall_ms: int
    champion_n: int
    champion_bad: int
    challenger_n: int
    challenger_bad: int
    note: str = ""


class Recording(PlanModel):
    """A rollout with what its gates counted, for ``rollout replay``. ``spec`` is as the journal keeps it.

    ``first_tick`` of a gate above 1 says that older ticks are no longer kept. ``from_clock_ms`` is when it was
    requested; ``events`` are the record's lines, to lay beside the replay's.
    """

    schema_: Literal["rollout.recording/1"] = Field(default="rollout.recording/1", alias="schema")
    name: str
    revision: int
    spec: dict[str, Any]
    from_clock_ms: int
    from_wall_ms: int
    gates: dict[str, list[RecordedTick]]


class Spread(PlanModel):
    """Mean, median and ninth decile of a figure over many rollouts."""

    mean: float
    p50: float
    p90: float


class SimulatedEnd(PlanModel):
    """One way to end: its odds with their standard error, and the time and challenger requests it took."""

    odds: float
    odds_error: float
    count: int
    time_s: Spread | None
    requests: Spread | None


class SimulatedGate(PlanModel):
    """How often a gate passed on a stage, and after what; counted from the stage's share on."""

    passed: int
    time_s: Spread | None
    requests: Spread | None


class SimulatedStage(PlanModel):
    """How many rollouts reached a stage, how many went on from it, and after how long a stay."""

    name: str
    share: float
    reached: int
    passed: int
    stay_s: Spread | None
    gates: dict[str, SimulatedGate]


class Exposed(PlanModel):
    """What the challenger served: requests, users at so many requests each, and its bad answers by metric."""

    requests: Spread
    users: Spread
    requests_per_user: float
    bad_answers: dict[str, Spread]


class Simulation(PlanModel):
    """Many rehearsed rollouts of one plan. ``undecided`` are those that would wait for a person."""

    schema_: Literal["rollout.simulation/1"] = Field(default="rollout.simulation/1", alias="schema")
    name: str
    strategy: str
    seed: int
    runs: int
    traffic: dict[str, Any]
    rollback: SimulatedEnd
    promotion: SimulatedEnd
    undecided: SimulatedEnd
    rolled_back_by: dict[str, int]
    undecided_because: dict[str, int]
    exposed: Exposed
    stages: list[SimulatedStage]
    read_by: str


class Recommended(PlanModel):
    """One strategy in words, with the rule that led there."""

    strategy: str
    stages: str
    lasts: str
    rule: str
    because: str


class Unseen(PlanModel):
    """Up to how many times the champion's errors go unseen in so many hours at 1%; null where any would."""

    hours: float
    unseen_ratio: float | None


class FirstStage(PlanModel):
    """The forecast of a first stage of the standard: hours until a good version passes, until twice the errors go back.

    Null where that never comes.
    """

    share: float
    decides_h: MeanP90 | None
    twice_h: MeanP90 | None


class Recommendation(Recommended):
    """What the rules recommend for a situation. ``reason`` is the sentence for the rollout's file and record."""

    schema_: Literal["rollout.recommendation/1"] = Field(default="rollout.recommendation/1", alias="schema")
    runner_up: Recommended
    notes: list[str]
    reason: str
    unseen: Unseen
    forecast: FirstStage | None = None
    faster: Unseen | None


class ReplayedEvent(PlanModel):
    """One event of a replay, counted from its start."""

    at_s: float
    kind: str
    what: str
    why: str


class ReplayedGate(PlanModel):
    """Bad and all requests that a gate's evidence counted, and what they came to."""

    champion: tuple[int, int]
    challenger: tuple[int, int]
    log_e_harm: float
    log_e_safe: float


class Replay(PlanModel):
    """What a plan would have done. ``outcome`` is promotion, rollback or undecided when the record ends."""

    schema_: Literal["rollout.replay/1"] = Field(default="rollout.replay/1", alias="schema")
    name: str
    strategy: str
    ticks: int
    recorded_s: float
    outcome: str
    state: str
    stage: int
    share: float
    reason: str
    gates: dict[str, ReplayedGate]
    events: list[ReplayedEvent]
    notes: list[str] = []
    read_by: str
