"""Judges proportions and events from counts of both arms, tick by tick; it must not decide what a rollout does then."""

from __future__ import annotations

from rolloutd.core.analysis.answer import Course, answer
from rolloutd.core.analysis.fields import Fields
from rolloutd.core.analysis.question import Question, read
from rolloutd.core.analysis.sides import Betting, Shipped, Side, harm_of, limit_of, safe_of
from rolloutd.core.stats.increment import AnyTick, Increment, merged
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.range import difference_range, ratio_range


def analyze(fields: Fields) -> dict[str, object]:
    """The answer to a question of kind proportion or count."""
    question = read(fields)
    harm, safe, limit = harm_of(question), safe_of(question), limit_of(question)
    course = Course(fields, question.kind, question.method)
    phi = 1.0
    for number, tick in enumerate(question.ticks, 1):
        started = number in question.starts
        parts: dict[str, object] = {"tick": number}
        for name, side in (("harm", harm), ("safe", safe), ("limit", limit)):
            if side is not None:
                parts[name] = side.observe(tick, started)
        course.add(_log_e(harm), _log_e(safe), _log_e(limit), parts)
        phi = harm.phi if isinstance(harm, Shipped) else phi
    told: dict[str, object] = {
        "harm": _as_json(question.harm),
        "accept": _as_json(question.accept),
    }
    if isinstance(harm, Betting):
        told["ratios"] = list(harm.bettor.ratios) if question.pinned is None else None
    return answer(course, {**told, **_range(question, course.alpha, phi)})


def _range(question: Question, alpha: float, phi: float) -> dict[str, object]:
    """Where the truth may lie, valid at all looks; one group of ticks a stage."""
    groups: list[AnyTick] = []
    for number, tick in enumerate(question.ticks, 1):
        if not groups or number in question.starts:
            groups.append(tick.counts)
        else:
            groups[-1] = merged(groups[-1], tick.counts)
    if question.harm.shift:
        whole = [group for group in groups if isinstance(group, Increment)]
        found = difference_range(whole, alpha, phi) if whole else None
        return {"range": found and list(found), "range_of": "difference"}
    found = ratio_range(groups, alpha, phi)
    return {"range": found and list(found), "range_of": "ratio"}


def _log_e(side: Side | None) -> float | None:
    return None if side is None else side.log_e


def _as_json(margin: Margin | None) -> dict[str, float] | None:
    if margin is None:
        return None
    return {"difference": margin.shift} if margin.shift else {"ratio": margin.factor}
