"""Writes the two queries a Prometheus is asked, from configuration alone; it sends nothing.

One range selector fetches total and part together: within one selector Prometheus shows a scrape wholly or not at all,
so both are of the same moment, and each raw value comes with the true time of its sample. (An instant answer carries
the evaluation's time; ``timestamp()`` would be a second look, and drops the names that tell total from part.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rollout_adapters.metrics.series import names_of, quote
from rolloutd.core.metrics import LabelMatch, MatchKind, MetricTemplate, Selector

# Proxies before a Prometheus commonly take 8 KiB of address, and quoting can triple a text.
ARMS_TEXT_MAX = 2_000
# What RE2 reads as more than itself. Python's own re.escape also escapes blanks and the like, which RE2 refuses.
_RE2_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "\\.+*?()|[]{}^$"})


def either(values: Iterable[str]) -> str:
    """A regular expression (RE2) for exactly these values."""
    return "|".join(value.translate(_RE2_ESCAPES) for value in sorted(values))


def batches(arm_values: Iterable[str]) -> Iterator[list[str]]:
    """The arms in groups that fit into one query's address."""
    group: list[str] = []
    for arm in sorted(arm_values):
        if group and len(either([*group, arm])) > ARMS_TEXT_MAX:
            yield group
            group = []
        group.append(arm)
    if group:
        yield group


def samples_query(template: MetricTemplate, arm_values: Collection[str], window_ms: int) -> str:
    """Raw samples of the last ``window_ms`` of every series that could be total or part of these arms.

    It may fetch more than is wanted (the exact choice follows when the answer is there), never less.
    """
    names = sorted(names_of(template))
    name, conditions = (names[0], []) if len(names) == 1 else ("", [f"__name__=~{quote(either(names))}"])
    conditions.append(f"{template.arm_label}=~{quote(either(arm_values))}")
    selectors = [selector for selector in (template.total, template.bad, template.good) if selector]
    conditions += _common(selectors)
    return f"{name}{{{','.join(conditions)}}}[{window_ms}ms]"


def _common(selectors: list[Selector]) -> Iterator[str]:
    """Conditions that all selectors share, and the wanted bucket of a histogram whose count has no ``le``."""
    first, *others = selectors
    for match in first.match:
        if all(match in other.match for other in others):
            yield f"{match.label}{match.kind.value}{quote(match.value)}"
    bounds = [_bounds(selector) for selector in selectors]
    if any(bounds) and all(bound is not None for bound in bounds):
        yield f"le=~{quote('|'.join(['', *filter(None, bounds)]))}"


def _bounds(selector: Selector) -> str | None:
    """The regular expression for the wanted ``le``; empty where the series has none, None where any could be wanted."""
    if not selector.series.endswith("_bucket"):
        return "" if selector.series.endswith("_count") else None
    wanted = [match for match in selector.match if match.label == "le" and match.kind is not MatchKind.NOT_EQUAL]
    return f"(?:{_pattern(wanted[0])})" if wanted else None


def _pattern(match: LabelMatch) -> str:
    return either([match.value]) if match.kind is MatchKind.EQUAL else match.value


def down_query(arm_label: str, arm_values: Collection[str], jobs: Collection[str]) -> str:
    """The targets that Prometheus could not scrape last time: those of these jobs, and those labelled as these arms."""
    labelled = f"up{{{arm_label}=~{quote(either(arm_values))}}} == 0"
    return f"up{{job=~{quote(either(jobs))}}} == 0 or {labelled}" if jobs else labelled
