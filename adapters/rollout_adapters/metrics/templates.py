"""Shipped metric templates as data: which counters tell requests, failures and latency in each engine; reads none.

Every template carries its engine's unit. Traps: Envoy's ``upstream_rq_total`` leaves out Envoy's own 503s, so requests
are counted by ``completed``; HAProxy's ``sessions`` count at the start and its servers miss HAProxy's own 503s, so
requests are its backends' responses of all codes. Only 5xx are failures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from rollout_adapters.options import nearest_of
from rolloutd.core.metrics import GateKind, LabelMatch, MatchKind, MetricTemplate, Selector
from rolloutd.core.values import BadValue

# Envoy's histograms have these bounds unless its bootstrap says otherwise (stats_config), in milliseconds.
ENVOY_BOUNDS_MS = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000),
    *(30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000),
)
_HAPROXY_HAS_NO_HISTOGRAM = (
    "HAProxy's own exporter has only mean response times, no histogram, so it cannot show how many requests were slow. "
    "Use python.latency on the model servers, or a written-out metric with another histogram."
)


_UNSAID_MS = 1
"""When labels are ripe only the configuration can say."""


def make_template(name: str, arm_label: str | None = None, slo_ms: float | None = None) -> MetricTemplate:
    """The shipped template ``name``, read by ``arm_label`` instead of its usual label where one is given.

    ``slo_ms`` is the bound of a latency template, in milliseconds. Raises BadValue with a sentence for an unknown name,
    a bound the engine has no bucket for, or a bound where none is wanted.
    """
    if name == "haproxy.latency":
        raise BadValue(_HAPROXY_HAS_NO_HISTOGRAM)
    if name not in _MAKERS:
        raise BadValue(f"There is no template {name!a}. {nearest_of(name, _MAKERS)}")
    usual_label, make = _MAKERS[name]
    return make(name, arm_label or usual_label, slo_ms)


def le_pattern(bound: Decimal) -> str:
    """A regular expression for every way a bucket's bound is written: 0.25, 0.250, .25, 2.5e-01; 250, 250.0, 2.5e+02.

    It uses only what Python's and Prometheus' regular expressions have in common. ``bound`` is positive.
    """
    whole, _, part = format(bound.normalize(), "f").partition(".")
    plain = f"{whole if whole != '0' else '0?'}\\.{part}0*" if part else f"{whole}(\\.0*)?"
    digits = "".join(map(str, bound.normalize().as_tuple().digits))
    exponent = bound.adjusted()
    sign = "-" if exponent < 0 else "\\+?"
    mantissa = f"{digits[0]}(\\.0*)?" if len(digits) == 1 else f"{digits[0]}\\.{digits[1:]}0*"
    return f"{plain}|{mantissa}[eE]{sign}0*{abs(exponent) or ''}"


def _envoy_errors(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    failed = Selector("envoy_cluster_upstream_rq_xx", (_equal("envoy_response_code_class", "5"),))
    return _errors(name, arm_label, slo_ms, Selector("envoy_cluster_upstream_rq_completed"), failed)


def _envoy_latency(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    bound = _bound(name, slo_ms)
    if float(bound) not in ENVOY_BOUNDS_MS:
        near = sorted(sorted(ENVOY_BOUNDS_MS, key=lambda known: abs(known - float(bound)))[:2])
        raise BadValue(
            f"Envoy has no bucket that ends at {float(bound):g} ms. The nearest end at {near[0]:g} and {near[1]:g} ms; "
            "for others, set stats_config in its bootstrap and write the metric out with total and good."
        )
    return _latency(name, arm_label, "envoy_cluster_upstream_rq_time", bound, bound)


def _haproxy_errors(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    responses = "haproxy_backend_http_responses_total"
    return _errors(name, arm_label, slo_ms, Selector(responses), Selector(responses, (_equal("code", "5xx"),)))


def _python_errors(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    requests = "http_requests_total"
    failed = Selector(requests, (LabelMatch("code", MatchKind.REGEX, "5.."),))
    return _errors(name, arm_label, slo_ms, Selector(requests), failed)


def _python_latency(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    bound = _bound(name, slo_ms)
    return _latency(name, arm_label, "http_request_seconds", bound / 1000, bound)


def _errors(name: str, arm_label: str, slo_ms: float | None, total: Selector, failed: Selector) -> MetricTemplate:
    if slo_ms is not None:
        raise BadValue(f"{name} counts failures and takes no slo; that belongs to a latency metric.")
    return MetricTemplate(name, GateKind.PROPORTION, arm_label, total, bad=failed)


def _latency(name: str, arm_label: str, histogram: str, bound: Decimal, bound_ms: Decimal) -> MetricTemplate:
    """``bound`` is in the histogram's own unit."""
    within = Selector(f"{histogram}_bucket", (LabelMatch("le", MatchKind.REGEX, le_pattern(bound)),))
    total = Selector(f"{histogram}_count")
    return MetricTemplate(name, GateKind.LATENCY, arm_label, total, good=within, slo_ms=float(bound_ms))


def _pairs_errors(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    return _pairs(name, GateKind.PAIRED, arm_label, slo_ms, ("pairs_total", "pairs_failed_alone_total"))


def _pairs_slow(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    bound = float(_bound(name, slo_ms))
    bad = Selector("pairs_slow_alone_total")
    return MetricTemplate(name, GateKind.PAIRED, arm_label, Selector("pairs_timed_total"), bad=bad, slo_ms=bound)


def _pairs_agreement(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    return _pairs(name, GateKind.AGREEMENT, arm_label, slo_ms, ("pairs_answered_total", "pairs_differ_total"))


def _pairs_coverage(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    return _pairs(name, GateKind.COVERAGE, arm_label, slo_ms, ("requests_due_total", "requests_unpaired_total"))


def _pairs(name: str, kind: GateKind, arm_label: str, slo_ms: float | None, series: tuple[str, str]) -> MetricTemplate:
    """What a source of predictions counts; any other source may have counters of these names, too."""
    if slo_ms is not None:
        raise BadValue(f"{name} takes no slo; that belongs to pairs.slow.")
    total, bad = series
    return MetricTemplate(name, kind, arm_label, Selector(total), bad=Selector(bad))


def _labels_wrong(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    return _labels(name, arm_label, slo_ms, ("labels_total", "labels_wrong_total"))


def _labels_missing(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    return _labels(name, arm_label, slo_ms, ("labels_due_total", "labels_missing_total"))


def _labels_misordered(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    """Pairs of a positive and a negative answer, and those in the wrong order: one less the AUC."""
    made = _labels(name, arm_label, slo_ms, ("labels_pairs_total", "labels_misordered_total"))
    return replace(made, of_order=True)


def _labels_brier(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    """A mean of squared errors, so lower is better."""
    made = _labels(name, arm_label, slo_ms, ("labels_scored_total", "labels_squared_error_total"))
    return replace(made, kind=GateKind.MEAN)


def _labels(name: str, arm_label: str, slo_ms: float | None, series: tuple[str, str]) -> MetricTemplate:
    """What a source of predictions counts once a request is ripe; when it is, the metric says in the configuration."""
    if slo_ms is not None:
        raise BadValue(f"{name} takes no slo; it says ripe, when a label counts.")
    total, bad = series
    return MetricTemplate(name, GateKind.PROPORTION, arm_label, Selector(total), bad=Selector(bad), ripe_ms=_UNSAID_MS)


def _answers_drift(name: str, arm_label: str, slo_ms: float | None) -> MetricTemplate:
    """What a source of predictions counts by class; which classes or edges there are the configuration says."""
    if slo_ms is not None:
        raise BadValue(f"{name} takes no slo; it says classes or edges.")
    total, by_class = Selector("answers_total"), Selector("answers_class_total")
    return MetricTemplate(name, GateKind.DRIFT, arm_label, total, bad=by_class, class_label="class")


def _bound(name: str, slo_ms: float | None) -> Decimal:
    if slo_ms is None:
        raise BadValue(f"{name} needs an slo: the bound of a histogram's bucket, such as 250ms.")
    bound = Decimal(repr(slo_ms))
    if not bound.is_finite() or bound <= 0:
        raise BadValue(f"An slo is a time longer than nothing, not {slo_ms} ms.")
    return bound


def _equal(label: str, value: str) -> LabelMatch:
    return LabelMatch(label, MatchKind.EQUAL, value)


_Maker = Callable[[str, str, float | None], MetricTemplate]
_MAKERS: dict[str, tuple[str, _Maker]] = {
    "answers.drift": ("arm", _answers_drift),
    "envoy.errors": ("envoy_cluster_name", _envoy_errors),
    "envoy.latency": ("envoy_cluster_name", _envoy_latency),
    "haproxy.errors": ("proxy", _haproxy_errors),
    "python.errors": ("slot", _python_errors),
    "python.latency": ("slot", _python_latency),
    "pairs.agreement": ("arm", _pairs_agreement),
    "pairs.coverage": ("arm", _pairs_coverage),
    "pairs.errors": ("arm", _pairs_errors),
    "pairs.slow": ("arm", _pairs_slow),
    "labels.brier": ("arm", _labels_brier),
    "labels.misordered": ("arm", _labels_misordered),
    "labels.missing": ("arm", _labels_missing),
    "labels.wrong": ("arm", _labels_wrong),
}
NAMES: Sequence[str] = tuple(_MAKERS)
