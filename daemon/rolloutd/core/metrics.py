"""What a metric is and what a source answered: selectors, templates, raw counters, and the ways of not knowing.

A reading is raw counters of both arms at one moment, or a reason why there is none; never a zero made from silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from rolloutd.core.values import SPARSE


class MatchKind(StrEnum):
    """How a label is compared, in PromQL's own signs."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """One condition on a label of a series. A regular expression must match the whole value."""

    label: str
    kind: MatchKind
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A set of series: one sample name (``x_total``, ``x_bucket``) and conditions on labels."""

    series: str
    match: tuple[LabelMatch, ...] = ()


class GateKind(StrEnum):
    """What a gate's fraction means.

    The next three are of pairs: one request that both versions answered, which there are only while it is mirrored.
    PAIRED counts the pairs in which an arm was bad and the other was not, AGREEMENT those that differ, COVERAGE the
    champion's requests for which no answer of the challenger came. MEAN is no fraction: what something came to per
    request, such as cost. DRIFT is none either: into which classes the answers fall.
    """

    PROPORTION = "proportion"
    LATENCY = "latency"
    PAIRED = "paired"
    AGREEMENT = "agreement"
    COVERAGE = "coverage"
    MEAN = "mean"
    DRIFT = "drift"

    @property
    def of_pairs(self) -> bool:
        """Whether it is judged on mirrored requests alone."""
        return self in _OF_PAIRS

    @property
    def tells_split(self) -> bool:
        """Whether it counts the requests of both arms as the proxy splits them."""
        return not self.of_pairs and self is not GateKind.DRIFT

    @property
    def of_rates(self) -> bool:
        """Whether it compares fractions of live requests: these can be foretold and rehearsed."""
        return self in _OF_RATES


_OF_PAIRS = frozenset({GateKind.PAIRED, GateKind.AGREEMENT, GateKind.COVERAGE})
_OF_RATES = frozenset({GateKind.PROPORTION, GateKind.LATENCY})


@dataclass(frozen=True, slots=True)
class MetricTemplate:
    """How a fraction of bad requests is read from counters that carry the arm in a label.

    ``total`` counts all requests. Exactly one of ``bad`` (failed ones) and ``good`` (those within the limit, as a
    histogram's ``le`` bucket) is given. ``arm_label`` is the label whose value names the slot (an Envoy cluster, a
    HAProxy backend, a ``slot`` label put on by a scrape target). ``slo_ms`` is the bucket's bound for latency.
    ``ripe_ms`` is how old a request must be before its outcome counts, zero where that is known at once. Of a mean
    ``bad`` is what is summed, and ``higher_is_better`` says which way is better. Of drift ``bad`` are the answers with
    their class in the label ``class_label``: one of ``classes``, or where the ``edges`` of a number leave it.
    ``of_order`` says that it counts pairs of labelled scores, of which some are in the wrong order, and no requests.
    """

    name: str
    kind: GateKind
    arm_label: str
    total: Selector
    bad: Selector | None = None
    good: Selector | None = None
    slo_ms: float | None = None
    ripe_ms: int = field(default=0, metadata={SPARSE: True})
    higher_is_better: bool = field(default=False, metadata={SPARSE: True})
    classes: tuple[str, ...] = field(default=(), metadata={SPARSE: True})
    edges: tuple[float, ...] = field(default=(), metadata={SPARSE: True})
    class_label: str = field(default="", metadata={SPARSE: True})
    of_order: bool = field(default=False, metadata={SPARSE: True})

    @property
    def ripens(self) -> bool:
        """Whether its outcomes are labels, which come later than the requests."""
        return self.ripe_ms > 0

    @property
    def bins(self) -> tuple[str, ...]:
        """The names of what answers are told apart into; an answer that fits none is in one more, which has no name."""
        if self.classes or not self.edges:
            return self.classes
        named = [f"{edge:.12g}" for edge in self.edges]
        return (f"<{named[0]}", *(f"{low}..{high}" for low, high in pairwise(named)), f">={named[-1]}")

    def __post_init__(self) -> None:
        if self.ripe_ms < 0:
            raise ValueError(f"Metric {self.name} cannot be ripe before its requests.")
        if (self.bad is None) == (self.good is None):
            raise ValueError(f"Metric {self.name} needs exactly one of bad and good.")


@dataclass(frozen=True, slots=True)
class Point:
    """One raw counter: its series (canonical text of its labels), its value, and when the *source* sampled it."""

    series: str
    value: float
    sampled_at_ms: int


class BlindReason(StrEnum):
    """The ways of not knowing. Each blinds a gate; none is a zero and none is a pass."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    DENIED = "denied"
    BAD_ANSWER = "bad-answer"
    PARTIAL = "partial"
    TARGET_DOWN = "target-down"
    NO_SERIES = "no-series"
    NOT_A_NUMBER = "not-a-number"
    STALE = "stale"
    TOO_MANY_SERIES = "too-many-series"
    TOO_BIG = "too-big"
    CLOCK_SKEW = "clock-skew"
    NEVER_READ = "never-read"


@dataclass(frozen=True, slots=True)
class Counted:
    """Raw counters of one arm at one moment.

    ``total`` has at least one point. ``part`` holds the points of ``bad`` (or ``good``); an empty ``part`` beside a
    fresh ``total`` is a counter not born yet and counts as zero.
    """

    total: tuple[Point, ...]
    part: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an arm has no counters now. ``detail`` is for people."""

    reason: BlindReason
    detail: str


ArmReading = Counted | Unreadable

COVERED_BY = 200
"""Of the last so many ripe requests it is judged how many have a label,"""
COVERED_FROM = 20
"""once there are so many."""


def lacking_labels(arm: str, due: int, labelled: int, least: float) -> Unreadable | None:
    """Why an arm cannot be judged where of its last ``due`` ripe requests less than the part ``least`` have a label."""
    if due < COVERED_FROM or labelled >= least * due:
        return None
    said = f"of {arm}'s last {due} ripe requests only {labelled} have a label, at least {least:.0%} must"
    return Unreadable(BlindReason.PARTIAL, said)


@dataclass(frozen=True, slots=True)
class Question:
    """One coalesced question: a template and every arm-label value that any rollout wants to know about."""

    template: MetricTemplate
    arm_values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said to one question: an entry for every asked arm value, all read at one instant.

    ``read_at_ms`` is the source's own evaluation time, on the same clock as the points' ``sampled_at_ms``.
    """

    read_at_ms: int
    by_arm: Mapping[str, ArmReading]

    @classmethod
    def unreadable(cls, question: Question, read_at_ms: int, reason: BlindReason, detail: str) -> Answer:
        """The answer when nothing can be said about any arm."""
        why = Unreadable(reason, detail)
        return cls(read_at_ms, dict.fromkeys(question.arm_values, why))
