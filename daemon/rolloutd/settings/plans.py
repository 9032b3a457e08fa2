"""Makes plans out of stages, gates and clocks as written, and holds them to the policy; it starts nothing.

What is below the policy is refused with the policy's figure, unless ``allow_short_times`` is set for demonstrations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Gate, OnFail, Plan, Smoke, Stage, Timing
from rolloutd.core.segments import Segments
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, ZERO, BadValue, Share, format_duration
from rolloutd.settings.config_tables import PolicyTable
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import GateTable, StageTable, StrategyTable, TimingKeys
from rolloutd.settings.shape import Fitting
from rolloutd.settings.tree import Settings, Strategy

MAIN_WEIGHT = 0.5
_MINUTE_MS = 60_000
_STANDARD = (("canary", "1%", 180), ("tenth", "10%", 120), ("half", "50%", 90), ("watch", "100%", 90))
_STANDARD_MIN_MINUTES = 30
PREVIEW_ROUNDS = 3
DRIFT_PSI = 0.1
"""How large a drift is harm, where a gate does not say it: the usual line between slight and moderate."""
MEAN_ACCEPT = 1.05
"""What a gate on a mean accepts where nothing is written: a twentieth worse."""
PAIRED_ACCEPT = 0.01
"""What a gate on pairs accepts where nothing is written: worse on one request in a hundred more than better."""


def standard_strategy(policy: PolicyTable) -> StrategyTable:
    """The built-in canary: four stages of 30 minutes at least, 2 to 8 hours in all; longer where the policy says so."""
    least = max(_STANDARD_MIN_MINUTES, math.ceil(policy.min_time_ms / _MINUTE_MS))
    stages = [
        {"name": name, "share": share, "min_time": f"{least}m", "max_time": f"{max(least, most)}m"}
        for name, share, most in _STANDARD
    ]
    return StrategyTable.model_validate({"stage": stages})


def blue_green_strategy(policy: PolicyTable) -> StrategyTable:
    """The built-in blue-green: a preview of a minute without traffic, all of it at once, then an hour's watch."""
    least = max(2 * _STANDARD_MIN_MINUTES, math.ceil(policy.min_time_ms / _MINUTE_MS))
    ready = {"name": "ready"}
    stages = [
        {"name": "preview", "share": "0%", "min_time": "1m", "max_time": "30m", "min_ticks": 6, "smoke": [ready]},
        {"name": "watch", "share": "100%", "min_time": f"{least}m", "max_time": f"{4 * least}m"},
    ]
    return StrategyTable.model_validate({"stage": stages})


class StageReader:
    """Turns written stages into a plan's stages, in one place of one file."""

    def __init__(self, policy: PolicyTable, fitting: Fitting, path: Path) -> None:
        self.policy = policy
        self.fitting = fitting
        self.path = path

    def read(self, tables: Sequence[StageTable]) -> tuple[Stage, ...]:
        """The stages that can be made; every fault goes to ``fitting``. The last one's share loses its holdback."""
        places = [(*self.path, index, key) for index in range(len(tables)) for key in ("share", "mirror")]
        if any(map(self.fitting.has_dropped, places)):  # nothing more can be said before it is known
            return ()
        if not tables:
            self.fitting.add(self.path, "A plan needs at least one stage.")
        shares = self._shares(tables)
        found = [self._stage(index, table, shares[index]) for index, table in enumerate(tables)]
        self._check_order(tables)
        return tuple(stage for stage in found if stage is not None)

    def _shares(self, tables: Sequence[StageTable]) -> list[Share]:
        """What is exposed on each stage: its own share for its audience, and what earlier rings have."""
        found: list[Share] = []
        for index, table in enumerate(tables):
            own = self._own_share(index, table, index == len(tables) - 1)
            if table.segments:
                own = Share(0, tuple((name, own.basis_points) for name in table.segments))
            found.append(found[-1].join(own) if found else own)
        return found

    def _own_share(self, index: int, table: StageTable, is_last: bool) -> Share:
        share = table.share
        if is_last and share == FULL:
            share = share.less(self.policy.holdback if table.holdback is None else table.holdback)
        elif is_last:
            message = "The last stage is the watch: its share is 100%, and holdback says what stays back."
            self._fault(index, "share", message)
        elif table.holdback is not None:
            self._fault(index, "holdback", "Only the last stage has a holdback.")
        return share

    def _stage(self, index: int, table: StageTable, share: Share) -> Stage | None:
        # A preview serves nobody: the policy's floors are for stages that do.
        preview = share == ZERO and bool(table.smoke)
        least_ms = 0 if preview else self.policy.min_time_ms
        least_ticks = PREVIEW_ROUNDS if preview else self.policy.min_ticks
        try:
            return Stage(
                name=table.name,
                share=share,
                min_time_ms=self._floor(index, "min_time", table.min_time_ms, least_ms, format_duration),
                max_time_ms=table.max_time_ms,
                min_ticks=self._floor(index, "min_ticks", table.min_ticks, least_ticks, str),
                on_undecided=table.on_undecided,
                approval=table.approval,
                full_day=table.full_day,
                smoke=tuple(Smoke(**dict(probe)) for probe in table.smoke),
                mirror=table.mirror,
                segments=table.segments,
            )
        except BadValue as error:
            key = (
                "mirror"
                if table.mirror > ZERO
                else "smoke"
                if table.smoke
                else "share"
                if share == ZERO
                else "full_day"
                if table.full_day
                else "min_time"
            )
            self._fault(index, key, str(error))
            return None

    def _floor(self, index: int, key: str, written: int | None, policy: int, form: Callable[[int], str]) -> int:
        if written is None:
            return policy
        if written < policy and not self.policy.allow_short_times:
            self._fault(index, key, f"{form(written)} is under the policy's {key} of {form(policy)}.")
        return written

    def _check_order(self, tables: Sequence[StageTable]) -> None:
        names = [table.name for table in tables]
        for index, table in enumerate(tables):
            if table.name in names[:index]:
                self._fault(index, "name", f"Two stages are called {table.name}.")
            before = tables[index - 1]
            ring = table.segments or before.segments
            if index and not ring and (table.share, table.mirror) <= (before.share, before.mirror):
                message = f"The share must grow from stage to stage; before it was {before.share}."
                self._fault(index, "mirror" if table.mirror > ZERO else "share", message)

    def _fault(self, index: int, key: str, message: str) -> None:
        self.fitting.add((*self.path, index, key), message)


def refuse_twins(gates: Sequence[GateTable], path: Path, fitting: Fitting) -> None:
    """Note every gate on a metric that has one already."""
    for index, gate in enumerate(gates):
        if gate.metric in [other.metric for other in gates[:index]]:
            fitting.add((*path, index, "metric"), f"Two gates are on {gate.metric}.")


def read_gates(
    written: Sequence[tuple[GateTable, Path]], policy_path: Path, settings: Settings, fitting: Fitting
) -> tuple[Gate, ...]:
    """The gates as written, each with its path, and those of the policy that were not named.

    Without any weight the first gate that can stop a rollout has one half and the others share the rest.
    ``policy_path`` is where to look when a gate that the policy added is at fault.
    """
    for table, path in written:
        if table.metric in settings.policy.gates and table.on_fail is OnFail.OBSERVE:
            message = f"The policy judges every rollout on {table.metric}; it cannot only be observed."
            fitting.add(_key(path, "on_fail"), message)
    named = {table.metric for table, _ in written}
    added = [(GateTable(metric=name), policy_path) for name in settings.policy.gates if name not in named]
    everything = [*written, *added]
    weights = _weights([table for table, _ in everything])
    if weights is None:
        judging = [(table, path) for table, path in everything if table.on_fail is not OnFail.OBSERVE]
        table, path = next((table, path) for table, path in judging if table.weight is None)
        fitting.add(path, f"{table.metric} has no weight while others have. Give all gates one, or none.")
        weights = [1.0] * len(everything)
    found = [
        _gate(table, path, weight, settings, fitting) for (table, path), weight in zip(everything, weights, strict=True)
    ]
    return tuple(gate for gate in found if gate is not None)


def _key(path: Path, key: str) -> Path:
    """A gate's key. A gate that stands only by its name (in the policy, through a strategy) has none."""
    return (*path, key) if isinstance(path[-1], int) else path


def _weights(tables: Sequence[GateTable]) -> list[float] | None:
    """One weight a gate, or None when only some were given. Gates that only observe have no part in the sum."""
    judging = [table for table in tables if table.on_fail is not OnFail.OBSERVE]
    given = [table for table in judging if table.weight is not None]
    if given and len(given) < len(judging):
        return None
    rest = (1 - MAIN_WEIGHT) / max(1, len(judging) - 1)
    main = MAIN_WEIGHT if len(judging) > 1 else 1.0
    return [table.weight or (main if judging and table is judging[0] else rest) for table in tables]


def _gate(table: GateTable, path: Path, weight: float, settings: Settings, fitting: Fitting) -> Gate | None:
    is_shipped = table.metric in settings.vocabulary.templates and table.metric not in settings.metrics
    if ("metrics", table.metric) in fitting.broken or (is_shipped and fitting.has_broken("sources")):
        return None
    try:
        metric = settings.metric(table.metric)
        source = settings.sources[metric.source]
        harm, accept = _margins(table, metric.template.kind, settings.policy)
        return Gate(
            metric=table.metric,
            source=metric.source,
            template=metric.template,
            max_age_ms=source.max_age_ms,
            every_ms=source.every_ms,
            harm=harm,
            accept=accept,
            limit=table.limit,
            on_fail=table.on_fail,
            weight=weight,
            by=table.by[0] if table.by else "",
            on_segment=table.on_segment,
            psi=table.psi or (DRIFT_PSI if metric.template.kind is GateKind.DRIFT else 0.0),
        )
    except BadValue as error:
        fitting.add(_key(path, "metric"), str(error))
        return None


def _margins(table: GateTable, kind: GateKind, policy: PolicyTable) -> tuple[Margin, Margin]:
    """Harm and accept as written, or the policy's; pairs have their own, since each is held against itself."""
    if kind in (GateKind.AGREEMENT, GateKind.COVERAGE):
        if table.harm is not None or table.accept is not None:
            raise BadValue(f"{table.metric} is held against its limit alone; it has neither harm nor accept.")
        return Margin.ratio(1.0), Margin.ratio(1.0)
    if kind is GateKind.DRIFT:
        if table.harm is not None or table.accept is not None:
            raise BadValue(f"{table.metric} is of drift; how large one is harm says psi, not harm or accept.")
        return Margin.ratio(1.0), Margin.ratio(1.0)
    if kind is GateKind.MEAN:
        harm = Margin.ratio(1.0) if table.harm is None else table.harm.margin()
        return harm, Margin.ratio(MEAN_ACCEPT) if table.accept is None else table.accept.margin()
    if kind is GateKind.PAIRED:
        harm = Margin.difference(0.0) if table.harm is None else table.harm.margin()
        accept = Margin.difference(PAIRED_ACCEPT) if table.accept is None else table.accept.margin()
        return harm, accept
    margins = policy.latency if kind is GateKind.LATENCY else policy.errors
    return (table.harm or margins.harm).margin(), (table.accept or margins.accept).margin()


def read_timing(
    written: Sequence[tuple[TimingKeys, Path]], policy_path: Path, settings: Settings, fitting: Fitting
) -> Timing | None:
    """The clocks: of several tables that have a key the first one counts, then the policy, blamed at ``policy_path``.

    A key may only be more careful than the policy. A shorter tick needs more of them for the same observation window.
    """
    policy = settings.policy
    base = {
        "tick_ms": settings.daemon.tick_ms,
        "warm_up_ms": policy.warm_up_ms,
        "window_ticks": policy.window_ticks,
        "blind_hold_ticks": policy.blind_hold_ticks,
        "blind_recede_ticks": policy.blind_recede_ticks,
    }
    keys = {name: TimingKeys.model_fields[name].alias or name for name in base}
    values, paths = dict(base), {name: (*policy_path, key) for name, key in keys.items()}
    for table, path in reversed(written):
        for name in base:
            if getattr(table, name) is not None:
                values[name] = getattr(table, name)
                paths[name] = (*path, keys[name])
    window_ms = base["window_ticks"] * base["tick_ms"]
    if not policy.allow_short_times:
        if values["window_ticks"] == base["window_ticks"]:
            values["window_ticks"] = math.ceil(window_ms / values["tick_ms"])
        careless = _carelessness(values, base, window_ms)
        for name, message in careless:
            fitting.add(paths[name], message)
        if careless:
            return None
    try:
        return Timing(**values)
    except BadValue as error:
        fitting.add(paths["blind_hold_ticks"], str(error))
        return None


def _carelessness(values: dict[str, int], base: dict[str, int], window_ms: int) -> list[tuple[str, str]]:
    """Every clock that is less careful than the policy's, with the policy's figure."""
    faults = []
    if values["tick_ms"] > base["tick_ms"]:
        faults.append(
            ("tick_ms", f"A tick may be shorter than the daemon's {format_duration(base['tick_ms'])}, not longer.")
        )
    if values["warm_up_ms"] < base["warm_up_ms"]:
        faults.append(("warm_up_ms", f"The warm-up is under the policy's {format_duration(base['warm_up_ms'])}."))
    if values["window_ticks"] * values["tick_ms"] < window_ms:
        faults.append(("window_ticks", f"The observation window is under the policy's {format_duration(window_ms)}."))
    for name, key in (("blind_hold_ticks", "blind_hold"), ("blind_recede_ticks", "blind_recede")):
        if values[name] > base[name]:
            faults.append((name, f"This waits longer in the dark than the policy's {key} of {base[name]} ticks."))
    return faults


def check_warm_up(stages: Sequence[Stage], timing: Timing | None, fitting: Fitting, path: Path) -> None:
    """A stage that ends before its warm-up could never be judged."""
    for stage in stages:
        if timing is not None and not stage.preview and timing.warm_up_ms >= stage.max_time_ms:
            warm_up, most = format_duration(timing.warm_up_ms), format_duration(stage.max_time_ms)
            fitting.add(path, f"Stage {stage.name} is over after {most}, within its warm-up of {warm_up}.")


def read_strategy(name: str, table: StrategyTable, path: Path, settings: Settings, fitting: Fitting) -> Strategy:
    """A strategy of the configuration, checked as far as it goes without a rollout. ``path`` is where it is written."""
    stages = StageReader(settings.policy, fitting, (*path, "stage")).read(table.stage)
    timing = read_timing([(table, path)], ("policy",), settings, fitting)
    check_warm_up(stages, timing, fitting, (*path, "warm_up"))
    refuse_twins(table.gate, (*path, "gate"), fitting)
    read_gates(
        [(gate, (*path, "gate", index)) for index, gate in enumerate(table.gate)],
        ("policy", "gates"),
        settings,
        fitting,
    )
    keys = TimingKeys.model_construct(**{key: getattr(table, key) for key in TimingKeys.model_fields})
    return Strategy(name, stages, table.gate, keys)


def make_plan(
    strategy: Strategy,
    gates: tuple[Gate, ...],
    timing: Timing,
    policy: PolicyTable,
    segments: Segments | None = None,
    change: str = "standard",
) -> Plan:
    """The whole plan, by its kind of change. Raises BadValue for what can only be seen of the whole."""
    if gates and all(gate.on_fail is OnFail.OBSERVE for gate in gates):
        raise BadValue("Every gate only observes: nothing would ever stop this rollout.")
    return Plan(
        strategy.name, strategy.stages, gates, timing, policy.alpha, policy.beta, policy.second_person, segments,
        second_person_from(policy, change),
    )  # fmt: skip


def second_person_from(policy: PolicyTable, change: str) -> Share:
    """From which share on an override of such a change needs two people."""
    everybody = policy.second_person_from
    return min(everybody, policy.major_second_person_from) if change == "major" else everybody
