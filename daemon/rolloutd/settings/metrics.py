"""Makes the metrics of the configuration out of shipped templates or written-out selectors; it reads no counter."""

from __future__ import annotations

from collections.abc import Iterable

from rolloutd.core.metrics import GateKind, LabelMatch, MetricTemplate, Selector
from rolloutd.core.values import BadValue
from rolloutd.settings.config_tables import ConfigTables, MetricTable, SelectorTable
from rolloutd.settings.problems import did_you_mean
from rolloutd.settings.shape import Fitting
from rolloutd.settings.tree import Metric, Vocabulary

_WRITTEN_KEYS = ("total", "bad", "good")


def read_metrics(tables: ConfigTables, vocabulary: Vocabulary, fitting: Fitting) -> dict[str, Metric]:
    """Every metric without a fault; the faults of the others go to ``fitting``."""
    metrics = {}
    for name, table in tables.metrics.items():
        faults = [*_misfits(table), *_source_faults(table, tables, fitting)]
        if not faults:
            try:
                template = _shipped(table, vocabulary) if table.template else _written(name, table)
                metrics[name] = Metric(name, template, table.source or next(iter(tables.sources), ""))
            except BadValue as error:
                faults = [("template" if table.template else "total", str(error))]
        for key, message in faults:
            fitting.add(("metrics", name, key), message)
        if name not in metrics or metrics[name].source not in tables.sources:
            fitting.broken.add(("metrics", name))
            metrics.pop(name, None)
    return metrics


def _misfits(table: MetricTable) -> Iterable[tuple[str, str]]:
    """Keys that cannot stand beside each other, or not without each other."""
    written = [key for key in _WRITTEN_KEYS if getattr(table, key) is not None]
    if table.template is not None:
        for key in written:
            yield key, "This metric has a template, which says itself what is counted. Leave out the one or the other."
        return
    if table.total is None:
        yield "total", "A metric has a template, or total with bad or good written out. This one has neither."
        return
    if (table.bad is None) == (table.good is None):
        yield "total", "Beside total stands exactly one of bad and good."
    if table.slo_ms is not None and table.good is None:
        yield "slo", "A latency metric is written with good: the histogram's bucket that ends at its slo."
    if table.good is not None and table.slo_ms is None and "le" in table.good.match:
        yield "good", "A bucket of a histogram (le) is a latency metric: say the bucket's bound as slo, such as 250ms."
    if table.arm_label is None:
        yield "arm_label", "A written-out metric says in which label the arm stands."
    for key in written:
        if table.arm_label in getattr(table, key).match:
            yield key, f"The label {table.arm_label} is the arm's; the daemon compares it itself."


def _source_faults(table: MetricTable, tables: ConfigTables, fitting: Fitting) -> Iterable[tuple[str, str]]:
    if fitting.has_broken("sources"):
        return  # it may be one of these
    if table.source is None and len(tables.sources) != 1:
        yield "source", f"Which source? There are {len(tables.sources)}, so it must be said."
    if table.source is not None and table.source not in tables.sources:
        yield "source", f"There is no source {table.source}. {did_you_mean(table.source, tables.sources)}"


def _shipped(table: MetricTable, vocabulary: Vocabulary) -> MetricTemplate:
    return vocabulary.template(table.template or "", table.arm_label, _slo_ms(table))


def _written(name: str, table: MetricTable) -> MetricTemplate:
    return MetricTemplate(
        name=name,
        kind=GateKind.PROPORTION if table.slo_ms is None else GateKind.LATENCY,
        arm_label=table.arm_label or "",
        total=_selector(table.total or SelectorTable(series="never")),
        bad=_selector(table.bad) if table.bad else None,
        good=_selector(table.good) if table.good else None,
        slo_ms=_slo_ms(table),
    )


def _slo_ms(table: MetricTable) -> float | None:
    return None if table.slo_ms is None else float(table.slo_ms)


def _selector(table: SelectorTable) -> Selector:
    match = tuple(LabelMatch(label, kind, value) for label, (kind, value) in table.match.items())
    return Selector(table.series, match)
