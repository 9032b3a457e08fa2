"""The tables and keys that make a plan: margins, clocks, stages, gates, strategies, and the rollout file as a whole.

The sentence under a key is its documentation: ``docs/config.md`` and the error for a missing key are made from it.
Cross-checks between tables, and with the policy, live in plans.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from rolloutd.core.plan import OnFail, OnSegment, OnUndecided
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import ZERO
from rolloutd.settings import values as v


class Table(BaseModel):
    """A table that knows all of its keys. ``later`` are keys that are known but refused, and why."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)
    later: ClassVar[Mapping[str, str]] = {}


class MarginTable(Table):
    """How much worse than the champion: ``{ ratio = 1.5 }`` or ``{ difference = "0.2pp" }``."""

    ratio: float | None = Field(None, gt=0, le=100, allow_inf_nan=False)
    """Times the champion's rate."""
    difference: v.Points | None = None
    """Percentage points above the champion's rate."""

    @model_validator(mode="after")
    def _exactly_one(self) -> MarginTable:
        if (self.ratio is None) == (self.difference is None):
            raise ValueError('A margin has exactly one key: { ratio = 1.5 } or { difference = "0.2pp" }.')
        return self

    def margin(self) -> Margin:
        """The same as the line that the tests rest on."""
        return Margin.ratio(self.ratio) if self.ratio is not None else Margin.difference(self.difference or 0.0)


class MarginsTable(Table):
    """The margins of a gate that names none of its own."""

    harm: MarginTable = MarginTable(ratio=1.0)
    """Go back once the challenger is shown to be worse than this."""
    accept: MarginTable = MarginTable(ratio=1.5)
    """Go on once the challenger is shown to be better than this."""


class TimingKeys(Table):
    """The clocks of a plan. A key left out has the policy's value; one that is given may only be more careful."""

    tick_ms: v.TickMs | None = Field(None, alias="tick")
    """The check interval."""
    warm_up_ms: v.DurationMs | None = Field(None, alias="warm_up")
    """After each change of the share, for this long only gross harm counts and nothing speaks for going on."""
    window_ticks: v.Ticks | None = None
    """Ticks of fresh data after every doubt (restart, lapse, drift) before anything goes up."""
    blind_hold_ticks: v.Ticks | None = Field(None, alias="blind_hold")
    """Ticks without usable data after which nothing advances."""
    blind_recede_ticks: v.Ticks | None = Field(None, alias="blind_recede")
    """Ticks without usable data after which the share goes to zero."""


class SmokeTable(Table):
    """A request to the challenger's own server on a preview, and the answer that is right."""

    name: v.Name
    """What the probe is called in the record."""
    path: v.Line = ""
    """Its path, on the host of the slot's probe_url; left out, it is that address itself."""
    body: v.Line = ""
    """What is sent, as JSON by POST; left out, it is a GET."""
    status: int = Field(200, ge=100, le=599)
    """The status of the right answer."""
    answer: v.Line = ""
    """A text that the right answer contains."""
    deadline_ms: v.SmokeMs = Field(2_000, alias="deadline")
    """Within this time it is answered, or it is not."""


Smokes = Annotated[tuple[SmokeTable, ...], Strict(False), Field(max_length=20)]


class StageTable(Table):
    """One exposure with its clock. The last stage is the watch: 100 % less the holdback, the champion still warm."""

    name: v.Name
    """What the stage is called on the screen."""
    share: v.Percent = ZERO
    """The challenger's part of live traffic, growing by stage; the last one is 100%, a first one of 0% a preview."""
    mirror: v.Percent = ZERO
    """Instead of a share: the part of the requests that is copied to the challenger, whose answers reach nobody."""
    segments: v.Names = ()
    """The ring's audience: segments of the route, who get this share; left out, everybody. Who had more keeps it."""
    min_time_ms: v.DurationMs | None = Field(None, alias="min_time")
    """The shortest stay, never under the policy's; left out, it is the policy's."""
    max_time_ms: v.DurationMs = Field(4 * 3_600_000, alias="max_time")
    """When this is over and the gates have not decided, on_undecided says what happens."""
    min_ticks: v.Ticks | None = None
    """The fewest ticks with data, never under the policy's; left out, it is the policy's."""
    on_undecided: Annotated[OnUndecided, Strict(False)] = OnUndecided.ASK
    """At max_time without a decision: ask (hold and ask), extend or rollback."""
    approval: bool = False
    """Whether a person must approve before the next stage, whatever the gates say."""
    full_day: bool = False
    """Whether data must have covered every hour of a day and night before the next stage, whatever the gates say."""
    holdback: v.Holdback | None = None
    """On the last stage only: what stays on the champion to compare with; left out, it is the policy's."""
    smoke: Smokes = ()
    """On a preview only (a first stage of 0%): the probes that must be right min_ticks times one after the other."""


class GateTable(Table):
    """One metric with its comparison."""

    later: ClassVar[Mapping[str, str]] = {
        "mirror": "A gate on mirrored requests is one on a metric of pairs, such as pairs.agreement.",
        "segments": "A gate is judged by segment with by; segments are a stage's audience.",
    }
    metric: v.Name
    """A metric of [metrics], or a shipped template such as envoy.errors."""
    limit: v.Limit | None = None
    """What the challenger must stay under, whatever the champion does; of pairs.agreement, the part that may differ."""
    harm: MarginTable | None = None
    """Go back once the challenger is shown to be worse than this; left out, it is the policy's."""
    accept: MarginTable | None = None
    """Go on once the challenger is shown to be better than this; left out, it is the policy's."""
    on_fail: Annotated[OnFail, Strict(False)] = OnFail.ROLLBACK
    """What shown harm does: rollback, hold (and ask) or observe (only say so)."""
    by: Annotated[v.Names, Field(max_length=1)] = ()
    """The route's segment_label, such as ["region"]: judged in each segment too; left out, over everybody."""
    on_segment: Annotated[OnSegment, Strict(False)] = OnSegment.AS_ON_FAIL
    """What harm does that one segment shows alone: as-on-fail, or isolate (it goes back, the others go on)."""
    psi: float | None = Field(None, gt=0, le=10, allow_inf_nan=False)
    """Of drift: the population stability index above which a drift that is shown is harm; left out, 0.1."""
    weight: float | None = Field(None, gt=0, le=1, allow_inf_nan=False)
    """The gate's part of the harm evidence; left out everywhere, the first gate has 0.5, the others share the rest."""


Stages = Annotated[tuple[StageTable, ...], Strict(False), Field(max_length=50)]
Gates = Annotated[tuple[GateTable, ...], Strict(False), Field(max_length=50)]


class StrategyTable(TimingKeys):
    """A plan that rollouts can name. The keys of timing stand beside its stages and gates."""

    stage: Stages = ()
    """The stages in their order, at least one."""
    gate: Gates = ()
    """The gates that judge every stage; [policy] gates are added to them."""


class RolloutTable(Table):
    """What is rolled out where."""

    name: v.Name | None = None
    """The rollout's name; left out, it is made from the model and the challenger."""
    model: v.Text
    """The model."""
    champion: v.Text
    """The version that serves now."""
    challenger: v.Text
    """The version that shall serve."""
    route: v.Name
    """A route of the configuration."""
    strategy: v.Name | None = None
    """A strategy of the configuration; left out, it is the policy's default, or the stages written here."""
    change: Literal["standard", "major"] = "standard"
    """standard for a retrain, major for a new kind of model."""
    reason: v.Reason = ""
    """Why; needed for any other plan than the default strategy."""
    checks: v.Names = ()
    """Checks of [checks] that it must pass before any traffic, beside the policy's."""
    after: v.Names = ()
    """Rollouts by name that must be done before this one gets any traffic; until then it waits."""


class SpecTables(Table):
    """The whole rollout file."""

    rollout: RolloutTable
    """What is rolled out where."""
    stage: Stages = ()
    """The stages, where the plan is written out."""
    gate: Gates = ()
    """The gates, beside those of the strategy; one on the same metric replaces the strategy's."""
    timing: TimingKeys = TimingKeys()
    """The clocks, where they differ from the policy's."""
