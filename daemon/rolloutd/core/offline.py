"""Offline metrics of two model versions compared: the challenger against the champion, on the same data. Pure.

A metric that is missing, not a number, or measured on other data is never a pass: there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from rolloutd.core.checks import CheckFinding


@dataclass(frozen=True, slots=True)
class OfflineMetric:
    """One figure of an evaluation, with the name and digest of the data set where the registry knows them."""

    name: str
    value: float
    dataset: str = ""
    digest: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model as the registry has it; ``source`` is where its artefact lies."""

    model: str
    version: str
    ready: bool
    status: str
    source: str = ""
    created_ms: int = 0
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[OfflineMetric, ...] = ()


@dataclass(frozen=True, slots=True)
class OfflineRule:
    """The challenger's ``metric`` may be worse than the champion's by ``margin`` at most.

    ``same_data``: both must have been measured on one data set, by its digest; otherwise the newest figures count.
    """

    metric: str
    higher_is_better: bool = True
    margin: float = 0.0
    same_data: bool = True


def compare(rule: OfflineRule, champion: ModelVersion, challenger: ModelVersion) -> CheckFinding:
    """Whether the challenger is good enough on paper."""
    for who, version in (("champion", champion), ("challenger", challenger)):
        if not version.ready:
            return _no(f"version {version.version}, the {who}, is {version.status} in the registry, not ready")
        if not _figures(rule, version):
            return _no(f"the registry has no {rule.metric} for version {version.version}, the {who}")
    pair = _on_same_data(rule, champion, challenger) if rule.same_data else _newest(rule, champion, challenger)
    if pair is None:
        said = " and ".join(f"{v.version} on {_data_of(rule, v)}" for v in (champion, challenger))
        return _no(f"{rule.metric} was not measured on the same data: {said}")
    old, new = pair
    if not isfinite(old.value) or not isfinite(new.value):
        return _no(f"{rule.metric} is no number ({old.value} and {new.value}), so nothing is shown")
    worse_by = (old.value - new.value) if rule.higher_is_better else (new.value - old.value)
    on = f" on {_named(new)}" if rule.same_data else ""
    numbers = f"{rule.metric} {new.value:.6g} against the champion's {old.value:.6g}{on}, margin {rule.margin:g}"
    # A difference that is the margin but for the last bits of a float is the margin.
    if worse_by > rule.margin + 1e-12 * max(abs(old.value), abs(new.value), 1.0):
        return _no(f"{numbers}: worse by {worse_by:.6g}")
    return CheckFinding(answered=True, passed=True, detail=numbers)


def _no(detail: str) -> CheckFinding:
    return CheckFinding(answered=True, passed=False, detail=detail)


def _figures(rule: OfflineRule, version: ModelVersion) -> list[OfflineMetric]:
    """The version's figures of this metric, the newest first."""
    found = [metric for metric in version.metrics if metric.name == rule.metric]
    return sorted(found, key=lambda metric: metric.at_ms, reverse=True)


def _newest(
    rule: OfflineRule, champion: ModelVersion, challenger: ModelVersion
) -> tuple[OfflineMetric, OfflineMetric] | None:
    return _figures(rule, champion)[0], _figures(rule, challenger)[0]


def _on_same_data(
    rule: OfflineRule, champion: ModelVersion, challenger: ModelVersion
) -> tuple[OfflineMetric, OfflineMetric] | None:
    """The figures on the data set of the challenger's newest one that both have; None where there is none."""
    for new in _figures(rule, challenger):
        old = next((old for old in _figures(rule, champion) if new.digest and old.digest == new.digest), None)
        if old is not None:
            return old, new
    return None


def _data_of(rule: OfflineRule, version: ModelVersion) -> str:
    return ", ".join(dict.fromkeys(map(_named, _figures(rule, version))))


def _named(metric: OfflineMetric) -> str:
    return f"{metric.dataset or 'data'} {metric.digest}" if metric.digest else "data without an identity"
