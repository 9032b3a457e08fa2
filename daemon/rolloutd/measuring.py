"""Measures the present traffic of a route from its metric sources, by what its counters gain; it judges no version.

Requests a second are what the counters of both arms gained between two samples. The champion's bad part is that of its
counters' whole life where they have one, since two samples alone have few errors. What the readings show beside that
and no test can mend is said as warnings: instances that differ for good, and histograms too coarse to see a slowdown.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from rolloutd.core.forecast.values import MetricTraffic
from rolloutd.core.metrics import Answer, BlindReason, Counted, GateKind, MetricTemplate, Point, Question
from rolloutd.core.plan import Gate, Spec
from rolloutd.core.values import Slot
from rolloutd.ports import MetricSource

PATIENCE_MS = 30_000
_LEAST_WAIT_S = 0.2
_ENOUGH, _COUNT_FOR_MS = 50, 10_000
_DEADLINE_S = 5.0
_INSTANCE = re.compile(r'(?:instance|pod|server|host)="([^"]*)"')
_LE = re.compile(r'\ble="([^"]*)"')
_LEAST_ERRORS = 20  # of each instance, before anything is said of it
_LASTING_CV = 0.1
_MASS, _LEAST_BUCKETS = 0.05, 3
_LASTING = (
    "{metric}: the champion's {count} instances err at lastingly different rates (coefficient of variation {cv:.2f}). "
    "Without a margin no test can tell such a difference from a bad version: give the gate "
    "harm = {{ ratio = {ratio:.1f} }}, or the challenger several instances."
)
_COARSE = (
    "{metric}: only {full} of {count} buckets hold more than {mass:.0%} of the champion's requests, so a slowdown in "
    "a bucket is seen by no test on them. Add bounds where the requests are."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The traffic by metric, where each figure is from, and what should be said of it."""

    traffic: Mapping[str, MetricTraffic]
    basis: Mapping[str, str]
    warnings: tuple[str, ...]


async def measure(
    spec: Spec, arms: Mapping[Slot, str], base: Slot, sources: Mapping[str, MetricSource], every_ms: Mapping[str, int]
) -> Measured:
    """Read every metric of the plan twice, far enough apart for new samples; what cannot be read is left out."""
    gates = [gate for gate in spec.plan.gates if gate.template.kind.of_rates]  # pairs there are only in a shadow
    found = await asyncio.gather(*(_gate(gate, arms, base, sources, every_ms) for gate in gates))
    known = [(gate.metric, one) for gate, one in zip(gates, found, strict=True)]
    return Measured(
        {metric: one.traffic for metric, one in known if one.traffic is not None},
        {metric: one.basis for metric, one in known if one.traffic is not None},
        tuple(text for _, one in known for text in one.warnings),
    )


@dataclass(frozen=True, slots=True)
class _One:
    traffic: MetricTraffic | None
    basis: str
    warnings: tuple[str, ...]


async def _gate(
    gate: Gate,
    arms: Mapping[Slot, str],
    base: Slot,
    sources: Mapping[str, MetricSource],
    every_ms: Mapping[str, int],
) -> _One:
    source, wait_ms = sources[gate.source], every_ms[gate.source]
    question = Question(gate.template, frozenset(arms.values()))
    first = await _read(source, question)
    before = first.by_arm.get(arms[base])
    if not isinstance(before, Counted):
        why = before.detail if before is not None else "no answer"
        return _One(None, "", (f"{gate.metric} cannot be read now: {why}.",))
    counted = await _count(source, question, arms, base, first, wait_ms)
    if counted is None:
        return _One(None, "", (f"{gate.metric} had no new sample within {_patience_ms(wait_ms) / 1000:.0f} s.",))
    second, after = counted
    seconds = (_at(after) - _at(before)) / 1000
    gained = sum(_gained(first, second, arm) for arm in arms.values())
    warnings = (*_lasting(gate, after), *await _coarse(gate, source, arms[base]))
    if gained <= 0:
        return _One(None, "", (f"{gate.metric} counted no request in {seconds:.0f} s.", *warnings))
    rate, told = _rate(gate.template, after)
    return _One(MetricTraffic(gained / seconds, rate), f"measured over {seconds:.0f} s, {told}", warnings)


def _patience_ms(wait_ms: int) -> int:
    """How long a source of this cadence may be without a new sample."""
    return min(PATIENCE_MS, 3 * wait_ms + 1_000)


async def _count(
    source: MetricSource, question: Question, arms: Mapping[Slot, str], base: Slot, first: Answer, wait_ms: int
) -> tuple[Answer, Counted] | None:
    """A later reading with a new sample of the base; None when there is none in time.

    It goes on until enough requests came or long enough was counted: what came between two samples of a quick source
    may be three requests or none by chance, and nobody should be refused, or let in, by that.
    """
    before, newest, waited_ms = first.by_arm[arms[base]], None, 0.0
    while (left_ms := (_patience_ms(wait_ms) if newest is None else _COUNT_FOR_MS) - waited_ms) > 0:
        pause_s = max(_LEAST_WAIT_S, min(wait_ms, left_ms) / 1000)
        await asyncio.sleep(pause_s)
        waited_ms += 1000 * pause_s
        second = await _read(source, question)
        after = second.by_arm.get(arms[base])
        if isinstance(after, Counted) and isinstance(before, Counted) and _at(after) > _at(before):
            newest = second, after
            if sum(_gained(first, second, arm) for arm in arms.values()) >= _ENOUGH:
                break
    return newest


async def _read(source: MetricSource, question: Question) -> Answer:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return await source.read(question, _DEADLINE_S)
    except TimeoutError:
        return Answer.unreadable(question, 0, BlindReason.TIMEOUT, f"no answer within {_DEADLINE_S:g} s")


def _at(reading: Counted) -> int:
    return min(point.sampled_at_ms for point in reading.total)


def _sum(points: Sequence[Point]) -> float:
    return sum(point.value for point in points)


def _gained(first: Answer, second: Answer, arm: str) -> float:
    """What an arm's total gained, by series; one that restarted gained what it has, an arm without series nothing."""
    before, after = first.by_arm.get(arm), second.by_arm.get(arm)
    if not isinstance(after, Counted):
        return 0.0
    was = {point.series: point.value for point in before.total} if isinstance(before, Counted) else {}
    return sum(
        point.value - was[point.series] if 0 <= was[point.series] <= point.value else point.value
        for point in after.total
        if point.series in was
    )


def _rate(template: MetricTemplate, after: Counted) -> tuple[float, str]:
    """The champion's bad part, and of what. Few bad ones are taken for as many as there may well be.

    So nothing is refused because a rate was not known yet.
    """
    total, part = _sum(after.total), _sum(after.part)
    bad = max(0.0, total - part if template.good is not None else part)
    likely = bad if bad >= _LEAST_ERRORS else bad + sqrt(bad) + 1.0
    return min(likely / max(total, 2.0), 0.98), f"{bad:,.0f} bad of the champion's {total:,.0f}"


def _lasting(gate: Gate, reading: Counted) -> tuple[str, ...]:
    """A warning where the champion's own instances differ for good and the margin leaves no room for that."""
    totals, parts = _by_instance(reading.total), _by_instance(reading.part)
    good = gate.template.good is not None
    pairs = [(n, n - parts.get(name, 0.0) if good else parts.get(name, 0.0)) for name, n in totals.items() if n > 0]
    if len(pairs) < 2 or min(bad for _, bad in pairs) < _LEAST_ERRORS or gate.harm.factor > 1.0 + _LASTING_CV:
        return ()
    rate = sum(bad for _, bad in pairs) / sum(n for n, _ in pairs)
    spread = sum((bad / n / rate - 1.0) ** 2 for n, bad in pairs) / (len(pairs) - 1)
    chance = sum((1.0 - rate) / (n * rate) for n, _ in pairs) / len(pairs)
    cv = sqrt(max(0.0, spread - chance))
    if cv < _LASTING_CV or spread < 3.0 * chance:
        return ()
    return (_LASTING.format(metric=gate.metric, count=len(pairs), cv=cv, ratio=1.0 + 2.0 * cv),)


def _by_instance(points: Sequence[Point]) -> dict[str, float]:
    """Values by the instance that a series names; empty where series name none."""
    found: dict[str, float] = {}
    for point in points:
        match = _INSTANCE.search(point.series)
        if match:
            found[match[1]] = found.get(match[1], 0.0) + point.value
    return found


async def _coarse(gate: Gate, source: MetricSource, arm: str) -> tuple[str, ...]:
    """A warning where nearly all of the champion's requests lie in one or two buckets of the histogram."""
    good = gate.template.good
    if gate.template.kind is not GateKind.LATENCY or good is None:
        return ()
    rest = tuple(match for match in good.match if match.label != "le")
    if len(rest) == len(good.match):
        return ()
    all_buckets = replace(gate.template, good=replace(good, match=rest))
    reading = (await _read(source, Question(all_buckets, frozenset({arm})))).by_arm.get(arm)
    if not isinstance(reading, Counted):
        return ()
    levels: dict[float, float] = {}
    for point in reading.part:
        match = _LE.search(point.series)
        if match:
            bound = float(match[1])
            levels[bound] = levels.get(bound, 0.0) + point.value
    ordered = [levels[bound] for bound in sorted(levels)]
    if len(ordered) < 2 or ordered[-1] <= 0:
        return ()
    masses = [after - before for before, after in zip([0.0, *ordered], ordered, strict=False)]
    full = sum(mass > _MASS * ordered[-1] for mass in masses)
    if full >= _LEAST_BUCKETS:
        return ()
    return (_COARSE.format(metric=gate.metric, full=full, count=len(ordered), mass=_MASS),)
