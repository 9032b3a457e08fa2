"""Two versions compared on paper: the margin to its last bit, the data set's identity, and no figure is no pass."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from rolloutd.core.offline import ModelVersion, OfflineMetric, OfflineRule, compare

RULE = OfflineRule("auc", margin=0.01)


def version(name: str, *figures: OfflineMetric, ready: bool = True) -> ModelVersion:
    """A version with these figures."""
    return ModelVersion("ranker", name, ready, "READY" if ready else "PENDING_REGISTRATION", metrics=figures)


def auc(value: float, digest: str = "d1", at_ms: int = 1) -> OfflineMetric:
    """A figure on the test set."""
    return OfflineMetric("auc", value, "test", digest, at_ms)


@pytest.mark.parametrize(
    ("champion", "challenger", "rule", "passed"),
    [
        (0.80, 0.79, RULE, True),
        (0.80, 0.7899, RULE, False),
        (0.80, 0.90, RULE, True),
        (0.10, 0.11, replace(RULE, higher_is_better=False), True),
        (0.10, 0.1101, replace(RULE, higher_is_better=False), False),
        (0.80, 0.80, replace(RULE, margin=0.0), True),
        (0.80, nan, RULE, False),
        (nan, 0.80, RULE, False),
        (0.80, inf, RULE, False),
    ],
)
def test_the_margin(champion: float, challenger: float, rule: OfflineRule, passed: bool) -> None:
    """At the margin it passes, past it not; what is no number never does (I3)."""
    found = compare(rule, version("v41", auc(champion)), version("v42", auc(challenger)))
    assert (found.answered, found.passed) == (True, passed)
    assert "auc" in found.detail


def test_only_the_same_data_is_compared() -> None:
    """Another digest, or none, is nothing to compare by, whatever the figures say; both data sets are named."""
    for other in (auc(0.9, "d2"), auc(0.9, "")):
        found = compare(RULE, version("v41", auc(0.8)), version("v42", other))
        assert not found.passed
        assert "not measured on the same data: v41 on test d1" in found.detail
        assert compare(replace(RULE, same_data=False), version("v41", auc(0.8)), version("v42", other)).passed


def test_the_newest_figure_on_common_data_counts() -> None:
    """The challenger's newest evaluation whose data the champion was measured on, too; an older one does not help."""
    champion = version("v41", auc(0.8, "d1"), auc(0.85, "d2"))
    challenger = version("v42", auc(0.9, "d1", 1), auc(0.8, "d2", 2), auc(0.99, "d3", 3))
    found = compare(RULE, champion, challenger)
    assert not found.passed
    assert "auc 0.8 against the champion's 0.85 on test d2" in found.detail


def test_what_is_missing_or_not_ready_is_no_pass() -> None:
    """I3: no data is neither zero nor a pass, on either side; the sentence says whose."""
    full, empty = version("v41", auc(0.8)), version("v42", OfflineMetric("loss", 0.1))
    assert "no auc for version v42, the challenger" in compare(RULE, full, empty).detail
    assert "no auc for version v42, the champion" in compare(RULE, empty, full).detail
    assert "PENDING_REGISTRATION" in compare(RULE, full, version("v42", auc(0.9), ready=False)).detail
