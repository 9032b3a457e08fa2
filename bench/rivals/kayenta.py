"""Kayenta's judge NetflixACAJudge-v1.0 as published: Mann-Whitney interval, tolerance, effect size, groups, score.

Arrays are values of time buckets, never requests. The interval is R's asymptotic ``wilcox.test``; its roots are found
by R's ``zeroin`` with an absolute tolerance of 1e-4, which blinds it to metrics of small value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
CONFIDENCE, TOLERANCE = 0.98, 0.25
_ROOT_TOLERANCE, _ROOT_STEPS = 1e-4, 1_000
_EPSILON = float(np.finfo(float).eps)
Z = NormalDist().inv_cdf((1.0 - CONFIDENCE) / 2.0)
PASS_SCORE, MARGINAL_SCORE = 95.0, 75.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric: interval and estimate of the shift (None where a short cut decided) and the label."""

    label: str
    lower: float | None = None
    upper: float | None = None
    estimate: float | None = None


def statistic(shift: float, control: Values, experiment: Values) -> float:
    """Continuity-corrected normal score of the rank sum of the shifted experiment."""
    m, n = len(experiment), len(control)
    both = np.concatenate([experiment - shift, control])
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2.0
    dz = float(middle[place[:m]].sum()) - m * (m + 1) / 2.0 - m * n / 2.0
    ties = float((counts.astype(float) ** 3 - counts).sum())
    variance = m * n / 12.0 * ((m + n + 1) - ties / ((m + n) * (m + n - 1)))
    if variance <= 0.0:
        raise ArithmeticError("all values are tied")
    return float((dz - 0.5 * np.sign(dz)) / np.sqrt(variance))


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses 0; an end where it does not."""
    at_low, at_high = f(low), f(high)
    if at_low <= 0.0:
        return low
    if at_high >= 0.0:
        return high
    return zeroin(f, low, high, at_low, at_high)


def zeroin(f: Callable[[float], float], a: float, b: float, fa: float, fb: float) -> float:
    """Brent's method as in R's ``zeroin`` (netlib, 1977)."""
    c, fc = a, fa
    for _ in range(_ROOT_STEPS + 1):
        before = b - a
        if abs(fc) < abs(fb):
            a, b, c, fa, fb, fc = b, c, b, fb, fc, fb
        tolerance = 2.0 * _EPSILON * abs(b) + _ROOT_TOLERANCE / 2.0
        step = (c - b) / 2.0
        if abs(step) <= tolerance or fb == 0.0:
            return b
        if abs(before) >= tolerance and abs(fa) > abs(fb):
            step = _interpolated((a, fa), (b, fb), (c, fc), before, tolerance)
        if abs(step) < tolerance:
            step = tolerance if step > 0.0 else -tolerance
        a, fa = b, fb
        b += step
        fb = f(b)
        if (fb > 0.0) == (fc > 0.0) and fb != 0.0:
            c, fc = a, fa
    return b


def _interpolated(
    first: tuple[float, float], best: tuple[float, float], other: tuple[float, float], before: float, tolerance: float
) -> float:
    """A step by the secant or by inverse quadratic interpolation, or half the bracket where those do not fit."""
    (a, fa), (b, fb), (c, fc) = first, best, other
    cb, t1 = c - b, fb / fa
    if a == c:
        p, q = cb * t1, 1.0 - t1
    else:
        q, t1, t2 = fa / fc, fb / fc, fb / fa
        p, q = t2 * (cb * q * (q - t1) - (b - a) * (t1 - 1.0)), (q - 1.0) * (t1 - 1.0) * (t2 - 1.0)
    p, q = (p, -q) if p > 0.0 else (-p, q)
    fits = p < 0.75 * cb * q - abs(tolerance * q) / 2.0 and p < abs(before * q / 2.0)
    return p / q if fits else cb / 2.0


def interval(control: Values, experiment: Values) -> tuple[float, float, float]:
    """Lower limit, upper limit and estimate of experiment minus control."""
    low, high = float(experiment.min() - control.max()), float(experiment.max() - control.min())

    def root(quantile: float) -> float:
        return _root(lambda shift: statistic(shift, control, experiment) - quantile, low, high)

    return root(-Z), root(Z), root(0.0)


def judge(
    control: Sequence[float] | Values,
    experiment: Sequence[float] | Values,
    *,
    allowed_increase: float = 1.0,
    allowed_decrease: float = 1.0,
    direction: str = "either",
    seed: int = 0,
) -> Judged:
    """One metric by its cleaned arrays: NaN is removed, the effect is the ratio of means."""
    a, b = (np.asarray(values, dtype=float) for values in (control, experiment))
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not len(a) or not len(b):
        return Judged("Nodata")
    if np.array_equal(np.sort(a), np.sort(b)) or len(np.unique(np.concatenate([a, b]))) == 1:
        return Judged("Pass")
    if len(np.unique(a)) == 1 and len(np.unique(b)) == 1:
        noise = np.random.default_rng(seed)
        a = a + noise.normal(0.0, abs(1e-5 * a[0]), len(a))
        b = b + noise.normal(0.0, abs(1e-5 * b[0]), len(b))
    try:
        lower, upper, estimate = interval(a, b)
    except ArithmeticError:
        return Judged("Error")
    effect = None if a.mean() == 0.0 or b.mean() == 0.0 else float(b.mean() / a.mean())
    bound = TOLERANCE * abs(estimate)
    label = "Pass"
    if direction != "decrease" and lower > bound and (effect is None or effect >= allowed_increase):
        label = "High"
    elif direction != "increase" and upper < -bound and (effect is None or effect <= allowed_decrease):
        label = "Low"
    return Judged(label, lower, upper, estimate)


def is_high(control: Values, experiment: Values) -> bool:
    """Whether the judge would say High, with fewer roots: the limits are monotone in the shift."""
    if len(np.unique(np.concatenate([control, experiment]))) < 2:
        return False
    if statistic(0.0, control, experiment) <= -Z:
        return False
    low, high = float(experiment.min() - control.max()), float(experiment.max() - control.min())
    estimate = _root(lambda shift: statistic(shift, control, experiment), low, high)
    return statistic(TOLERANCE * abs(estimate), control, experiment) > -Z


def group_score(labels: Sequence[str]) -> float:
    """100 x the part that passed, of what counts; a group in which nothing counts scores 100."""
    counted = [label for label in labels if label in ("Pass", "High", "Low", "NodataFailMetric")]
    return 100.0 * counted.count("Pass") / len(counted) if counted else 100.0


def score(groups: Mapping[str, Sequence[str]], weights: Mapping[str, float] | None = None) -> float:
    """The summary: groups by weight, those without one sharing the rest equally; 0 when half of all have no data."""
    labels = [label for group in groups.values() for label in group]
    if labels and labels.count("Nodata") >= 0.5 * len(labels):
        return 0.0
    given = dict(weights or {})
    without = [name for name in groups if name not in given]
    share = (100.0 - sum(given.values())) / len(without) if without else 0.0
    total = sum(group_score(group) * given.get(name, share) / 100.0 for name, group in groups.items())
    return round(total, 2)


def classify(total: float) -> str:
    """Pass, Marginal or Fail, the thresholds included."""
    return "Pass" if total >= PASS_SCORE else "Marginal" if total >= MARGINAL_SCORE else "Fail"
