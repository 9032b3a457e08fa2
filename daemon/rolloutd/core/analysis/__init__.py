"""Judges counts that somebody brings, with the arithmetic of the daemon's gates; it must not know rollouts or traffic.

`analyze` and `forecast` take one JSON object and give one. Raises BadField, whose key says what cannot be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any  # what a client gives, judged when it is made a situation

from rolloutd.core.analysis import counts, distributions, outlook, question, values
from rolloutd.core.analysis.fields import BadField, Fields
from rolloutd.core.analysis.recommending import recommendation
from rolloutd.core.analysis.situation import Situation, Wrong
from rolloutd.core.values import BadValue as BadSituation

__all__ = ["KINDS", "BadField", "BadSituation", "analyze", "forecast", "recommend"]

KINDS: dict[str, tuple[tuple[str, ...], Callable[[Fields], dict[str, object]]]] = {
    "proportion": (question.KEYS, counts.analyze),
    "count": (question.KEYS, counts.analyze),
    "latency": (distributions.LATENCY_KEYS, distributions.latency),
    "mean": (values.MEAN_KEYS, values.mean),
    "paired": (values.PAIRED_KEYS, values.pairs),
    "drift": (distributions.DRIFT_KEYS, distributions.drifted),
    "descriptors": (("kind", "p", "q"), distributions.descriptors),
    "combine": (values.COMBINE_KEYS, values.combined),
}


def analyze(asked: object) -> dict[str, object]:
    """Judge the counts of one question."""
    kind = _kind(asked)
    keys, judge = KINDS[kind]
    return _held(judge, Fields(asked, "", keys))


def forecast(asked: object) -> dict[str, object]:
    """Say how much traffic verdicts will take."""
    return _held(outlook.forecast, Fields(asked, "", outlook.KEYS))


def recommend(given: Mapping[str, Any], faster_h: float | None = None) -> dict[str, object]:
    """Recommend a strategy for a situation, by the names of Situation. Raises BadSituation with a sentence."""
    return recommendation(Situation(**{**given, "wrong": Wrong(given["wrong"])}), faster_h)


def _kind(asked: object) -> str:
    kind = asked.get("kind") if isinstance(asked, Mapping) else None
    if isinstance(kind, str) and kind in KINDS:
        return kind
    every = tuple(dict.fromkeys(("kind", *(key for keys, _ in KINDS.values() for key in keys))))
    return Fields(asked, "", every).word("kind", tuple(KINDS))


def _held(judge: Callable[[Fields], dict[str, object]], fields: Fields) -> dict[str, object]:
    """The answer; numbers that pass every check and still leave the range of arithmetic are the question's fault."""
    try:
        found = judge(fields)
    except BadField:
        raise
    except (ArithmeticError, ValueError) as error:
        message = f"These numbers cannot be calculated with ({error}). Bring them closer to what traffic really is."
        raise BadField("the whole", message) from error
    if not _is_finite(found):
        raise BadField("the whole", "These numbers lead out of range. Bring them closer to what traffic really is.")
    return found


def _is_finite(value: object) -> bool:
    """Whether JSON can hold every number in it."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return all(_is_finite(inner) for inner in value.values())
    return all(_is_finite(inner) for inner in value) if isinstance(value, list | tuple) else True
