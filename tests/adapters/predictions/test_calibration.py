"""Calibration from real log files: squared errors of probabilities and late labels, and what has none is no data."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from rollout_adapters.metrics.templates import make_template
from rolloutd.core.evidence import GateEvidence
from rolloutd.core.metrics import BlindReason, Unreadable
from rolloutd.core.plan import Gate, Plan, Stage, Timing
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share
from rolloutd.core.verdict import Verdict
from tests.adapters.predictions.test_labels import RIPE_MS, Log

TEMPLATE = replace(make_template("labels.brier"), ripe_ms=5_000)
GATE = Gate("brier", "answers", TEMPLATE, 4_000, 1_000, Margin.ratio(1.0), Margin.ratio(1.05))
HOUR_MS = 3_600_000
PLAN = Plan("short", (Stage("half", Share(5_000), 0, HOUR_MS),), (GATE,), Timing(tick_ms=1_000, warm_up_ms=0))


async def test_squared_errors_are_summed_once_they_are_ripe(tmp_path: Path) -> None:
    """(0.8 - 1)^2 + (0.8 - 0)^2 of the one arm, a sure right and a sure wrong answer of the other."""
    log = Log(tmp_path / "log")
    await log.ask("labels.brier")
    log.answers("a", "r1", "r2", output=0.8)
    log.answers("b", "r3", "r4", output=1)
    log.labels(1, "r1", "r3")
    log.labels(0, "r2", "r4")
    assert await log.figures("labels.brier") == {"a": (0, 0), "b": (0, 0)}
    log.wait(RIPE_MS)
    figures = await log.figures("labels.brier")
    assert figures == {"a": (2, pytest.approx(0.68)), "b": (2, 1.0)}
    assert (await log.figures())["a"][0] == 2  # beside it both are counted as right or wrong, too
    await log.source.close()


@pytest.mark.parametrize(
    ("output", "label", "why"),
    [
        ("0.8", 1, "the answer is no number"),
        ([0.2, 0.8], 1, "the answer is no number"),
        (None, 1, "the answer is no number"),
        (1.5, 1, "the answer 1.5 lies outside of 0 to 1"),
        (0.8, 0.5, "the label 0.5 is neither 0 nor 1"),
        (0.8, "yes", "the label is no number"),
        (0.8, True, "the label is no number"),
    ],
)
async def test_what_is_no_probability_is_blindness_and_never_guessed(
    tmp_path: Path, output: object, label: object, why: str
) -> None:
    """I3: one among the last labelled answers is enough, until 200 good ones have come after it."""
    log = Log(tmp_path / "log")
    await log.ask("labels.brier")
    log.answers("b", "good", output=0.8)
    log.answers("b", "odd", output=output)
    log.labels(1, "good")
    log.labels(label, "odd")
    await log.ask("labels.brier")
    log.wait(RIPE_MS)
    reading = (await log.ask("labels.brier"))["b"]
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.BAD_ANSWER
    assert reading.detail == f"of b's last 2 labelled answers 1 are no probability of 0 or 1: {why}"
    more = [f"s{n}" for n in range(200)]
    log.answers("b", *more, output=0.8)
    log.labels(1, *more)
    await log.ask("labels.brier")
    log.wait(RIPE_MS)
    assert (await log.figures("labels.brier"))["b"][0] == 201
    await log.source.close()


async def _rolled(tmp_path: Path, shift: float, seed: int) -> tuple[GateEvidence, Verdict]:
    """Two minutes of a real log: the champion says the true probability, the challenger it and ``shift``."""
    log, chance = Log(tmp_path / f"log{seed}"), random.Random(seed)
    known, verdict = GateEvidence.start(PLAN, GATE), Verdict.BLIND
    for tick in range(120):
        for arm, off in (("a", 0.0), ("b", shift)):
            for number in range(40):
                true, one = chance.random() * (1.0 - shift), f"{arm}{tick}-{number}"
                log.answers(arm, one, output=true + off)
                log.labels(int(chance.random() < true), one)
        known, verdict = await log.judged(PLAN, known, tick)
        if verdict is Verdict.FAIL:
            break
    await log.source.close()
    return known, verdict


async def test_a_challenger_of_the_same_ranking_that_is_too_sure_is_caught(tmp_path: Path) -> None:
    """Every probability is 0.2 too high, in the same order: AUC and order are the champion's, and Brier is not."""
    known, verdict = await _rolled(tmp_path, shift=0.2, seed=1)
    assert verdict is Verdict.FAIL
    assert known.averages is not None
    assert known.averages.words.startswith("challenger 0.")


async def test_a_challenger_that_is_as_well_calibrated_is_not_blamed(tmp_path: Path) -> None:
    """Over twelve chances none is taken back; alpha is .01."""
    verdicts = [(await _rolled(tmp_path, shift=0.0, seed=seed))[1] for seed in range(12)]
    assert Verdict.FAIL not in verdicts
    assert Verdict.BLIND not in verdicts
