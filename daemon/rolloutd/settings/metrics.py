"""Makes the metrics of the configuration from shipped templates, selectors or queries; it reads no counter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rolloutd.core.metrics import GateKind, LabelMatch, MetricTemplate, Selector
from rolloutd.core.values import BadValue
from rolloutd.settings.config_tables import ConfigTables, MetricTable, SelectorTable
from rolloutd.settings.problems import did_you_mean
from rolloutd.settings.shape import Fitting
from rolloutd.settings.tree import Metric, Vocabulary

_WRITTEN_KEYS = ("total", "bad", "good", "sum")


def read_metrics(tables: ConfigTables, vocabulary: Vocabulary, fitting: Fitting) -> dict[str, Metric]:
    """Every metric without a fault; the faults of the others go to ``fitting``."""
    metrics = {}
    for name, table in tables.metrics.items():
        if any(fitting.has_dropped(("metrics", name, key)) for key in ("query", "ripe")):
            fitting.broken.add(("metrics", name))  # nothing more can be said before they are known
            continue
        faults = [*_misfits(table), *_source_faults(table, tables, fitting)]
        faults = faults or [*_query_faults(table, tables, vocabulary, fitting)]
        if not faults:
            try:
                template = _template(name, table, vocabulary)
                metrics[name] = Metric(name, template, table.source or next(iter(tables.sources), ""))
            except BadValue as error:
                faults = [("template" if table.template else "query" if table.query else "total", str(error))]
        for key, message in faults:
            fitting.add(("metrics", name, key), message)
        if name not in metrics or metrics[name].source not in tables.sources:
            fitting.broken.add(("metrics", name))
            metrics.pop(name, None)
    return metrics


def _misfits(table: MetricTable) -> Iterable[tuple[str, str]]:
    """Keys that cannot stand beside each other, or not without each other."""
    written = [key for key in _WRITTEN_KEYS if getattr(table, key) is not None]
    if table.query is not None:
        yield from _beside_query(table, [*written, *_of_drift(table)])
        return
    if table.template is not None:
        written += ["better"] if table.better is not None else []
        written += ["class_label"] if table.class_label is not None else []
        for key in written:
            yield key, "This metric has a template, which says itself what is counted. Leave out the one or the other."
        if table.classes and table.edges:
            yield "edges", "Answers are told apart by classes or by edges, not by both."
        return
    if _of_drift(table):
        yield from _written_drift(table)
        return
    yield from _beside_total(table, written)


def _beside_total(table: MetricTable, written: list[str]) -> Iterable[tuple[str, str]]:
    if table.total is None:
        yield "total", "A metric has a template, a query, or total with bad or good written out. This one has none."
        return
    if sum(part is not None for part in (table.bad, table.good, table.sum)) != 1:
        yield "total", "Beside total stands exactly one of bad and good, or for a mean sum."
    if (table.sum is None) != (table.better is None):
        yield "better" if table.sum is None else "sum", "A mean has sum, and better says which way is: lower or higher."
    if table.slo_ms is not None and table.good is None:
        yield "slo", "A latency metric is written with good: the histogram's bucket that ends at its slo."
    if table.good is not None and table.slo_ms is None and "le" in table.good.match:
        yield "good", "A bucket of a histogram (le) is a latency metric: say the bucket's bound as slo, such as 250ms."
    if table.arm_label is None:
        yield "arm_label", "A written-out metric says in which label the arm stands."
    for key in written:
        if table.arm_label in getattr(table, key).match:
            yield key, f"The label {table.arm_label} is the arm's; the daemon compares it itself."


def _of_drift(table: MetricTable) -> list[str]:
    """The keys of drift that are written."""
    return [key for key in ("classes", "edges", "class_label") if getattr(table, key)]


def _written_drift(table: MetricTable) -> Iterable[tuple[str, str]]:
    """What is wrong with a drift that is read from counters with the class in a label."""
    if table.edges:
        yield "edges", "Edges belong to the template answers.drift; counters have classes, in a class_label."
    if table.class_label is None or not table.classes:
        yield (
            "class_label",
            "Drift from counters has class_label, where the class stands, and classes, which there are.",
        )
    if table.total is None:
        yield "total", "Drift from counters has total: all answers, with their class in class_label."
    for key in ("bad", "good", "sum", "better", "slo_ms", "ripe_ms"):
        if getattr(table, key) is not None:
            yield MetricTable.model_fields[key].alias or key, "A drift is of all answers alike; it has no such key."
    if table.arm_label is None or table.arm_label == table.class_label:
        yield "arm_label", "A written-out metric says in which label the arm stands, and that is not the class's."


def _beside_query(table: MetricTable, written: list[str]) -> Iterable[tuple[str, str]]:
    for key in ("template", "arm_label", "slo_ms", *written):
        if getattr(table, key) is not None:
            name = MetricTable.model_fields[key].alias or key
            yield name, "This metric has a query, which counts for itself. Leave out the one or the other."
    if table.ripe_ms is None:
        message = (
            "A query needs ripe: so old is a request when it counts. What is written later is not counted, so it is at "
            "least as long as rows and labels take to be there."
        )
        yield "query", message


def _source_faults(table: MetricTable, tables: ConfigTables, fitting: Fitting) -> Iterable[tuple[str, str]]:
    if fitting.has_broken("sources"):
        return  # it may be one of these
    if table.source is None and len(tables.sources) != 1:
        yield "source", f"Which source? There are {len(tables.sources)}, so it must be said."
    if table.source is not None and table.source not in tables.sources:
        yield "source", f"There is no source {table.source}. {did_you_mean(table.source, tables.sources)}"


def _query_faults(
    table: MetricTable, tables: ConfigTables, vocabulary: Vocabulary, fitting: Fitting
) -> Iterable[tuple[str, str]]:
    """A source of one kind is asked by a query, all others by counters."""
    if fitting.has_broken("sources") or not vocabulary.query_kinds:
        return
    source = table.source or next(iter(tables.sources))
    kind = tables.sources[source].kind
    if kind in vocabulary.query_kinds and table.query is None:
        yield "source", f"The source {source} is of kind {kind}: it is asked by a query, and this metric has none."
    if kind not in vocabulary.query_kinds and table.query is not None:
        yield "query", f"The source {source} is of kind {kind}, which is asked by no query; sql is."


def _template(name: str, table: MetricTable, vocabulary: Vocabulary) -> MetricTemplate:
    if table.query is not None:
        asked = Selector(table.query)  # the statement goes into the plan, so that a changed file changes no rollout
        kind = GateKind.PROPORTION if table.better is None else GateKind.MEAN
        made = MetricTemplate(name, kind, "arm", asked, bad=asked, ripe_ms=table.ripe_ms or 0)
        return replace(made, higher_is_better=table.better == "higher")
    template = _shipped(table, vocabulary) if table.template else _written(name, table)
    if table.template and table.ripe_ms is not None and not template.ripens:
        raise BadValue(f"{table.template} is known at once; ripe belongs to labels, such as labels.wrong.")
    if (template.kind is GateKind.DRIFT) != bool(table.classes or table.edges):
        raise BadValue(
            f"{table.template} needs classes, or edges where the answer is a number: what answers are told apart by."
            if template.kind is GateKind.DRIFT
            else f"{table.template} tells no answers apart; classes and edges belong to answers.drift."
        )
    if template.ripens and table.ripe_ms is None:
        raise BadValue(f"{table.template} needs ripe: so old is a request when its label counts, such as 6h.")
    return replace(template, ripe_ms=table.ripe_ms or 0, classes=table.classes, edges=table.edges)


def _shipped(table: MetricTable, vocabulary: Vocabulary) -> MetricTemplate:
    return vocabulary.template(table.template or "", table.arm_label, _slo_ms(table))


def _written(name: str, table: MetricTable) -> MetricTemplate:
    if table.class_label is not None:
        total = _selector(table.total or SelectorTable(series="never"))
        return MetricTemplate(
            name, GateKind.DRIFT, table.arm_label or "", total, bad=total, class_label=table.class_label
        )
    if table.sum is not None:
        total, summed = _selector(table.total or SelectorTable(series="never")), _selector(table.sum)
        made = MetricTemplate(name, GateKind.MEAN, table.arm_label or "", total, bad=summed)
        return replace(made, higher_is_better=table.better == "higher")
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
