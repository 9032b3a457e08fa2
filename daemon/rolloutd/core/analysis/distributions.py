"""Judges latency and drift from counts a bucket; it must not assume what happens inside a bucket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, log1p

from rolloutd.core.analysis.answer import Course, answer
from rolloutd.core.analysis.fields import BadField, Fields, counted, finite, rate
from rolloutd.core.analysis.ticks import buckets
from rolloutd.core.stats import drift, histogram, slower
from rolloutd.core.stats.combine import harm_average
from rolloutd.core.stats.drift import DriftEvidence
from rolloutd.core.stats.histogram import LatencyEvidence
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, SafeEvidence

LATENCY_KEYS = (
    "kind",
    "method",
    "harm",
    "accept",
    "slo_bucket",
    "bounds",
    "history",
    "alternative",
    "alpha",
    "beta",
    "parts",
    "ticks",
)
DRIFT_KEYS = ("kind", "method", "alpha", "beta", "parts", "ticks")
SLO_WEIGHT = 0.4
_COARSE = "Fewer than three buckets hold over 5 % of the champion's requests: a slowdown inside one cannot be seen."
Pair = tuple[list[int], list[int]]


def _ticks(fields: Fields) -> list[Pair]:
    """Champion's and challenger's buckets of each tick, as many in all of them."""
    ticks = fields.each("ticks", buckets)
    for number, (champion, _) in enumerate(ticks):
        if len(champion) != len(ticks[0][0]):
            message = f"ticks[{number}] has {len(champion)} buckets and ticks[0] has {len(ticks[0][0])}."
            raise BadField(f"ticks[{number}]", message)
    return ticks


def latency(fields: Fields) -> dict[str, object]:
    """The answer to a question of kind latency: the histogram, and with ``slo_bucket`` the part over it.

    With ``bounds`` that part is among the histogram's alternatives; without, both are averaged, .6 and .4.
    """
    ticks = _ticks(fields)
    bins = len(ticks[0][0])
    method = fields.word("method", ("shipped", "pinned"), "pinned" if fields.has("alternative") else "shipped")
    if (method == "pinned") != fields.has("alternative"):
        raise BadField("alternative", "A pinned latency question has an alternative, and no other has.")
    course = Course(fields, "latency", method)
    total = [sum(champion[j] for champion, _ in ticks) for j in range(bins)]
    warnings = [_COARSE] if histogram.too_coarse(total) else []
    if method == "pinned":
        return _pinned(fields, course, ticks, warnings)
    history = fields.each("history", counted) if fields.has("history") else [0] * bins
    if len(history) != bins:
        raise fields.refuse("history", f"a list of {bins} counts, like the ticks' buckets")
    bounds = fields.each("bounds", finite) if fields.has("bounds") else []
    whole, slo = _whole(fields, history, bounds), _Slo(fields, bins)
    for number, (champion, challenger) in enumerate(ticks, 1):
        before = whole
        whole = whole.observe(challenger, champion)
        slo.observe(champion, challenger)
        increments = [after - value for after, value in zip(whole.logs, before.logs, strict=True)]
        part = {"tick": number, "increments": increments, "log_e_histogram": whole.log_e, "log_e_slo": slo.harm}
        course.add(whole.log_e if bounds else slo.mixed(whole.log_e), slo.safe, None, part)
    effects: dict[str, object] = {"shifts": list(histogram.SHIFTS), "tails": list(histogram.TAILS)}
    if bounds:
        effects = {"scales": list(slower.SCALES), "lifted": list(slower.LIFTED), "tails": [slower.TAIL]}
    return answer(course, {"log_e_histogram": whole.log_e, "log_e_slo": slo.harm, **effects}, warnings)


def _whole(fields: Fields, history: Sequence[int], bounds: Sequence[float]) -> LatencyEvidence:
    """The histogram's evidence; refuses bounds that do not belong to the buckets."""
    slo_bucket = fields.count("slo_bucket") if bounds and fields.has("slo_bucket") else None
    try:
        return LatencyEvidence.start(history, bounds, slo_bucket)
    except ValueError as wrong:
        wanted = f"{len(history) - 1} rising numbers above 0, one for each bucket but the last"
        raise fields.refuse("bounds", wanted) from wrong


class _Slo:
    """The part of requests over the bucket ``slo_bucket``, judged as a proportion; nothing without such a key."""

    def __init__(self, fields: Fields, bins: int) -> None:
        self._first: int | None = None
        accept = fields.margin("accept", Margin.ratio(1.5)) or Margin.ratio(1.5)
        self._harm = HarmEvidence.start(fields.margin("harm", Margin.ratio(1.0)) or Margin.ratio(1.0), 0)
        self._safe = SafeEvidence.start(accept)
        if fields.has("slo_bucket"):
            self._first = fields.count("slo_bucket") + 1
            if self._first >= bins:
                raise fields.refuse("slo_bucket", f"the last bucket inside the limit, from 0 to {bins - 2}")

    def observe(self, champion: Sequence[int], challenger: Sequence[int]) -> None:
        """One more tick."""
        if self._first is None:
            return
        over = Increment(sum(champion), sum(champion[self._first :]), sum(challenger), sum(challenger[self._first :]))
        self._harm, self._safe = self._harm.observe(over), self._safe.observe(over)

    @property
    def harm(self) -> float | None:
        """log evidence that more requests are over it."""
        return None if self._first is None else self._harm.log_e

    @property
    def safe(self) -> float | None:
        """log evidence that not many more are."""
        return None if self._first is None else self._safe.log_e

    def mixed(self, whole: float) -> float:
        """The histogram's evidence averaged with this."""
        return whole if self.harm is None else harm_average([whole, self.harm], [1.0 - SLO_WEIGHT, SLO_WEIGHT])


def _pinned(fields: Fields, course: Course, ticks: Sequence[Pair], warnings: Sequence[str]) -> dict[str, object]:
    """One bend of one given distribution: no past, no mixture."""
    inner = Fields(fields.raw("alternative"), "alternative", ("distribution", "shift", "tail"))
    distribution = inner.each("distribution", rate, least=2)
    if len(distribution) != len(ticks[0][0]) or abs(sum(distribution) - 1.0) > 1e-6:
        raise inner.refuse("distribution", f"{len(ticks[0][0])} probabilities, one a bucket, summing to 1")
    if inner.has("shift") == inner.has("tail"):
        raise BadField("alternative", "The alternative is either a shift of scores or a tail's part of requests.")
    bend: Callable[[Sequence[float], float], list[float]] = histogram.tailed
    size = inner.number("tail", "a part of requests between 0 and 1", 0.0, 1.0, 0.5)
    if inner.has("shift"):
        bend, size = histogram.shifted, inner.number("shift", "a number above 0 and below 10", 0.0, 10.0)
    g = bend(distribution, size)
    log_e = 0.0
    for number, (champion, challenger) in enumerate(ticks, 1):
        n1, n0 = sum(challenger), sum(champion)
        theta = n1 / (n1 + n0) if n1 and n0 else 0.0
        added = 0.0
        for y1, y0, ratio in zip(challenger, champion, g, strict=True):
            added += (y1 * log(ratio) - (y1 + y0) * log1p(theta * (ratio - 1.0))) if theta else 0.0
        log_e += added
        null = [part * (1.0 + theta * (ratio - 1.0)) for part, ratio in zip(distribution, g, strict=True)]
        course.add(log_e, None, None, {"tick": number, "increments": [added], "projection": null})
    return answer(course, {"density_ratios": g}, warnings)


def descriptors(fields: Fields) -> dict[str, object]:
    """Stability index, Jensen-Shannon and Kolmogorov-Smirnov of two given distributions."""
    p, q = fields.each("p", finite, least=2), fields.each("q", finite, least=2)
    if len(p) != len(q) or min(*p, *q) <= 0.0 or abs(sum(p) - 1.0) > 1e-6 or abs(sum(q) - 1.0) > 1e-6:
        raise fields.refuse("q", "as long as p, both without empty bins and summing to 1")
    return {"schema": "rollout.analysis/1", "kind": "descriptors", **_described(p, q)}


def _described(p: Sequence[float], q: Sequence[float]) -> dict[str, object]:
    return {"psi": drift.psi(p, q), "js": drift.jensen_shannon(p, q), "ks": drift.kolmogorov_smirnov(p, q)}


def drifted(fields: Fields) -> dict[str, object]:
    """The answer to a question of kind drift: two-sided evidence, and numbers that describe but decide nothing."""
    ticks = _ticks(fields)
    course = Course(fields, "drift", fields.word("method", ("shipped",), "shipped"))
    evidence = DriftEvidence.start(len(ticks[0][0]))
    for number, (champion, challenger) in enumerate(ticks, 1):
        before = evidence.log_e
        evidence = evidence.observe(challenger, champion)
        course.add(evidence.log_e, None, None, {"tick": number, "increments": [evidence.log_e - before]})
    told = _described(_proportions(evidence.champion), _proportions(evidence.challenger))
    return answer(course, told)


def _proportions(counts: Sequence[int]) -> Sequence[float]:
    """As they are, or with half a request more in each bin where one is empty."""
    return drift.proportions(counts) if 0 in counts else [count / sum(counts) for count in counts]
