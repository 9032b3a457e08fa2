"""Reads what somebody wants rolled out (TOML or JSON) into a whole plan that needs no file again; it starts nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rolloutd.core.plan import Gate, Plan, Spec, Timing
from rolloutd.core.segments import Segments
from rolloutd.core.values import BadValue, format_duration
from rolloutd.settings.check_files import checks_of
from rolloutd.settings.document import read_mapping, read_toml
from rolloutd.settings.locator import Path
from rolloutd.settings.plan_tables import GateTable, SpecTables
from rolloutd.settings.plans import StageReader, check_warm_up, make_plan, read_gates, read_timing, refuse_twins
from rolloutd.settings.problems import did_you_mean
from rolloutd.settings.shape import Fitting
from rolloutd.settings.tree import Settings, Strategy

TRAFFIC = "No rollout was started; traffic is as before."
WRITTEN_OUT = "written-out"
"""What the strategy of a plan is called whose stages stand in the rollout file itself."""


def read_spec(spec: str | Mapping[str, object], file_name: str, settings: Settings, reason: str = "") -> Spec:
    """The rollout, with its plan. ``reason`` counts where the file gives none (``rollout start --reason``).

    Raises SettingsError with every fault; lines are known for TOML text.
    """
    document = read_toml(spec, file_name, TRAFFIC) if isinstance(spec, str) else read_mapping(spec, file_name, TRAFFIC)
    fitting = Fitting(document)
    table = fitting.document.data.get("rollout")
    if reason and isinstance(table, dict) and not table.get("reason"):
        table["reason"] = reason
    tables = fitting.fit(SpecTables)
    _check_route(tables, settings, fitting)
    rollout, plan = tables.rollout, _plan(tables, settings, fitting)
    checks = checks_of(rollout.checks, rollout.change, settings, fitting)
    try:
        name = rollout.name or sanitised(f"{rollout.model}-{rollout.challenger}")
        found = (
            None
            if plan is None
            else Spec(
                name=name,
                model=rollout.model,
                champion=rollout.champion,
                challenger=rollout.challenger,
                route=rollout.route,
                plan=plan,
                change=rollout.change,
                reason=" ".join(filter(None, (rollout.reason, short_times(plan, settings)))),
                after=rollout.after,
                checks=checks,
                registry=settings.routes[rollout.route].registry if rollout.route in settings.routes else "",
            )
        )
    except BadValue as error:
        fitting.add(("rollout", "challenger"), str(error))
        found = None
    fitting.finish()
    if found is None:  # cannot be: a plan is only absent with a fault
        raise fitting.document.refused((), "There is no plan in it.")
    return found


def sanitised(text: str) -> str:
    """The nearest text that can name a rollout: ``Ranker/EU-v42`` becomes ``ranker-eu-v42``."""
    small = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")
    return small[:63].rstrip("._-") or "rollout"


def short_times(plan: Plan, settings: Settings) -> str:
    """What of a plan is below the policy as ``allow_short_times`` permits, for the record; empty when nothing is."""
    policy, timing = settings.policy, plan.timing
    served = [stage for stage in plan.stages if not stage.preview]
    least_ms = min(stage.min_time_ms for stage in served)
    least_ticks = min(stage.min_ticks for stage in served)
    window_ms = timing.tick_ms * timing.window_ticks
    below = [
        (least_ms < policy.min_time_ms, f"min_time {format_duration(least_ms)}"),
        (least_ticks < policy.min_ticks, f"min_ticks {least_ticks}"),
        (timing.warm_up_ms < policy.warm_up_ms, f"warm_up {format_duration(timing.warm_up_ms)}"),
        (window_ms < settings.daemon.tick_ms * policy.window_ticks, f"window {format_duration(window_ms)}"),
        (timing.tick_ms > settings.daemon.tick_ms, f"tick {format_duration(timing.tick_ms)}"),
        (timing.blind_hold_ticks > policy.blind_hold_ticks, f"blind_hold {timing.blind_hold_ticks}"),
        (timing.blind_recede_ticks > policy.blind_recede_ticks, f"blind_recede {timing.blind_recede_ticks}"),
    ]
    found = ", ".join(what for is_below, what in below if is_below)
    return f"[less careful than the policy, as allow_short_times permits: {found}]" if found else ""


def _check_route(tables: SpecTables, settings: Settings, fitting: Fitting) -> None:
    route = tables.rollout.route
    if route not in settings.routes:
        fitting.add(("rollout", "route"), f"There is no route {route}. {did_you_mean(route, settings.routes)}")


def _plan(tables: SpecTables, settings: Settings, fitting: Fitting) -> Plan | None:
    """The plan, or None after a fault."""
    strategy = _strategy(tables, settings, fitting)
    if strategy is None:
        return None
    refuse_twins(tables.gate, ("gate",), fitting)
    own: dict[str, tuple[GateTable, Path]] = {gate.metric: (gate, ("gate", i)) for i, gate in enumerate(tables.gate)}
    inherited = [own.pop(gate.metric, (gate, ("rollout", "strategy"))) for gate in strategy.gates]
    gates = read_gates([*inherited, *own.values()], ("gate",), settings, fitting)
    clocks = [(tables.timing, ("timing",)), (strategy.timing, ("rollout", "strategy"))]
    timing = read_timing(clocks, ("timing",), settings, fitting)
    check_warm_up(strategy.stages, timing, fitting, ("timing", "warm_up"))
    _check_mirror(tables, strategy, settings, fitting)
    if fitting.problems or timing is None:
        return None
    route = settings.routes.get(tables.rollout.route)
    segments = None if route is None else route.segments
    return _whole(strategy, gates, timing, settings, fitting, segments, tables.rollout.change)


def _check_mirror(tables: SpecTables, strategy: Strategy, settings: Settings, fitting: Fitting) -> None:
    """A stage that mirrors needs a router that can, and somebody's word that the route's requests may go out twice."""
    index = next((number for number, stage in enumerate(strategy.stages) if stage.shadow), None)
    route = settings.routes.get(tables.rollout.route)
    if index is None or route is None:
        return
    path: Path = ("stage", index, "mirror") if tables.stage else ("rollout", "strategy")
    stage, kind = strategy.stages[index].name, settings.routers[route.router].kind
    if kind in settings.vocabulary.cannot_mirror:
        fitting.add(path, f"Stage {stage} mirrors requests, and a router of kind {kind} cannot do that.")
    elif not route.mirror_is_safe:
        message = (
            f"Stage {stage} mirrors requests of route {route.name}, and nobody says that this is safe. Where they have "
            "no side effects and the challenger's servers bear the load, write mirror_is_safe = true at the route."
        )
        fitting.add(path, message)


def _strategy(tables: SpecTables, settings: Settings, fitting: Fitting) -> Strategy | None:
    """The named strategy, or one of the stages that are written out here."""
    rollout, default = tables.rollout, settings.policy.default_strategy
    if rollout.strategy is not None and tables.stage:
        fitting.add(("rollout", "strategy"), "Stages are written out here, too. Leave out the one or the other.")
    if (tables.stage or rollout.strategy not in (None, default)) and not rollout.reason:
        fitting.add(
            ("rollout", "reason"),
            f"Any other plan than the strategy {default} needs a reason. It goes into the record.",
        )
    if tables.stage:
        return Strategy(WRITTEN_OUT, StageReader(settings.policy, fitting, ("stage",)).read(tables.stage))
    name = rollout.strategy or default
    if name not in settings.strategies:
        message = f"There is no strategy {name}. {did_you_mean(name, settings.strategies)}"
        fitting.add(("rollout", "strategy"), message)
    return settings.strategies.get(name)


def _whole(
    strategy: Strategy,
    gates: tuple[Gate, ...],
    timing: Timing,
    settings: Settings,
    fitting: Fitting,
    segments: Segments | None,
    change: str,
) -> Plan | None:
    path: Path = ("stage", len(strategy.stages) - 1) if strategy.name == WRITTEN_OUT else ("rollout", "strategy")
    try:
        return make_plan(strategy, gates, timing, settings.policy, segments, change)
    except BadValue as error:
        fitting.add(path if gates else ("gate",), str(error))
        return None
