"""The recommendation's rules over a table of situations with pairs at each boundary; a deadline changes no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rolloutd.core.analysis import recommend as as_json
from rolloutd.core.analysis.first_stage import (
    FIRST_SHARE,
    FIRST_STAGE_H,
    SHADOW_H,
    hours_to_decide,
    shadow_hours,
    unseen_ratio,
)
from rolloutd.core.analysis.recommendation import recommend
from rolloutd.core.analysis.situation import Situation, Wrong
from rolloutd.core.values import BadValue

BUSY = Situation(300.0)
COSTLY = replace(BUSY, wrong=Wrong.COSTLY)
FOR_GOOD = replace(BUSY, wrong=Wrong.FOR_GOOD)
MAJOR = replace(BUSY, major=True)
SWITCH = replace(BUSY, at_once=True)


def least(enough: Callable[[Situation], bool]) -> float:
    """The requests a second from which on a rule no longer holds, for the shipped figures."""
    low, high = 0.01, 1_000.0
    for _ in range(30):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if enough(replace(BUSY, rps=middle)) else (middle, high)
    return high


DECIDES = least(lambda asked: hours_to_decide(asked, FIRST_SHARE) <= FIRST_STAGE_H)
AT_FIVE = least(lambda asked: hours_to_decide(asked, 0.05) <= FIRST_STAGE_H)
HARDLY = least(lambda asked: shadow_hours(asked) <= SHADOW_H)

# situation, strategy, rule, the runner-up's strategy
TABLE = [
    (BUSY, "standard", "standard", "shadow-canary"),
    (replace(BUSY, spare=False), "standard", "standard", "slow-canary"),
    (replace(BUSY, rps=30_000.0), "standard", "standard", "shadow-canary"),
    (replace(BUSY, rps=DECIDES * 1.001), "standard", "standard", "shadow-canary"),
    (replace(BUSY, rps=DECIDES * 0.999), "larger-first-share", "larger-first-share", "standard"),
    (replace(BUSY, rps=DECIDES * 0.999, spare=False), "larger-first-share", "larger-first-share", "standard"),
    (replace(BUSY, rps=AT_FIVE * 1.001), "larger-first-share", "larger-first-share", "standard"),
    (replace(BUSY, rps=AT_FIVE * 0.999), "shadow-canary", "little-traffic", "standard"),
    (replace(BUSY, rps=AT_FIVE * 0.999, spare=False), "slow-canary", "little-traffic-without-room", "standard"),
    (replace(BUSY, rps=1.0), "shadow-canary", "little-traffic", "standard"),
    (replace(BUSY, rps=1.0, spare=False), "slow-canary", "little-traffic-without-room", "standard"),
    (replace(BUSY, rps=HARDLY * 1.001), "shadow-canary", "little-traffic", "standard"),
    (replace(BUSY, rps=HARDLY * 0.999), "shadow-sign-off", "hardly-any-traffic", "standard"),
    (replace(BUSY, rps=HARDLY * 0.999, spare=False), "slow-canary", "little-traffic-without-room", "standard"),
    (replace(BUSY, rps=40.0), "larger-first-share", "larger-first-share", "standard"),
    (replace(BUSY, rps=40.0, champion_errors=0.05), "standard", "standard", "shadow-canary"),
    (replace(BUSY, champion_errors=0.0005), "larger-first-share", "larger-first-share", "standard"),
    (replace(BUSY, champion_errors=0.0001), "shadow-canary", "little-traffic", "standard"),
    (replace(BUSY, rps=40.0, accept=2.0), "standard", "standard", "shadow-canary"),
    (replace(BUSY, accept=1.05), "shadow-canary", "little-traffic", "standard"),
    (replace(BUSY, label_delay_h=FIRST_STAGE_H), "standard", "standard", "shadow-canary"),
    (replace(BUSY, label_delay_h=FIRST_STAGE_H + 0.01), "slow-canary", "late-labels", "standard"),
    (replace(BUSY, label_delay_h=24.0), "slow-canary", "late-labels", "standard"),
    (replace(BUSY, label_delay_h=24.0, spare=False), "slow-canary", "late-labels", "standard"),
    (replace(BUSY, label_delay_h=24.0, rps=1.0), "shadow-canary", "little-traffic", "slow-canary"),
    (COSTLY, "shadow-segments", "costly", "standard"),
    (replace(COSTLY, spare=False), "segments", "costly-without-room", "standard"),
    (replace(COSTLY, rps=1.0), "shadow-segments", "costly", "shadow-canary"),
    (replace(COSTLY, rps=1.0, spare=False), "segments", "costly-without-room", "slow-canary"),
    (replace(COSTLY, major=True), "shadow-segments", "costly", "shadow-canary"),
    (replace(COSTLY, label_delay_h=24.0), "shadow-segments", "costly", "slow-canary"),
    (FOR_GOOD, "shadow-segments", "costly", "standard"),
    (replace(FOR_GOOD, spare=False), "segments", "costly-without-room", "standard"),
    (replace(FOR_GOOD, major=True, spare=False), "segments", "costly-without-room", "slow-canary"),
    (MAJOR, "shadow-canary", "major", "standard"),
    (replace(MAJOR, spare=False), "slow-canary", "major-without-room", "standard"),
    (replace(MAJOR, rps=40.0), "shadow-canary", "major", "larger-first-share"),
    (replace(MAJOR, rps=1.0), "shadow-canary", "major", "standard"),
    (replace(MAJOR, label_delay_h=24.0), "shadow-canary", "major", "slow-canary"),
    (SWITCH, "blue-green", "at-once", "standard"),
    (replace(SWITCH, spare=False), "none", "at-once-without-room", "standard"),
    (replace(SWITCH, major=True), "blue-green", "at-once", "shadow-canary"),
    (replace(SWITCH, wrong=Wrong.COSTLY), "blue-green", "at-once", "shadow-segments"),
    (replace(SWITCH, rps=1.0), "blue-green", "at-once", "shadow-canary"),
    (replace(SWITCH, rps=1.0, spare=False), "none", "at-once-without-room", "slow-canary"),
]


@pytest.mark.parametrize(("asked", "strategy", "rule", "runner_up"), TABLE)
def test_each_situation_has_its_documented_answer(asked: Situation, strategy: str, rule: str, runner_up: str) -> None:
    """The rule and the runner-up are told with it, and the runner-up is another strategy."""
    found = recommend(asked)
    assert (found.answer.strategy, found.answer.rule, found.runner_up.strategy) == (strategy, rule, runner_up)
    assert found.answer.because
    assert found.answer.strategy != found.runner_up.strategy


def test_the_table_is_large_enough_and_its_boundaries_are_those_of_the_planning_page() -> None:
    """More than forty; 65 requests a second is where docs/planning.md says that 1% decides in three hours."""
    assert len(TABLE) >= 40
    assert 55 < DECIDES < 75
    assert HARDLY < 1 < AT_FIVE < DECIDES


def test_the_page_tells_each_rule() -> None:
    """docs/strategies.md has a row for every rule that the table comes to."""
    page = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()
    for rule in {row[2] for row in TABLE}:
        assert f"| {rule} |" in page, rule


def test_durations_are_hours_for_a_standard_update_and_weeks_for_a_major_one() -> None:
    """As the standard of the house says."""
    assert recommend(BUSY).answer.lasts == "2 to 8 hours"
    for careful in (MAJOR, COSTLY, FOR_GOOD):
        assert recommend(careful).answer.lasts == "1 to 2 weeks"


def test_faster_changes_no_answer_and_says_what_goes_unseen() -> None:
    """In a shorter time only larger harm is seen; in no time any goes unseen."""
    three, one = unseen_ratio(BUSY, 3.0), unseen_ratio(BUSY, 1.0)
    assert three is not None
    assert one is not None
    assert 1 < three < one
    assert unseen_ratio(BUSY, 0.0001) is None
    given = {"rps": 300.0, "wrong": "cheap"}
    slow, fast = as_json(given), as_json(given, 1.0)
    assert fast["faster"] == {"hours": 1.0, "unseen_ratio": one}
    assert {**fast, "faster": None} == slow


def test_what_is_no_situation_is_refused() -> None:
    """With a sentence."""
    for bad in ({"rps": 0.0}, {"champion_errors": 0.0}, {"accept": 1.0}, {"label_delay_h": -1.0}):
        with pytest.raises(BadValue):
            replace(BUSY, **bad)  # type: ignore[arg-type]
