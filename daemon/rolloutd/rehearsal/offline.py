"""The rehearsals as the command line calls them: text and options in, one JSON-ready answer out; it prints nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from rolloutd import codec
from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.metrics import GateKind
from rolloutd.core.plan import Gate, Spec
from rolloutd.core.values import BadValue, Instant
from rolloutd.foretold import foretell
from rolloutd.rehearsal.plan_file import PlanFile, Unusable, read_plan
from rolloutd.rehearsal.replayed import replay
from rolloutd.rehearsal.shadowless import shadowless
from rolloutd.rehearsal.summary import rehearse_all, summary
from rolloutd.rehearsal.ticks_file import Counts, read_ticks
from rolloutd.rehearsal.traffic import ArmRates, Assumed, Nuisance
from rolloutd.wire_plan import PlanModel, Replay, Simulation

__all__ = ["Unusable", "check", "replay_file", "replay_recording", "simulate"]
DEFAULT_RATE = 0.01
Told = dict[str, Any]
Rates = Mapping[str, float]
"""By metric; the key "" is for all gates of the kind that are not named."""


def check(text: str, file: str, config: str | None, rps: float, errors: Rates, slow: Rates, phi: float) -> Told:
    """The forecast of a plan at a traffic that is given. Raises Unusable."""
    found = read_plan(text, file, config)
    try:
        gates = shadowless(found.spec).plan.gates
        traffic = {gate.metric: MetricTraffic(rps, _rate(gate, errors, slow), phi) for gate in gates}
        _check_names(found.spec, errors, slow)
        _, outlook = foretell(found.spec, traffic, found.cap, {})
    except BadValue as error:
        raise Unusable(str(error), "Correct that option; nothing was calculated.") from error
    return {**outlook.model_dump(mode="json", by_alias=True), "read_by": found.by}


def simulate(text: str, file: str, asked: Mapping[str, Any]) -> Told:
    """Odds, times and counts of many rehearsals. Raises Unusable.

    ``asked``: config, rps, champion and challenger (rates of errors, and of slow requests), onset_ms, nuisance, runs,
    seed, hands (processes), per_user (requests).
    """
    found = read_plan(text, file, asked["config"])
    champion, challenger = asked["champion"], asked["challenger"]
    try:
        spec = shadowless(found.spec)
        _check_names(spec, *champion, *challenger)
        before = {gate.metric: _rate(gate, *champion) for gate in spec.plan.gates}
        rates = {
            gate.metric: ArmRates(before[gate.metric], _rate(gate, challenger[0], challenger[1], before[gate.metric]))
            for gate in spec.plan.gates
        }
        assumed = Assumed(asked["rps"], rates, asked["onset_ms"], _nuisance(asked["nuisance"]))
    except BadValue as error:
        raise Unusable(str(error), "Correct that option; nothing was rehearsed.") from error
    ended = rehearse_all(spec, assumed, asked["seed"], asked["runs"], asked["hands"])
    told = summary(spec, assumed, asked["seed"], ended, asked["per_user"])
    return _as_published(Simulation, {**told, "read_by": found.by})


def replay_file(ticks: str, ticks_file: str, plan: str, plan_file: str, config: str | None) -> Told:
    """A plan over tick counts from a file. Raises Unusable."""
    found: PlanFile = read_plan(plan, plan_file, config)
    spec, notes = _of_counts(found.spec)
    told = replay(spec, read_ticks(ticks, ticks_file, spec.plan))
    return _as_published(Replay, {**told, "read_by": found.by, "notes": notes})


def replay_recording(recording: Mapping[str, Any], plan: tuple[str, str] | None, config: str | None) -> Told:
    """A rollout's own plan, or another (text, file), over what its gates counted. Raises Unusable."""
    spec = codec.decode(Spec, json.dumps(recording["spec"]))
    by = "the record"
    if plan is not None:
        found = read_plan(*plan, config)
        spec, by = found.spec, found.by
    spec, notes = _of_counts(spec)
    wanted = {gate.metric for gate in spec.plan.gates}
    missing = sorted(wanted - set(recording["gates"]))
    if missing:
        known = ", ".join(recording["gates"])
        raise Unusable(f"The record has no counts of {', '.join(missing)}.", f"It has {known}.")
    ticks = [
        Counts(
            row["clock_ms"], metric, row["champion_n"], row["champion_bad"], row["challenger_n"],
            row["challenger_bad"], row["note"],
        )
        for metric in sorted(wanted) for row in recording["gates"][metric]
    ]  # fmt: skip
    if not ticks:
        raise Unusable("The record has no ticks.", "Nothing was read yet for this rollout.")
    cut = [
        f"The first {rows[0]['tick'] - 1} ticks of {metric} are no longer kept: evidence begins after them."
        for metric, rows in sorted(recording["gates"].items())
        if metric in wanted and rows and rows[0]["tick"] > 1
    ]
    ticks.sort(key=lambda one: (one.at_ms, one.metric))
    began = Instant(recording["from_clock_ms"], recording["from_wall_ms"])
    if cut:
        offset_ms = began.wall_ms - began.clock_ms
        began = Instant(ticks[0].at_ms, ticks[0].at_ms + offset_ms)
    told = replay(spec, ticks, began, own_plan=plan is None)
    return _as_published(Replay, {**told, "read_by": by, "notes": notes + cut})


def _of_counts(spec: Spec) -> tuple[Spec, list[str]]:
    """The plan without its gates on drift, and a note for each: the counts of a tick have no classes of answers."""
    kept = tuple(gate for gate in spec.plan.gates if gate.template.kind is not GateKind.DRIFT)
    left_out = [gate.metric for gate in spec.plan.gates if gate not in kept]
    notes = [f"{metric} is left out: its ticks have no classes. The others share its weight." for metric in left_out]
    return replace(spec, plan=replace(spec.plan, gates=kept)), notes


def _as_published(model: type[PlanModel], told: Told) -> Told:
    """The answer as its published schema has it."""
    return model.model_validate(told).model_dump(mode="json", by_alias=True)


def _rate(gate: Gate, errors: Rates, slow: Rates, default: float = DEFAULT_RATE) -> float:
    named = {**errors, **slow}
    if gate.metric in named:
        return named[gate.metric]
    of_kind = slow if gate.template.kind is GateKind.LATENCY else errors
    return of_kind.get("", default)


def _check_names(spec: Spec, *given: Rates) -> None:
    known = [gate.metric for gate in spec.plan.gates]
    unknown = [name for rates in given for name in rates if name and name not in known]
    if unknown:
        raise BadValue(f"The plan has no gate on {unknown[0]}; it has {', '.join(known)}.")


def _nuisance(given: Mapping[str, float]) -> Nuisance:
    known: Sequence[str] = ("bursts", "diurnal", "mix-shift", "resets")
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadValue(f"There is no nuisance {unknown[0]!r}; there are {', '.join(known)}.")
    bursts = given.get("bursts", 1.0)
    if not isfinite(bursts) or bursts != int(bursts):
        raise BadValue(f"Bursts have a whole number of errors, not {bursts:g}.")
    return Nuisance(int(bursts), given.get("diurnal", 0.0), given.get("mix-shift", 0.0), bool(given.get("resets")))
