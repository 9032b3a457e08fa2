"""Recommends a strategy by written rules, with the rule and the runner-up. Pure; a deadline is no input.

The rules are asked in their order and the first that applies decides. The runner-up is what the others would say. Asked
to go faster it answers with the harm that would go unseen, and recommends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rolloutd.core.analysis.first_stage import (
    FIRST_SHARE,
    FIRST_STAGE_H,
    PLAN_H,
    SHADOW_H,
    hours_to_decide,
    shadow_hours,
    smallest_first_share,
)
from rolloutd.core.analysis.situation import Situation, Wrong

LADDER = "1% > 10% > 50% > 100%"
HOURS, WEEKS = "2 to 8 hours", "1 to 2 weeks"


@dataclass(frozen=True, slots=True)
class Answer:
    """One strategy: what it is called, its stages in words, how long it lasts, and the rule that led there."""

    strategy: str
    stages: str
    lasts: str
    rule: str
    because: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer and the runner-up; ``notes`` are what to see to."""

    answer: Answer
    runner_up: Answer
    notes: tuple[str, ...]


def recommend(asked: Situation) -> Recommendation:
    """The first rule that applies, and what the rest would say."""
    found = [answer for rule in RULES if (answer := rule(asked)) is not None]
    best = found[0]
    others = (answer for answer in found[1:] if answer.strategy != best.strategy)
    return Recommendation(best, next(others, _more_careful(asked)), _notes(asked, best))


# ---- the rules, in their order


def _at_once(asked: Situation) -> Answer | None:
    if not asked.at_once:
        return None
    if asked.spare:
        because = "all traffic must switch at once, and two full copies are affordable"
        return Answer("blue-green", "preview 0% > 100%", "1 to 4 hours", "at-once", because)
    because = "all traffic must switch at once, but that needs two full copies, or there is no way back"
    return Answer("none", "make room for a second copy first", "-", "at-once-without-room", because)


def _costly(asked: Situation) -> Answer | None:
    if asked.wrong is Wrong.CHEAP:
        return None
    what = "cannot be undone" if asked.wrong is Wrong.FOR_GOOD else "is costly"
    if asked.spare:
        because = f"a wrong answer {what}: nobody is served by it before copies of the traffic have shown it"
        return Answer("shadow-segments", f"shadow > segment by segment > {LADDER}", WEEKS, "costly", because)
    because = f"a wrong answer {what}, and there is no room for a shadow: those who can bear it come first"
    return Answer("segments", f"internal users > segment by segment > {LADDER}", WEEKS, "costly-without-room", because)


def _major(asked: Situation) -> Answer | None:
    if not asked.major:
        return None
    if asked.spare:
        because = "a new architecture, new features or new labels: what is unknown shows in copies of the traffic first"
        return Answer("shadow-canary", f"shadow > {LADDER}", WEEKS, "major", because)
    because = "a major change, and no room for a shadow: the same stages, each much longer"
    return Answer("slow-canary", LADDER, WEEKS, "major-without-room", because)


def _little_traffic(asked: Situation) -> Answer | None:
    at_first = hours_to_decide(asked, FIRST_SHARE)
    if at_first <= FIRST_STAGE_H:
        return None
    told = f"at {asked.rps:g} requests a second 1% needs {at_first:.3g} h for nine of ten, and has {FIRST_STAGE_H:g}"
    share = smallest_first_share(asked)
    if share is not None:
        ladder = f"{share:.1%} > 10% > 50% > 100%"
        return Answer("larger-first-share", ladder, HOURS, "larger-first-share", f"{told}; {share:.1%} is enough")
    if not asked.spare:
        because = f"{told}; 5% is not enough, and there is no room for a shadow"
        return Answer("slow-canary", "5% > 25% > 100%", WEEKS, "little-traffic-without-room", because)
    hours = shadow_hours(asked)
    if hours > SHADOW_H:
        because = (
            f"{told}; a shadow needs {hours:.3g} h of all traffic: too little to decide by numbers, a person signs"
        )
        return Answer("shadow-sign-off", "shadow > a person's yes > 25% > 100%", WEEKS, "hardly-any-traffic", because)
    because = f"{told}; 5% is not enough, a shadow sees all of it in {hours:.3g} h"
    return Answer("shadow-canary", "shadow > 5% > 25% > 100%", "1 to 3 days", "little-traffic", because)


def _late_labels(asked: Situation) -> Answer | None:
    if asked.label_delay_h <= FIRST_STAGE_H:
        return None
    because = (
        f"labels come after {asked.label_delay_h:g} h, and a first stage of {FIRST_STAGE_H:g} h would be over before: "
        "each stage lasts at least twice as long as a label takes"
    )
    lasts = WEEKS if 8 * asked.label_delay_h > PLAN_H * 3 else "1 to 3 days"
    return Answer("slow-canary", LADDER, lasts, "late-labels", because)


def _standard(_: Situation) -> Answer | None:
    because = "a standard update with enough traffic to decide at 1%"
    return Answer("standard", LADDER, HOURS, "standard", because)


RULES: Sequence[Callable[[Situation], Answer | None]] = (
    _at_once, _costly, _major, _little_traffic, _late_labels, _standard
)  # fmt: skip


def _more_careful(asked: Situation) -> Answer:
    """What to take instead of the standard when something about this update worries somebody."""
    because = "where something about this update worries you"
    if asked.spare:
        return Answer("shadow-canary", f"shadow > {LADDER}", WEEKS, "more-careful", because)
    return Answer("slow-canary", LADDER, WEEKS, "more-careful", because)


def _notes(asked: Situation, best: Answer) -> tuple[str, ...]:
    notes = []
    if asked.label_delay_h > 0:
        notes.append(
            f"Labels come {asked.label_delay_h:g} h late: judge the answers' quality on shadow or a long watch."
        )
    if asked.wrong is Wrong.FOR_GOOD and best.rule != "at-once-without-room":
        notes.append("What cannot be undone wants a person's yes at each stage: approval = true.")
    if not asked.spare:
        notes.append("The champion keeps its full capacity until the end, whatever the strategy.")
    return tuple(notes)
