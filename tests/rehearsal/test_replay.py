"""A replay of a rollout's own counts by its own plan is that rollout again, to the tick and to the bit."""

from __future__ import annotations

import json

import pytest

from rolloutd.core.values import Instant
from rolloutd.rehearsal.drive import Drive
from rolloutd.rehearsal.plan_file import Unusable
from rolloutd.rehearsal.replayed import replay
from rolloutd.rehearsal.runs import moments
from rolloutd.rehearsal.ticks_file import Counts, read_ticks
from rolloutd.rehearsal.traffic import ArmRates, Assumed, Users
from tests.rehearsal.plans import gate, spec

BEGAN = Instant(5_000_000, 1_700_000_000_000)


def recorded(challenger: float, minutes: int = 90) -> tuple[Drive, list[Counts]]:
    """A rehearsed rollout, and what its gate's evidence counted at each tick, as the evidence store keeps it."""
    plan = spec(min_minutes=10)
    drive, users, ticks = Drive(plan, BEGAN), Users(Assumed(300, {"errors": ArmRates(0.01, challenger)}), "1"), []
    before = 0
    for now_ms, metrics, _ in moments(plan.plan):
        users.serve(drive.share.fraction, before, now_ms, now_ms)
        before, at = now_ms, BEGAN.plus_ms(now_ms)
        for metric in metrics:
            drive.answer(metric, users.answer(metric, plan.plan.gates[0].template, at.wall_ms), at)
            last = drive.lane.evidence[metric].last
            counts = (last.champion_n, last.champion_bad, last.challenger_n, last.challenger_bad)
            ticks.append(Counts(at.clock_ms, metric, *counts))
        drive.tick(at)
        if not drive.lane.rollout.live or now_ms > minutes * 60_000:
            return drive, ticks
    raise AssertionError("a plan has an end")


@pytest.mark.parametrize("challenger", [0.01, 0.04])
def test_the_same_plan_does_the_same_again(challenger: float) -> None:
    """Every event at its moment, and the evidence bit-equal (promoted, and taken back)."""
    drive, ticks = recorded(challenger)
    told = replay(spec(min_minutes=10), ticks, BEGAN, own_plan=True)
    before = [(row.at.clock_ms - BEGAN.clock_ms, type(row.event).__name__) for row in drive.recorded]
    assert [(round(event["at_s"] * 1000), event["kind"]) for event in told["events"]] == before
    known = drive.lane.evidence["errors"]
    assert (told["gates"]["errors"]["log_e_harm"], told["gates"]["errors"]["log_e_safe"]) == (
        known.harm.log_e,
        known.safe.log_e,
    )
    assert told["outcome"] == ("promotion" if challenger == 0.01 else "rollback")


def test_another_plan_on_the_same_counts_decides_by_its_own_margins() -> None:
    """A wider accept margin goes up sooner; another share than the recorded one is not held against the counts."""
    _, ticks = recorded(0.01)
    large = replay(spec((2_000, 9_900), min_minutes=10), ticks, BEGAN)
    assert "RolloutHeld" not in [event["kind"] for event in large["events"]]
    wide = replay(spec(min_minutes=5, gates=(gate(accept=3.0),)), ticks, BEGAN)
    own = replay(spec(min_minutes=10), ticks, BEGAN)
    assert _second_stage(wide) < _second_stage(own)


def _second_stage(told: dict) -> float:  # type: ignore[type-arg]
    return float([event["at_s"] for event in told["events"] if event["kind"] == "StageEntered"][1])


def test_ticks_without_data_are_blind_and_a_gap_is_too() -> None:
    """No data is neither zero nor a pass: the plan recedes, as it would have (I7)."""
    _, ticks = recorded(0.01, minutes=2)
    last = ticks[-1].at_ms
    dark = [Counts(last + 10_000 * k, "errors", 0, 0, 0, 0, "target down") for k in range(1, 30)]
    told = replay(spec(min_minutes=10), [*ticks, *dark], BEGAN)
    assert "BlindnessBegan" in [event["kind"] for event in told["events"]]
    assert told["share"] == 0.0
    silence = replay(spec(min_minutes=10), [*ticks, Counts(last + 600_000, "errors", 100, 1, 10, 0)], BEGAN)
    assert "BlindnessBegan" in [event["kind"] for event in silence["events"]]
    assert silence["share"] == 0.0


def test_csv_and_json_lines_mean_the_same() -> None:
    """With and without times, with notes; the first tick of a file counts."""
    plan = spec().plan
    rows = [(10 * k, 900, 9, 100, 1) for k in range(1, 40)]
    head = "time_s,champion_n,champion_bad,challenger_n,challenger_bad,note\n"
    text = head + "\n".join(",".join(map(str, row)) + "," for row in rows) + "\n400,,,,,scrape failed\n"
    lines = [
        {"metric": "errors", "champion_n": a, "champion_bad": b, "challenger_n": c, "challenger_bad": d}
        for _, a, b, c, d in rows
    ]
    as_lines = "\n".join(json.dumps(row) for row in [*lines, {"metric": "errors", "note": "scrape failed"}])
    ticks = read_ticks(text, "ticks.csv", plan)
    assert ticks == read_ticks(as_lines, "ticks.jsonl", plan)
    told = replay(spec(min_minutes=30), ticks[:-1])
    assert told["gates"]["errors"]["champion"] == [9 * 39, 900 * 39]
    assert told["gates"]["errors"]["challenger"] == [39, 3_900]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no ticks"),
        ("time_s,champion_n\n10,x\n", "line 2: champion_n"),
        ("tims_s,champion_n\n10,1\n", "unknown key 'tims_s'"),
        ('{"metric": "slow"}\n', "line 1 names no metric"),
        ('{"metric": ["errors"]}', "line 1 names no metric"),
        ('{"metric": ' + "[" * 100_000, "line 1 is not JSON"),
        ('{"champion_n": 5, "champion_bad": 6, "challenger_n": 1, "challenger_bad": 0}', "more bad requests"),
        ('{"champion_n": 5.5, "champion_bad": 1, "challenger_n": 1, "challenger_bad": 0}', "whole number"),
        ("{", "line 1 is not JSON"),
        ('{"time_s": 20, "note": "x"}\n{"time_s": 10, "note": "x"}', "not later"),
    ],
)
def test_what_is_no_tick_is_refused_with_its_line(text: str, words: str) -> None:
    """Nothing of a file with a fault is used."""
    with pytest.raises(Unusable, match=words):
        read_ticks(text, "ticks", spec().plan)
