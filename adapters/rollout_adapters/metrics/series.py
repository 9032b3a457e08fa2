"""Samples as every source sees them, and what they say about each asked arm; it does no I/O and never guesses a value.

Series are matched by the sample's whole name. A label that a series does not have counts as the empty text, as in
PromQL. Values of one arm are never summed here: each series stays a point of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rolloutd.core.metrics import (
    ArmReading,
    BlindReason,
    Counted,
    GateKind,
    LabelMatch,
    MatchKind,
    MetricTemplate,
    Point,
    Question,
    Selector,
    Unreadable,
)

SERIES_MAX = 2_000
BODY_MAX_BYTES = 8 * 1024 * 1024
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Predicate = Callable[[Mapping[str, str]], bool]


class Blind(Exception):
    """Something cannot be read; carries why. It never leaves the sources."""

    def __init__(self, reason: BlindReason, detail: str) -> None:
        super().__init__(detail)
        self.why = Unreadable(reason, detail)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series. ``sampled_at_ms`` is the source's own time (Unix epoch)."""

    name: str
    labels: Mapping[str, str]
    value: float
    sampled_at_ms: int


def quote(text: str) -> str:
    """A label value in quotes, as PromQL and the exposition formats read it: the only place that quotes one."""
    return f'"{text.translate(_ESCAPES)}"'


def series_text(name: str, labels: Mapping[str, str]) -> str:
    """The canonical text of a series: its name and its labels in order."""
    return f"{name}{{{','.join(f'{key}={quote(labels[key])}' for key in sorted(labels))}}}"


@lru_cache(maxsize=512)
def matcher(selector: Selector) -> Predicate:
    """A test of a series' labels against a selector's conditions. Raises Blind for a faulty regular expression."""
    conditions = [(match.label, _condition(match)) for match in selector.match]
    return lambda labels: all(fits(labels.get(label, "")) for label, fits in conditions)


def _condition(match: LabelMatch) -> Callable[[str], bool]:
    if match.kind is MatchKind.EQUAL:
        return match.value.__eq__
    if match.kind is MatchKind.NOT_EQUAL:
        return match.value.__ne__
    try:
        pattern = re.compile(match.value)
    except re.error as error:
        detail = f"the metric's regular expression {match.value!r} for {match.label} is not valid: {error}"
        raise Blind(BlindReason.BAD_ANSWER, detail) from None
    return lambda value: pattern.fullmatch(value) is not None


def names_of(template: MetricTemplate) -> frozenset[str]:
    """The sample names that a template reads."""
    return frozenset(selector.series for selector in (template.total, template.bad, template.good) if selector)


def readings(question: Question, samples: Iterable[Sample]) -> dict[str, ArmReading]:
    """What the samples say about every asked arm. Samples of other arms are left aside."""
    by_arm: dict[str, list[Sample]] = {arm: [] for arm in question.arm_values}
    for sample in samples:
        mine = by_arm.get(sample.labels.get(question.template.arm_label, ""))
        if mine is not None:
            mine.append(sample)
    return {arm: _reading(question.template, mine) for arm, mine in by_arm.items()}


def _reading(template: MetricTemplate, samples: Sequence[Sample]) -> ArmReading:
    try:
        return _counted(template, samples)
    except Blind as blind:
        return blind.why


def _counted(template: MetricTemplate, samples: Sequence[Sample]) -> Counted:
    if len(samples) > SERIES_MAX:
        detail = f"{len(samples)} series for one arm, at most {SERIES_MAX}"
        raise Blind(BlindReason.TOO_MANY_SERIES, detail)
    part_selector = template.bad or template.good
    assert part_selector is not None  # a template has exactly one of the two
    total, part = _select(template.total, samples), _select(part_selector, samples)
    if not total:
        raise Blind(BlindReason.NO_SERIES, f"no series {template.total.series} for this arm")
    if template.good is not None and "le" in {match.label for match in template.good.match}:
        _check_buckets(template, total, part)
    return Counted(_points(total), _points(part, counts=template.kind is not GateKind.MEAN))


def _select(selector: Selector, samples: Sequence[Sample]) -> list[Sample]:
    fits = matcher(selector)
    return [sample for sample in samples if sample.name == selector.series and fits(sample.labels)]


def _points(samples: Sequence[Sample], *, counts: bool = True) -> tuple[Point, ...]:
    """Each series once; what a mean sums, such as a cost, counts nothing and need not be whole."""
    points = {}
    for sample in samples:
        series = series_text(sample.name, sample.labels)
        if series in points:
            raise Blind(BlindReason.BAD_ANSWER, f"{series} came twice")
        value = _whole(series, sample.value) if counts else _finite(series, sample.value)
        points[series] = Point(series, value, sample.sampled_at_ms)
    return tuple(points.values())


def _whole(series: str, value: float) -> float:
    """The value of a counter of requests: whole and not negative."""
    if not _finite(series, value).is_integer():
        raise Blind(BlindReason.BAD_ANSWER, f"{series} is {value:g}, which is no count of requests")
    return value


def _finite(series: str, value: float) -> float:
    """The value of any counter: a number, and not negative."""
    if not math.isfinite(value):
        raise Blind(BlindReason.NOT_A_NUMBER, f"{series} is {value}")
    if value < 0:
        raise Blind(BlindReason.BAD_ANSWER, f"{series} is {value:g}, which is no count of requests")
    return value


def _check_buckets(template: MetricTemplate, total: Sequence[Sample], part: Sequence[Sample]) -> None:
    """A histogram without the wanted bucket has no answer: taking it for none within the limit would be a lie."""

    def owners(samples: Sequence[Sample]) -> list[tuple[tuple[str, str], ...]]:
        return sorted(tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le")) for sample in samples)

    if owners(total) != owners(part):
        limit = "" if template.slo_ms is None else f" at {template.slo_ms:g} ms"
        detail = f"{len(total)} histograms, {len(part)} of their buckets{limit}: each needs exactly one"
        raise Blind(BlindReason.NO_SERIES, detail)
