"""Turns the text of a metrics page into the few samples that are asked for; it fetches nothing and forgives nothing.

Text pages are filtered first and only the wanted lines are read, because a proxy's page holds thousands of others.
Plain lines take a short cut that tests hold equal to ``prometheus_client``; all others go through that parser itself.
Names are those on the wire: the parser takes ``_total`` off a family and puts it onto counters that never had it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.samples import Sample as ParsedSample

from rollout_adapters.metrics.series import Blind
from rolloutd.core.metrics import BlindReason

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
LINES_MAX = 20_000
_LABEL = r'(?!__)[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"'
_PLAIN = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{((?:{_LABEL}(?:,{_LABEL})*,?)?)\}})? ([0-9.eE+-]{{1,32}})(?: (-?[0-9]{{1,18}}))?"
)
_LABELS = re.compile(r'([a-zA-Z0-9_]+)="([^"]*)"')
# A line that begins as no sample does, or is a single word without a value. (Like the patterns below it begins with a
# line feed and never backs off, which is several times faster than looking for line starts.)
_FOREIGN = re.compile(r"\n[^\S\n]*+(?:[^a-zA-Z_:{#\s]|[^\s#}]++[^\S\n]*+(?:\n|\Z))")
_SUFFIX = re.compile(r"_(?:total|created|bucket|count|sum|gcount|gsum|info)$")

# What the parsers raise for a faulty page; AttributeError where times of two kinds are compared.
_FAULTY = (ValueError, KeyError, IndexError, OverflowError, AttributeError, TypeError)

# name, labels, value, time of the sample in seconds where the page gives one
Line = tuple[str, dict[str, str], float, float | None]


def read_page(body: bytes, content_type: str, names: frozenset[str]) -> list[Line]:
    """The samples called ``names``. Raises Blind for what is no metrics page, is cut short, or is too much."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", "text/plain", "application/openmetrics-text"):
        raise Blind(BlindReason.BAD_ANSWER, f"the answer is {kind!a}, not a metrics page")
    try:
        text = body.decode()
        if kind == "application/openmetrics-text":
            return list(_openmetrics(text, names))
        return list(_text(text, names))
    except _FAULTY as error:
        # The OpenMetrics parser refuses a counter that is no number; the text parser hands it over.
        reason = BlindReason.NOT_A_NUMBER if "cannot be NaN" in str(error) else BlindReason.BAD_ANSWER
        raise Blind(reason, f"the metrics page cannot be read: {str(error)[:200]}") from None


def _text(text: str, names: frozenset[str]) -> Iterator[Line]:
    if text and not text.endswith("\n"):
        raise ValueError("its last line has no end, so it was cut short")
    text = "\n" + text
    foreign = _FOREIGN.search(text)
    if foreign:
        raise ValueError(f"line {text.count(chr(10), 0, foreign.start()) + 1} is neither a comment nor a sample")
    for line in _bounded(_wanted_lines(names).findall(text)):
        yield from _line(line.strip(), names)


def _line(line: str, names: Collection[str]) -> Iterator[Line]:
    plain = _PLAIN.fullmatch(line)
    if plain:
        name, labels_text, value, millis = plain.groups()
        pairs = _LABELS.findall(labels_text or "")
        labels = dict(pairs)
        if len(labels) == len(pairs):
            yield name, labels, float(value), None if millis is None else int(millis) / 1000
            return
    for family in read_text(line + "\n"):
        yield from (_parsed(sample) for sample in family.samples if sample.name in names)


def _openmetrics(text: str, names: frozenset[str]) -> Iterator[Line]:
    if not text.endswith(("# EOF\n", "# EOF")):
        raise ValueError("it does not end with # EOF, so it was cut short")
    families = frozenset(_SUFFIX.sub("", name) for name in names) | names
    lines = _bounded(_family_lines(families).findall("\n" + text))
    for family in read_openmetrics("".join([*lines, "\n# EOF\n"]).removeprefix("\n")):
        yield from (_parsed(sample) for sample in family.samples if sample.name in names)


def _parsed(sample: ParsedSample) -> Line:
    at_s = None if sample.timestamp is None else float(sample.timestamp)
    return sample.name, dict(sample.labels), float(sample.value), at_s


def _bounded(lines: list[str]) -> list[str]:
    if len(lines) > LINES_MAX:
        detail = f"the page has {len(lines)} samples of the metric, at most {LINES_MAX} are read"
        raise Blind(BlindReason.TOO_MANY_SERIES, detail)
    return lines


@lru_cache(maxsize=64)
def _wanted_lines(names: frozenset[str]) -> re.Pattern[str]:
    """Lines of these samples; a line that begins with a brace may hold the name inside it."""
    either = "|".join(map(re.escape, sorted(names)))
    return re.compile(rf"\n[^\S\n]*+(?:(?:{either})(?=[\s{{])|\{{)[^\n]*+")


@lru_cache(maxsize=64)
def _family_lines(families: frozenset[str]) -> re.Pattern[str]:
    """All lines of these families, because the OpenMetrics parser checks each family as a whole."""
    either = "|".join(map(re.escape, sorted(families)))
    suffix = _SUFFIX.pattern.removesuffix("$")
    return re.compile(rf"\n(?:# (?:TYPE|HELP|UNIT) (?:{either}) |(?:{either})(?:{suffix})?[{{ ])[^\n]*+")
