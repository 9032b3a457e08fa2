"""What counters of every kind of gate may be: counts are whole, sums of a mean need not be, a class is in its label."""

from __future__ import annotations

import pytest

from rollout_adapters.metrics.series import Sample, readings
from rolloutd.core.counting import arm_delta
from rolloutd.core.drifting import fitting, tick_of
from rolloutd.core.metrics import BlindReason, Counted, GateKind, MetricTemplate, Question, Selector, Unreadable
from rolloutd.core.plan import Gate
from rolloutd.core.stats.margins import Margin

COST = MetricTemplate("cost", GateKind.MEAN, "slot", Selector("n"), bad=Selector("cost"))
OUTCOMES = MetricTemplate(
    "outcomes", GateKind.DRIFT, "slot", Selector("n"), bad=Selector("n"), class_label="outcome", classes=("yes", "no")
)
ONE = Margin.ratio(1.0)
GATE = Gate("outcomes", "prometheus", OUTCOMES, 2_000, 1_000, ONE, ONE, psi=0.1)


def costs(requests: float, cost: float) -> Counted | Unreadable:
    """What a source says of an arm with these counters."""
    samples = [Sample("n", {"slot": "b"}, requests, 1), Sample("cost", {"slot": "b"}, cost, 1)]
    return readings(Question(COST, frozenset("b")), samples)["b"]


def outcomes(**counts: float) -> Counted | Unreadable:
    """The same of answers by outcome, on two instances."""
    samples = [
        Sample("n", {"slot": "b", "outcome": name, "pod": pod}, n, 1) for name, n in counts.items() for pod in "12"
    ]
    return readings(Question(OUTCOMES, frozenset("b")), samples)["b"]


def test_what_a_mean_sums_need_not_be_whole() -> None:
    """A cost of 1.25 is one."""
    found = costs(10.0, 1.25)
    assert isinstance(found, Counted)
    assert found.part[0].value == 1.25


@pytest.mark.parametrize(
    ("requests", "cost", "reason"),
    [
        (10.5, 1.0, BlindReason.BAD_ANSWER),
        (10.0, -1.0, BlindReason.BAD_ANSWER),
        (10.0, float("nan"), BlindReason.NOT_A_NUMBER),
    ],
)
def test_what_is_no_counter_is_no_data(requests: float, cost: float, reason: BlindReason) -> None:
    """I3: half a request, a negative sum, no number."""
    found = costs(requests, cost)
    assert isinstance(found, Unreadable)
    assert found.reason is reason


def test_answers_by_class_are_summed_over_instances_and_others_are_one_more() -> None:
    """From counters with the class in a label."""
    before, now = outcomes(yes=100.0, no=50.0, maybe=1.0), outcomes(yes=130.0, no=55.0, maybe=2.0)
    assert isinstance(before, Counted)
    assert fitting(now, GATE) is now
    first = arm_delta(None, before)
    assert not isinstance(first, Unreadable)
    arm = (first.counters, now)
    assert tick_of(arm, arm, GATE) == ((60, 10, 2), (60, 10, 2))
