"""AUC from real log files: each answer is in one pair of a positive and a negative, and the wrong order is counted."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_adapters.metrics.templates import make_template
from rollout_adapters.predictions.ordering import LONELY_MOST, OrderBook
from rolloutd.core.evidence import GateEvidence, absorb
from rolloutd.core.metrics import BlindReason, Counted, Question, Unreadable
from rolloutd.core.plan import Gate, Plan, Stage, Timing
from rolloutd.core.setting import Setting
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import Share
from rolloutd.core.verdict import Verdict, judge
from tests.adapters.predictions.test_labels import ARMS, RIPE_MS, Log

NAME = "labels.misordered"
STRETCH_MS = 2_000  # of the log's source: half of its max_age
TEMPLATE = replace(make_template(NAME), ripe_ms=5_000)
GATE = Gate("order", "answers", TEMPLATE, 4_000, 1_000, Margin.ratio(1.0), Margin.ratio(1.5))
HOUR_MS = 3_600_000
PLAN = Plan("short", (Stage("half", Share(5_000), 0, HOUR_MS),), (GATE,), Timing(tick_ms=1_000, warm_up_ms=0))


async def _asked(tmp_path: Path, name: str = "log", **options: object) -> Log:
    """A log that was asked once, so that it is followed."""
    log = Log(tmp_path / name, **options)
    await log.ask(NAME)
    return log


async def test_each_answer_is_in_one_pair_once_its_stretch_is_ripe(tmp_path: Path) -> None:
    """I3: two pairs of which one is in the wrong order; the third negative is left over and in none, also later."""
    log = await _asked(tmp_path)
    log.answers("b", "up", output=0.9)
    log.answers("b", "down", output=-7)
    log.answers("b", "n1", "n2", "n3", output=0.2)
    log.labels(1, "up", "down")
    log.labels(0, "n1", "n2", "n3")
    await log.ask(NAME)
    log.wait(RIPE_MS - 1)
    assert await log.figures(NAME) == {"b": (0, 0)}
    log.wait(STRETCH_MS)
    assert await log.figures(NAME) == {"b": (2, 1)}
    log.answers("b", "later", output=0.1)
    log.labels(1, "later")
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    assert await log.figures(NAME) == {"b": (2, 1)}
    assert (await log.figures())["b"][0] == 6  # beside it all are counted as right or wrong, too
    await log.source.close()


async def test_after_a_restart_no_answer_counts_again(tmp_path: Path) -> None:
    """I3: between a stretch's answers and their pairs the process ends; the next one counts what came to it alone."""
    log = await _asked(tmp_path)
    log.answers("b", "p1", "p2", output=0.9)
    log.answers("b", "n1", output=0.1)
    log.labels(1, "p1", "p2")
    log.labels(0, "n1")
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    before = (await log.ask(NAME))["b"]
    assert not isinstance(before, Unreadable)
    assert before.total[0].value == 1
    await log.source.close()
    again = await _asked(tmp_path)
    again.clock.at_ms = log.clock.at_ms
    again.answers("b", "n2", output=0.1)
    again.labels(0, "n2")
    await again.ask(NAME)
    again.wait(RIPE_MS + STRETCH_MS)
    after = (await again.ask(NAME))["b"]
    assert not isinstance(after, Unreadable)
    assert after.total[0].value == 0  # p2 was left over before the restart, and has no pair here
    assert before.total[0].series != after.total[0].series  # so the core takes it for a new beginning
    await again.source.close()


@pytest.mark.parametrize(
    ("output", "label", "why"),
    [
        (None, 1, "the answer is no number"),
        ("0.8", 1, "the answer is no number"),
        ([0.2, 0.8], 1, "the answer is no number"),
        (0.8, 0.5, "the label 0.5 is neither 0 nor 1"),
        (0.8, True, "the label is no number"),
    ],
)
async def test_what_has_no_score_is_in_no_pair_and_blinds(
    tmp_path: Path, output: object, label: object, why: str
) -> None:
    """I3: nothing is guessed; it sees again after 200 answers that have one."""
    log = await _asked(tmp_path)
    log.answers("b", "good", output=0.8)
    log.answers("b", "odd", output=output)
    log.labels(0, "good")
    log.labels(label, "odd")
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    reading = (await log.ask(NAME))["b"]
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.BAD_ANSWER
    assert reading.detail == f"of b's last 2 labelled answers 1 are no score of 0 or 1: {why}"
    more = [f"s{n}" for n in range(200)]
    log.answers("b", *more, output=0.8)
    log.labels(1, *more)
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    assert await log.figures(NAME) == {"b": (0, 0)}  # the good one had nobody in its stretch
    await log.source.close()


@pytest.mark.parametrize(("label", "other"), [(0, 1), (1, 0)])
async def test_labels_of_one_kind_alone_are_no_data(tmp_path: Path, label: int, other: int) -> None:
    """I3: first no pair, which is COLLECTING; after a thousand of them BLIND, until there is a pair again."""
    log = await _asked(tmp_path)
    ids = [f"r{n}" for n in range(LONELY_MOST)]
    log.answers("b", *ids[1:], output=0.5)
    log.labels(label, *ids)
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    log.answers("b", ids[0], output=0.5)
    assert await log.figures(NAME) == {"b": (0, 0)}
    log.wait(RIPE_MS + STRETCH_MS)
    reading = (await log.ask(NAME))["b"]
    assert isinstance(reading, Unreadable)
    assert reading.reason is BlindReason.PARTIAL
    assert reading.detail == (
        f"b's last 1000 labelled answers made no pair of a 0 and a 1: none of them has the label {other}"
    )
    log.answers("b", "one", output=0.5)
    log.answers("b", "two", output=0.5)
    log.labels(0, "one")
    log.labels(1, "two")
    await log.ask(NAME)
    log.wait(RIPE_MS + STRETCH_MS)
    assert (await log.figures(NAME))["b"][0] == 1
    await log.source.close()


def test_answers_that_never_meet_are_told_with_the_stretch() -> None:
    """One answer a stretch makes no pair, whichever label it has: the sentence names what to lengthen."""
    book = OrderBook(10_000, 100)
    for number in range(LONELY_MOST):
        assert book.add("b", f"r{number}", 0.5, 10_000 * number, positive=number % 2 == 0)
        book.close(10_000 * number)
    book.close(10_000 * LONELY_MOST)
    assert book.lacking("b") == (
        "b's last 1000 labelled answers made no pair of a 0 and a 1: none came within the same 10 s (scrape_interval)"
    )
    assert book.counts("b").pairs == 0


async def test_what_is_held_is_bounded_and_too_much_is_said(tmp_path: Path) -> None:
    """I12, I3: a stretch of more answers than may wait makes its arm blind."""
    log = await _asked(tmp_path, most_waiting=1_000, max_age="4m")  # stretches of two minutes
    for batch in range(2):
        ids = [f"r{batch}-{n}" for n in range(700)]
        log.answers("b", *ids, output=0.5)
        log.labels(0, *ids)
        await log.ask(NAME, ripe_ms=1_000)
        log.wait(1_000)
    reading = (await log.ask(NAME, ripe_ms=1_000))["b"]
    assert isinstance(reading, Unreadable)
    assert (reading.reason, "most_waiting" in reading.detail) == (BlindReason.TOO_BIG, True)
    await log.source.close()


ANSWERS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), max_size=60
)


@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_of_looks_changes_nothing(
    said: list[tuple[int, str, float, bool]], chance: random.Random
) -> None:
    """Whoever reads when, and in whatever order answers stand: the same pairs, each of answers of one stretch."""
    lines = [(f"r{number}", *one) for number, one in enumerate(said)]
    once, often = OrderBook(10, 1_000), OrderBook(10, 1_000)
    for name, at_ms, arm, score, positive in lines:
        once.add(arm, name, score, at_ms, positive=positive)
    once.close(60)
    chance.shuffle(lines)
    for name, at_ms, arm, score, positive in sorted(lines, key=lambda line: line[1]):
        often.close(at_ms - 1)  # all that came before it were there
        often.add(arm, name, score, at_ms, positive=positive)
    often.close(60)
    for arm in "ab":
        counts, stretches = once.counts(arm), [[line for line in said if line[0] // 10 == k] for k in range(5)]
        mine = [[line[3] for line in one if line[1] == arm] for one in stretches]
        assert (counts.pairs, counts.misordered) == (often.counts(arm).pairs, often.counts(arm).misordered)
        assert counts.pairs == sum(min(sum(one), len(one) - sum(one)) for one in mine)


@cache
def _truth(levels: int) -> float:
    """One less the AUC of scores that ``_part`` draws; ties count one half."""
    up = range(1, levels + 1)
    likely = [(p, n, up[p] * up[-1 - n]) for p in range(levels) for n in range(levels)]
    return sum(weight * ((p < n) + 0.5 * (p == n)) for p, n, weight in likely) / sum(up) ** 2


def _part(seed: int, stretches: int, levels: int) -> tuple[int, float]:
    """Pairs and the part in the wrong order, of scores on ``levels`` levels; three of ten are positive.

    A positive's score has the chances 1, 2, 3 ... of the levels, a negative's the reverse.
    """
    chance, book, up = random.Random(seed), OrderBook(10, 1_000), range(1, levels + 1)
    for stretch in range(stretches):
        for number in range(20):
            positive = chance.random() < 0.3
            [score] = chance.choices(range(levels), up if positive else up[::-1])
            book.add("b", f"{seed}-{stretch}-{number}", score, stretch * 10, positive=positive)
        book.close(stretch * 10 + 9)
    counts = book.counts("b")
    return counts.pairs, counts.misordered / counts.pairs


@pytest.mark.parametrize("levels", [1, 2, 5, 400])
def test_the_mean_is_exactly_one_less_the_auc_with_ties_as_half(levels: int) -> None:
    """Within four standard errors of the truth, whose ties count a half: all equal scores are an AUC of 1/2."""
    (pairs, part), truth = _part(7, 1_500, levels), _truth(levels)
    assert pairs > 5_000
    assert abs(part - truth) < 4 * sqrt(truth * (1 - truth) / pairs)
    assert (levels == 1) == (truth == 0.5)


def test_the_counts_of_stretches_vary_as_independent_pairs_do() -> None:
    """A stretch's count has a binomial's variance: were an answer in two pairs, it would be larger."""
    gaps, truth = [], _truth(20)
    for seed in range(400):
        pairs, part = _part(seed, 4, 20)
        gaps.append((part - truth) / sqrt(truth * (1 - truth) / pairs))
    assert 0.75 < sum(gap * gap for gap in gaps) / len(gaps) < 1.3  # one, with a standard error of .07


async def _rolled(tmp_path: Path, noise: float, seed: int, ticks: int = 240) -> tuple[GateEvidence, Verdict]:
    """Up to four minutes of a real log: both score what is true and some noise, the challenger ``noise`` more."""
    log, chance = Log(tmp_path / f"log{seed}"), random.Random(seed)
    known, verdict = GateEvidence.start(PLAN, GATE), Verdict.BLIND
    for tick in range(ticks):
        lines: list[dict[str, object]] = []
        for arm, more in (("a", 0.0), ("b", noise)):
            for number in range(40):
                happens, one = chance.random() < 0.2, f"{arm}{tick}-{number}"
                score = chance.gauss(1.2 * happens, 1.0 + more)
                lines += [{"request_id": one, "arm": arm, "output": score}, {"request_id": one, "label": int(happens)}]
        log.write(*lines)
        known, verdict = await log.judged(PLAN, known, tick)
        if verdict in (Verdict.FAIL, Verdict.PASS):
            break
    await log.source.close()
    return known, verdict


async def test_a_challenger_that_ranks_worse_is_caught(tmp_path: Path) -> None:
    """Log and labels to verdict: its AUC is .61, the champion's .80."""
    known, verdict = await _rolled(tmp_path, noise=2.0, seed=1)
    assert verdict is Verdict.FAIL
    assert known.stage_sum.challenger_bad / known.stage_sum.challenger_n > 0.3


async def test_a_challenger_that_ranks_alike_passes_and_is_not_blamed(tmp_path: Path) -> None:
    """Within 1.5 times the champion's part; alpha is .01, so of eight none goes back."""
    verdicts = [(await _rolled(tmp_path, noise=0.0, seed=seed))[1] for seed in range(8)]
    assert Verdict.FAIL not in verdicts
    assert verdicts.count(Verdict.PASS) >= 6


async def test_evidence_over_a_restart_has_every_answer_at_most_once(tmp_path: Path) -> None:
    """I3: the source begins anew in the middle, the evidence goes on; what it counted is what both sources paired."""
    log, known, paired = Log(tmp_path / "log"), GateEvidence.start(PLAN, GATE), 0.0
    for tick in range(40):
        if tick == 20:
            await log.source.close()
            now_ms, log = log.clock.at_ms, Log(tmp_path / "log")
            log.clock.at_ms = now_ms
            await log.source.read(Question(TEMPLATE, ARMS), 5.0)
        for arm in "ab":
            ids = [f"{arm}{tick}-{number}" for number in range(20)]
            log.answers(arm, *ids, output=0.5)
            log.labels(0, *ids[:15])
            log.labels(1, *ids[15:])
        log.wait(1_000)
        answer = await log.source.read(Question(TEMPLATE, ARMS), 5.0)
        known = absorb(known, GATE, answer, Setting(tick * 1_000, 1_000, "a", "b", Share(5_000), warm_up=False))
        if tick in (19, 39):
            reading = answer.by_arm["b"]
            assert isinstance(reading, Counted)
            paired += reading.total[0].value
    await log.source.close()
    assert 0 < known.total_sum.challenger_n <= paired <= 40 * 5


async def test_without_labels_of_one_kind_nothing_passes(tmp_path: Path) -> None:
    """I3: a minute of answers that are all negative is COLLECTING, then BLIND, and never a pass."""
    log, seen = Log(tmp_path / "log"), []
    known = GateEvidence.start(PLAN, GATE)
    for tick in range(60):
        for arm in "ab":
            ids = [f"{arm}{tick}-{number}" for number in range(40)]
            log.answers(arm, *ids, output=0.5)
            log.labels(0, *ids)
        log.wait(1_000)
        answer = await log.source.read(Question(TEMPLATE, ARMS), 5.0)
        known = absorb(known, GATE, answer, Setting(tick * 1_000, 1_000, "a", "b", Share(5_000), warm_up=False))
        seen.append(judge(PLAN, {"order": known}, tick * 1_000, share=Share(5_000)).gates[0].verdict)
    await log.source.close()
    assert Verdict.PASS not in seen
    assert Verdict.COLLECTING in seen
    assert seen[-1] is Verdict.BLIND
