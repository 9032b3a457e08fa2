"""A strategy as data: stages, gates and the limits of time and evidence, checked as a whole when made.

A plan is complete in itself. It is written into the journal at the start and never looks anything up again, so a
change of the configuration cannot change a running rollout. Reading TOML is settings.py's work, not this module's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from rolloutd.core.checks import Check
from rolloutd.core.metrics import GateKind, MetricTemplate
from rolloutd.core.segments import Segments
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, SPARSE, ZERO, BadValue, Share, check_name, format_duration
from rolloutd.core.whole_day import DAY_MS

SMOKE_DEADLINE_MAX_MS = 10_000


class OnUndecided(StrEnum):
    """What happens when a stage's maximum time is over and its gates have not decided."""

    ASK = "ask"
    EXTEND = "extend"
    ROLLBACK = "rollback"


class OnSegment(StrEnum):
    """What harm does that one segment shows alone: as the gate's on_fail says, or that segment goes off."""

    AS_ON_FAIL = "as-on-fail"
    ISOLATE = "isolate"


class OnFail(StrEnum):
    """What a gate that shows harm does: go back, hold and ask, or only say so."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Gate:
    """One metric with its comparison. ``weight`` is its part of the harm evidence (the plan makes them sum to one).

    ``max_age_ms`` is how old a sample may be before the gate is blind; ``every_ms`` is its source's cadence. ``by`` is
    the label of the segments in each of which it is judged too, empty where it is judged over everybody. ``psi`` is how
    large a drift must be to be harm.
    """

    metric: str
    source: str
    template: MetricTemplate
    max_age_ms: int
    every_ms: int
    harm: Margin
    accept: Margin
    limit: float | None = None
    on_fail: OnFail = OnFail.ROLLBACK
    weight: float = 1.0
    by: str = ""
    on_segment: OnSegment = OnSegment.AS_ON_FAIL
    psi: float = field(default=0.0, metadata={SPARSE: True})

    def __post_init__(self) -> None:
        check_name(self.metric, "A metric's name")
        if self.limit is not None and not 0 < self.limit < 1:
            raise BadValue(f"The limit of {self.metric} lies between 0% and 100%, not at {self.limit:.4g}.")
        if self.weight <= 0:
            raise BadValue(f"The weight of {self.metric} is above zero, not {self.weight}.")
        if self.max_age_ms <= 0 or self.every_ms <= 0:
            raise BadValue(f"The cadence and the greatest sample age of {self.metric} are above zero.")
        if self.on_segment is OnSegment.ISOLATE and (not self.by or self.on_fail is OnFail.OBSERVE):
            raise BadValue(
                f"{self.metric} can isolate a segment only where it is judged by segment and does not observe."
            )
        if self.template.kind.of_pairs:
            self._check_pairs()
        if self.template.kind is GateKind.MEAN:
            self._check_mean()
        self._check_drift()
        if self.template.ripens and self.by:
            raise BadValue(f"{self.metric} waits for labels, and those are judged over everybody, not by segment.")

    def _check_mean(self) -> None:
        if self.by or self.limit is not None or self.harm.shift or self.accept.shift:
            raise BadValue(
                f"{self.metric} is a mean, so its harm and accept are ratios such as {{ ratio = 1.05 }}; it has no "
                "limit and is judged over everybody."
            )
        if self.harm.factor < 1.0 or self.accept.factor <= 1.0:
            raise BadValue(
                f"The ratios of {self.metric} say how much worse a mean may be, whichever way is better: harm is at "
                "least 1, accept above 1."
            )

    def _check_drift(self) -> None:
        drift = self.template.kind is GateKind.DRIFT
        if (self.psi > 0) != drift:
            said = "needs psi, which is above zero" if drift else "is no gate on drift and has no psi"
            raise BadValue(f"{self.metric} {said}.")
        if drift and (self.by or self.limit is not None or not self.template.bins or self.template.ripens):
            raise BadValue(f"{self.metric} is drift between classes or edges, over everybody; it has psi and no limit.")

    def _check_pairs(self) -> None:
        if self.by:
            raise BadValue(f"{self.metric} is judged on pairs over everybody; pairs are not judged by segment.")
        if self.template.kind in (GateKind.AGREEMENT, GateKind.COVERAGE) and self.limit is None:
            what = "pairs may differ" if self.template.kind is GateKind.AGREEMENT else "requests may have no pair"
            raise BadValue(f"{self.metric} needs a limit: how many of the {what}, such as 2%.")
        if self.template.kind is GateKind.PAIRED and (
            self.limit is not None or {self.harm.factor, self.accept.factor} != {1.0}
        ):
            raise BadValue(
                f"{self.metric} compares pairs, so its harm and accept are differences such as 0.5pp; it has no limit."
            )


@dataclass(frozen=True, slots=True)
class Smoke:
    """A request to the challenger's own server before it has any traffic, and the answer that is right.

    ``path`` is on the host of the slot's probe address; empty is that address itself. A ``body`` makes it a POST.
    ``answer`` is a text that the body of the right answer contains.
    """

    name: str
    path: str = ""
    status: int = 200
    answer: str = ""
    body: str = ""
    deadline_ms: int = 2_000

    def __post_init__(self) -> None:
        check_name(self.name, "A smoke probe's name")
        if self.path and (not self.path.startswith("/") or not re.fullmatch(r"[!-~]+", self.path)):
            raise BadValue(
                f"The path of smoke probe {self.name} begins with / and is visible ASCII, not {self.path!a}."
            )
        if not 100 <= self.status <= 599:
            raise BadValue(f"The status of smoke probe {self.name} lies between 100 and 599, not at {self.status}.")
        if not 1 <= self.deadline_ms <= SMOKE_DEADLINE_MAX_MS:
            raise BadValue(f"The deadline of smoke probe {self.name} is above zero and at most 10s.")


@dataclass(frozen=True, slots=True)
class Stage:
    """One exposure with its clock. The last stage of a plan is the watch, with the champion still warm.

    A stage with a share of zero is a preview or a shadow. On a preview the ``smoke`` probes judge the challenger in the
    place of gates, each of which must be right in ``min_ticks`` rounds one after the other. On a shadow the challenger
    gets copies of the ``mirror`` part of the requests; its answers reach nobody, and the gates judge them. ``segments``
    is the audience of a ring, empty for everybody; ``share`` is all that is exposed, with what earlier rings have.
    With ``full_day`` the data must cover every hour of a day and night before anything goes up from here.
    """

    name: str
    share: Share
    min_time_ms: int
    max_time_ms: int
    min_ticks: int = 30
    on_undecided: OnUndecided = OnUndecided.ASK
    approval: bool = False
    smoke: tuple[Smoke, ...] = ()
    segments: tuple[str, ...] = ()
    mirror: Share = ZERO
    full_day: bool = field(default=False, metadata={SPARSE: True})

    def __post_init__(self) -> None:
        check_name(self.name, "A stage's name")
        _refuse_twins(list(self.segments), f"segment of stage {self.name}")
        if len({self.share.of(name).basis_points for name in self.segments}) > 1:
            raise BadValue(f"The segments of stage {self.name} have different shares; an earlier stage gave one more.")
        if self.share == ZERO and not self.smoke and not self.shadow:
            raise BadValue(
                f"Stage {self.name} has a share of 0%; a stage without live traffic needs smoke probes, or a mirror."
            )
        if self.shadow and (self.share != ZERO or self.smoke or self.segments):
            raise BadValue(f"Stage {self.name} mirrors requests, so it has neither a share nor smoke probes.")
        if self.smoke and self.share > ZERO:
            raise BadValue(f"Stage {self.name} has live traffic; smoke probes judge only a stage of 0%.")
        _refuse_twins([probe.name for probe in self.smoke], f"smoke probe of stage {self.name}")
        if not 0 <= self.min_time_ms <= self.max_time_ms:
            raise BadValue(f"Stage {self.name} has a minimum time above its maximum time.")
        if self.min_ticks < 1:
            raise BadValue(f"Stage {self.name} needs at least one tick.")
        if self.full_day and (self.preview or self.max_time_ms <= DAY_MS):
            raise BadValue(
                f"Stage {self.name} looks at a full day, so it has traffic or copies, and a max_time above 24h."
            )

    @property
    def preview(self) -> bool:
        """Whether the challenger has no traffic here and is judged by its smoke probes."""
        return self.share == ZERO and not self.shadow

    @property
    def shadow(self) -> bool:
        """Whether the challenger gets copies of requests here, and nobody gets its answers."""
        return self.mirror > ZERO

    @property
    def own_share(self) -> Share:
        """What its audience has: the share that the stage was written with."""
        return self.share.of(self.segments[0]) if self.segments else Share(self.share.basis_points)


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks of a plan. Ticks are check intervals of ``tick_ms``.

    ``blind_hold_ticks`` without data stop every advance; ``blind_recede_ticks`` take the share to zero.
    ``warm_up_ms`` after each share change only gross harm counts and nothing speaks for safety.
    ``window_ticks`` of fresh data must follow every doubt (restart, lapse, drift) before anything goes up.
    """

    tick_ms: int = 10_000
    blind_hold_ticks: int = 1
    blind_recede_ticks: int = 20
    warm_up_ms: int = 300_000
    window_ticks: int = 30

    def __post_init__(self) -> None:
        if self.tick_ms < 100:
            raise BadValue(f"A tick is at least 100ms, not {self.tick_ms}ms.")
        if not 1 <= self.blind_hold_ticks <= self.blind_recede_ticks:
            raise BadValue("blind_hold is at least one tick and at most blind_recede.")
        if self.warm_up_ms < 0 or self.window_ticks < 0:
            raise BadValue("The warm-up and the observation window are not negative.")


HALF = Share(5_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole strategy. ``alpha`` is spent once for the whole rollout, ``beta`` at each stage.

    ``second_person``: an override to ``second_person_from`` or more needs two people. ``segments`` are the route's.
    """

    strategy: str
    stages: tuple[Stage, ...]
    gates: tuple[Gate, ...]
    timing: Timing = Timing()
    alpha: float = 0.01
    beta: float = 0.05
    second_person: bool = True
    segments: Segments | None = None
    second_person_from: Share = HALF

    def __post_init__(self) -> None:
        if not self.stages:
            raise BadValue("A plan needs at least one stage.")
        if not self.gates:
            raise BadValue("A plan needs at least one gate: nothing goes up without evidence.")
        if all(gate.on_fail is OnFail.OBSERVE for gate in self.gates):
            raise BadValue("Every gate only observes: nothing would ever go back.")
        shares = [stage.share for stage in self.stages]
        if not all(_grows(earlier, later) for earlier, later in pairwise(self.stages)):
            raise BadValue(
                "The share must grow from stage to stage, and take nothing back from a segment that had more."
            )
        self._check_segments()
        if shares[-1].basis_points < 5_000:
            raise BadValue("The last stage is the watch at full share (less a holdback); it cannot be under 50%.")
        _refuse_lonely_pairs(self)
        _refuse_unripe(self)
        if shares[-1] == FULL and all(gate.limit is None for gate in self.gates if gate.template.kind.of_rates):
            raise BadValue(
                "A watch without a holdback has no champion to compare with: at least one gate needs a limit."
            )
        _refuse_twins([stage.name for stage in self.stages], "stage")
        _refuse_twins([gate.metric for gate in self.gates], "gate")
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < value <= 0.2:
                raise BadValue(f"{name} lies between 0 and 0.2, not at {value}.")

    def _check_segments(self) -> None:
        """Rings and gates by segment fit the route, and what a ring compares, it can compare in its own segments."""
        known = () if self.segments is None else self.segments.everybody
        rings = [stage for stage in self.stages if stage.segments]
        for name in sorted({name for stage in rings for name in stage.segments} - set(known)):
            raise BadValue(f"There is no segment {name} on the route; it has {', '.join(known) or 'none'}.")
        label = "" if self.segments is None else self.segments.label
        for gate in self.gates:
            if gate.by not in ("", label):
                raise BadValue(f"{gate.metric} is judged by {gate.by}; the route's segments are {label or 'none'}.")
            if rings and not gate.by:
                raise BadValue(
                    f"Stage {rings[0].name} is for segments, so every gate compares inside of them: {gate.metric} "
                    f'needs by = ["{label}"].'
                )
        if self.stages[-1].segments:
            raise BadValue("The last stage is the watch, for everybody; it has no segments.")
        if any(ring.own_share == FULL for ring in rings) and all(gate.limit is None for gate in self.gates):
            raise BadValue(
                "A ring of 100% leaves no champion to compare with in its segments: at least one gate needs a limit."
            )

    @property
    def mirrors(self) -> bool:
        """Whether any stage is a shadow."""
        return any(stage.shadow for stage in self.stages)

    @property
    def last(self) -> int:
        """The index of the watch."""
        return len(self.stages) - 1

    def gate(self, metric: str) -> Gate:
        """The gate on this metric. Raises KeyError when the plan has none."""
        return next(gate for gate in self.gates if gate.metric == metric)

    def weight_of(self, gate: Gate) -> float:
        """The gate's part of the harm evidence among those that can go back or hold; they sum to one."""
        return gate.weight / sum(g.weight for g in self.gates if g.on_fail is not OnFail.OBSERVE)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a person or pipeline asked for: which versions, which route, by which plan, and why.

    ``after`` names rollouts that must be done before this one gets any traffic; ``checks`` are what it must pass;
    ``registry`` is where its versions are kept, empty for nowhere.
    """

    name: str
    model: str
    champion: str
    challenger: str
    route: str
    plan: Plan
    change: str = "standard"
    reason: str = ""
    after: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    registry: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "A rollout's name")
        _refuse_twins(list(self.after), "rollout to come after")
        _refuse_twins([check.name for check in self.checks], "check")
        if self.name in self.after:
            raise BadValue(f"{self.name} cannot come after itself.")
        if self.champion == self.challenger:
            raise BadValue(f"Champion and challenger are both {self.champion}; there is nothing to roll out.")


def _refuse_twins(names: list[str], what: str) -> None:
    """Raise BadValue when a name stands twice."""
    for name in names:
        if names.count(name) > 1:
            raise BadValue(f"Two {what}s are called {name}.")


def _refuse_lonely_pairs(plan: Plan) -> None:
    """Raise BadValue where gates on pairs would never speak, or where nothing else judges live traffic."""
    judging = [gate.template.kind for gate in plan.gates if gate.on_fail is not OnFail.OBSERVE]
    if all(kind.of_pairs for kind in judging):
        raise BadValue(
            "Every gate is on pairs, which there are only while requests are mirrored: live traffic needs a gate too."
        )
    if all(kind.of_pairs or kind is GateKind.DRIFT for kind in judging):
        raise BadValue("A gate on drift shows harm and never safety: live traffic needs a gate that can pass, too.")
    lonely = next((gate for gate in plan.gates if gate.template.kind.of_pairs and not plan.mirrors), None)
    if lonely is not None:
        raise BadValue(
            f"{lonely.metric} is judged on pairs, and no stage of the plan mirrors requests: it would never speak."
        )


def _refuse_unripe(plan: Plan) -> None:
    """Raise BadValue where a stage is over before the labels of its requests are ripe: its gate could never pass."""
    for gate in plan.gates:
        first_ms = plan.timing.warm_up_ms + gate.template.ripe_ms
        for stage in plan.stages if gate.template.ripens and gate.on_fail is not OnFail.OBSERVE else ():
            least_ms = first_ms + (DAY_MS if stage.full_day else 0)
            if not stage.preview and stage.max_time_ms <= least_ms:
                day = " and a full day of them" if stage.full_day else ""
                raise BadValue(
                    f"Stage {stage.name} is over after {format_duration(stage.max_time_ms)}, and {gate.metric} has the "
                    f"first labels of its requests{day} after {format_duration(least_ms)}: give the stage a longer "
                    "max_time."
                )


def _grows(earlier: Stage, later: Stage) -> bool:
    """Whether a stage exposes more than the one before it: a greater share, or while there is none more copies."""
    if later.share == earlier.share == ZERO:
        return earlier.mirror < later.mirror
    return earlier.share < later.share
