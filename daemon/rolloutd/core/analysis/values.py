"""Judges means and pairs, and averages evidence that is known already; it must not look at counts of errors."""

from __future__ import annotations

from math import sqrt

from rolloutd.core.analysis.answer import Course, answer
from rolloutd.core.analysis.fields import BadField, Fields, finite
from rolloutd.core.analysis.ticks import arms
from rolloutd.core.stats import combine, means, paired
from rolloutd.core.stats.means import MeanEvidence, Totals

MEAN_KEYS = ("kind", "method", "harm", "accept", "worse", "rho", "summary", "alpha", "beta", "parts", "ticks")
PAIRED_KEYS = ("kind", "method", "harm", "accept", "alpha", "beta", "parts", "ticks")
COMBINE_KEYS = ("kind", "log_e", "weights", "log_e_safe", "alpha", "beta")
_USUAL_EFFECT_SD = 0.1
Arms = tuple[Totals, Totals]


def mean(fields: Fields) -> dict[str, object]:
    """The answer to a question of kind mean; with ``rho`` given there is no burn-in."""
    worse = fields.word("worse", ("higher", "lower"), "higher")
    sign = 1 if worse == "higher" else -1
    harm_by = _difference(fields, "harm", 0.0)
    accept_by = _difference(fields, "accept", 0.0) if fields.has("accept") else None
    rho = fields.number("rho", "a number above 0", 0.0, 1e12) if fields.has("rho") else None
    if fields.has("summary"):
        return _summary(fields)
    method = fields.word("method", ("shipped", "half-normal"), "shipped" if rho is None else "half-normal")
    if (method == "shipped") != (rho is None):
        raise BadField("rho", "rho belongs to the half-normal method, which needs it; the shipped one has its own.")
    course = Course(fields, "mean", method)
    harm = MeanEvidence.start(sign * harm_by, sign)
    safe = None if accept_by is None else MeanEvidence.start(sign * accept_by, -sign)
    for number, (champion, challenger) in enumerate(fields.each("ticks", _arms), 1):
        harm = harm.observe(challenger, champion)
        safe = None if safe is None else safe.observe(challenger, champion)
        gap = challenger.total / challenger.n - champion.total / champion.n if challenger.n and champion.n else None
        course.add(
            _log_e(harm, rho), None if safe is None else _log_e(safe, rho), None, {"tick": number, "difference": gap}
        )
    centre = sign * harm.mean + sign * harm_by
    return answer(course, {"mean_difference": centre, "range": _mean_range(harm, centre, rho, course.alpha)})


def _log_e(evidence: MeanEvidence, rho: float | None) -> float:
    if rho is None:
        return evidence.log_e
    if evidence.ticks < 2 or evidence.squares <= 0.0:
        return 0.0
    v = evidence.ticks * (evidence.ticks - 1) / evidence.squares
    return means.half_normal_log_e(evidence.mean * v, v, rho)


def _mean_range(evidence: MeanEvidence, centre: float, rho: float | None, alpha: float) -> list[float] | None:
    """Two-sided, asymptotic, from the ticks' differences."""
    if evidence.ticks < 2 or evidence.squares <= 0.0:
        return None
    sd = sqrt(evidence.squares / (evidence.ticks - 1))
    effect = _USUAL_EFFECT_SD * sqrt(max(evidence.events / evidence.ticks, 1.0)) if rho is None else rho / sd
    half = means.radius(evidence.ticks, sd, effect, alpha)
    return [centre - half, centre + half]


def _summary(fields: Fields) -> dict[str, object]:
    """From sums alone: ``s``, ``v``, ``rho`` for the evidence, or ``n``, ``sd``, ``rho``, ``mean`` for the range."""
    inner = Fields(fields.raw("summary"), "summary", ("s", "v", "n", "mean", "sd", "rho"))
    course = Course(fields, "mean", "half-normal")
    rho = inner.number("rho", "a number above 0", 0.0, 1e6)
    if inner.has("s") or inner.has("v"):
        s, v = finite(inner.raw("s"), "summary.s"), inner.number("v", "a number above 0", 0.0, 1e12)
        course.add(means.half_normal_log_e(s, v, rho), None, None)
        return answer(course, {})
    n = inner.number("n", "a number above 0", 0.0, 1e12)
    half = means.radius(n, inner.number("sd", "a number above 0", 0.0, 1e12), rho, course.alpha)
    centre = finite(inner.raw("mean"), "summary.mean") if inner.has("mean") else 0.0
    return answer(course, {"radius": half, "range": [centre - half, centre + half]})


def _arms(value: object, where: str) -> Arms:
    champion, challenger = arms(value, where, ("n", "sum", "sumsq"))
    return _totals(champion), _totals(challenger)


def _totals(arm: Fields) -> Totals:
    """n and sum; a sum of squares is taken and not needed, the spread between ticks says more."""
    if arm.has("sumsq") and finite(arm.raw("sumsq"), arm.at("sumsq")) < 0.0:
        raise arm.refuse("sumsq", "a number from 0 on")
    return Totals(arm.count("n"), finite(arm.raw("sum"), arm.at("sum")))


def pairs(fields: Fields) -> dict[str, object]:
    """The answer to a question of kind paired: b pairs in which the challenger was worse, c better, of n."""
    harm_by = _difference(fields, "harm", 0.0)
    accept_by = _difference(fields, "accept", 0.0) if fields.has("accept") else None
    fitting = "mcnemar" if harm_by == 0.0 else "betting"
    course = Course(fields, "paired", fields.word("method", ("mcnemar", "betting"), fitting))
    if course.method == "mcnemar" and harm_by:
        raise BadField("method", "The method mcnemar has no margin; take betting for one.")
    b = c = n = 0
    before = 0.0
    for number, (worse, better, all_pairs) in enumerate(fields.each("ticks", _pair), 1):
        b, c, n = b + worse, c + better, n + all_pairs
        bet = course.method == "betting"
        harm = paired.betting_log_e(b, c, n, harm_by) if bet else paired.mcnemar_log_e(b, c)
        safe = None if accept_by is None else paired.safe_log_e(b, c, n, accept_by)
        course.add(harm, safe, None, {"tick": number, "increments": [harm - before]})
        before = harm
    return answer(course, {"mean_difference": (b - c) / n if n else None})


def _pair(value: object, where: str) -> tuple[int, int, int]:
    fields = Fields(value, where, ("b", "c", "n"))
    b, c = fields.count("b"), fields.count("c")
    n = fields.count("n", b + c)
    if n < b + c:
        raise fields.refuse("n", f"at least b + c, which is {b + c}")
    return b, c, n


def combined(fields: Fields) -> dict[str, object]:
    """Evidence of several gates as one: the weighted average for harm, the weakest for safety."""
    logs, weights = fields.each("log_e", finite), fields.each("weights", finite)
    if len(logs) != len(weights) or min(weights) <= 0.0 or abs(sum(weights) - 1.0) > 1e-9:
        raise fields.refuse("weights", f"{len(logs)} numbers above 0 that sum to 1")
    safe = fields.each("log_e_safe", finite) if fields.has("log_e_safe") else None
    course = Course(fields, "combine", "average")
    course.add(combine.harm_average(logs, weights), None if safe is None else combine.safe_intersection(safe), None)
    return answer(course, {})


def _difference(fields: Fields, key: str, default: float) -> float:
    """A margin of means or pairs: always a difference, in the metric's own unit."""
    if not fields.has(key):
        return default
    inner = Fields(fields.raw(key), fields.at(key), ("difference",))
    found = finite(inner.raw("difference"), inner.at("difference"))
    if found < 0.0:
        raise inner.refuse("difference", "a number from 0 on")
    return found
