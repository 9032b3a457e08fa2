"""How harm and safe evidence choose among their tests, and what they learn; nothing learnt may make a bet unfair."""

from itertools import permutations
from math import exp, log
from random import Random

import pytest

from rolloutd.core.stats import gro, robust, slices
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging, clinging
from rolloutd.core.stats.grid import EIGHT, HARM
from rolloutd.core.stats.increment import EventIncrement, Increment, exchanged
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, SafeEvidence
from rolloutd.core.stats.serial import Serial
from tests.stats.helpers import binomial, exact_mean, poisson, spilling, ticks

SLACK = 1.0 + 1e-11
FIRE = log(100.0)


@pytest.mark.parametrize("bag", [(0, 0, 3), (1, 1), (0, 5, 5, 7), (2, 2, 2)])
def test_slices_are_fair_wherever_the_challenger_stands_in_the_bag(bag: tuple[int, ...]) -> None:
    """The challenger is each of the counts in turn: the mean factor is exactly 1."""
    places = list(permutations(bag))
    for k in range(len(EIGHT.ratios)):
        total = sum(exp(slices.log_factors(x, y, 1.0, EIGHT.ratios, 1.5)[k]) for x, *y in places)
        assert total / len(places) == pytest.approx(1.0, abs=1e-12)


def test_slices_with_a_margin_are_fair_for_independent_errors() -> None:
    """One slice, challenger at 1.5 times the champion's rate: the mean over both counts is at most 1."""
    rate, n, most = 0.2, 4, 0.0
    for x in range(n + 1):
        for y in range(n + 1):
            factor = exp(slices.log_factors(x, (y,), 1.5, (3.0,), 1.0)[0])
            most += binomial(x, n, 1.5 * rate) * binomial(y, n, rate) * factor
    assert most <= SLACK


def test_slices_survive_a_total_failure() -> None:
    """A million errors with a margin are neither slow nor out of range, and less than the number of places."""
    found = slices.log_factors(10**6, [3] * 99, 1.5, EIGHT.ratios, 1.0)
    assert all(0.0 < value <= log(100.0) for value in found)


@pytest.mark.parametrize("margin", [Margin.ratio(1.0), Margin.ratio(2.0), Margin.difference(0.05)])
def test_event_likelihood_is_fair_for_requests(margin: Margin) -> None:
    """Used where the challenger has nearly all traffic; at the margin its mean is at most 1."""
    for k in range(len(HARM.ratios)):

        def bet(tick: Increment, k: int = k) -> float:
            return gro.log_event_increments(tick, margin, HARM.ratios, 40, 3)[k]

        assert exact_mean(9, 3, margin.tolerated(0.1), 0.1, bet) <= SLACK


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_safe_bet_with_exchanged_roles_is_fair(rate: float) -> None:
    """At the accept margin the champion's bet against the challenger has mean at most 1."""
    margin = Margin.ratio(1.5)

    def bet(tick: Increment) -> float:
        return robust.log_factors((exchanged(tick),), Margin.ratio(1.0 / margin.factor), (1.5,), 1.0)[0]

    assert exact_mean(6, 5, margin.factor * rate, rate, bet) <= SLACK


def harm_after(series: list[Increment], evidence: HarmEvidence) -> tuple[int | None, HarmEvidence]:
    """The tick at which harm is shown, if it is, and the evidence then."""
    for number, tick in enumerate(series):
        evidence = evidence.observe(tick)
        if evidence.log_e >= FIRE:
            return number, evidence
    return None, evidence


@pytest.mark.parametrize(("n1", "n0"), [(50, 4950), (500, 500), (990, 10)], ids=["1%", "50%", "99%"])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_harm_that_comes_late_is_found_at_any_share(n1: int, n0: int, rate: float) -> None:
    """After 200 healthy ticks a tenfold rate and a total failure show within a minute of one-second ticks."""
    random = Random(5)
    _, healthy = harm_after(list(ticks(random, 200, n1, n0, (0.01, 0.01))), HarmEvidence.start(Margin.ratio(1.0), 3))
    found, _ = harm_after(list(ticks(random, 60, n1, n0, (rate, 0.01))), healthy)
    assert found is not None


def test_spilling_bursts_are_noticed_and_a_regression_is_not_taken_for_them() -> None:
    """psi rises for bursts cut by ticks; it stays put for independent ticks and where one arm steps up for good."""
    cut, clean = HarmEvidence.start(Margin.ratio(1.0), 1), HarmEvidence.start(Margin.ratio(1.0), 1)
    for tick in spilling(Random(1), 400):
        cut = cut.observe(tick)
    for tick in ticks(Random(2), 400, 120, 1080, (0.01, 0.01)):
        clean = clean.observe(tick)
    for tick in ticks(Random(3), 400, 120, 1080, (0.1, 0.01)):
        clean = clean.observe(tick)
    assert cut.psi > 1.3
    assert clean.psi < 1.1


def test_earlier_rollouts_make_blocks_from_the_first_tick_on() -> None:
    """Their ticks show the spilling; unrelated ones, few ones, a regression and a common incident show none."""
    warned = HarmEvidence.start(Margin.ratio(1.0), 1, history=clinging([spilling(Random(4), 600)]))
    assert warned.psi > 1.5
    assert warned.observe(Increment(90, 1, 10, 1)).block is not None
    calm = list(ticks(Random(5), 600, 120, 1080, (0.01, 0.01)))
    worse = [*calm, *ticks(Random(6), 600, 120, 1080, (0.05, 0.01))]
    both = [t for k in range(20) for t in ticks(Random(k), 30, 120, 1080, (0.01 + k % 2 / 50, 0.01 + k % 2 / 50))]
    for series in (calm, worse, both):
        assert clinging([series]) == NOTHING_KNOWN
    assert clinging([]) == clinging([[]]) == clinging([spilling(Random(4), 300)]) == NOTHING_KNOWN
    assert clinging([spilling(Random(4), 300), spilling(Random(5), 300)]).ticks == 4


def test_a_stage_start_closes_an_open_block() -> None:
    """Ticks of two shares are never bet on as one."""
    evidence = HarmEvidence.start(Margin.ratio(1.0), 1, history=Clinging(1.5, 4)).observe(Increment(90, 1, 10, 1))
    later = evidence.observe(Increment(50, 1, 50, 1), stage_started=True)
    assert later.restart.ticks == 1
    assert later.block is not None
    assert later.block.ticks == 1


def test_steps_do_not_teach_a_serial_discount() -> None:
    """One step up leaves psi near 1; runs of eight alike raise it."""
    step, runs, random = Serial(), Serial(), Random(7)
    for k in range(512):
        noise = random.gauss(0.0, 1.0)
        step = step.observe(noise + (2.0 if k > 256 else 0.0))
        runs = runs.observe(noise + (2.0 if k % 16 < 8 else -2.0))
    assert step.psi < 1.2
    assert runs.psi > 2.0


def test_residuals_may_come_one_by_one_or_many_at_a_time() -> None:
    """The sums are the same to the last bit, so it does not matter that the evidence adds them up every eighth tick."""
    random = Random(9)
    residuals = [random.gauss(0.0, 1.0) for _ in range(100)]
    single, many = Serial(), Serial().observe(*residuals[:37]).observe(*residuals[37:])
    for residual in residuals:
        single = single.observe(residual)
    assert single == many


def test_slices_speed_up_and_totals_alone_still_work() -> None:
    """With slices in the ticks or without, twice the errors are found; both halves of the mass are always at work."""
    random = Random(8)
    with_slices = without = HarmEvidence.start(Margin.ratio(1.0), 0, sliced=True)
    for _ in range(400):
        y = [poisson(random, 0.2) for _ in range(9)]
        tick = Increment(180, sum(y), 20, poisson(random, 0.4))
        with_slices, without = with_slices.observe(tick, slice_bad=y), without.observe(tick)
    assert with_slices.log_e > FIRE
    assert without.log_e > FIRE
    assert with_slices.restart.spent == without.restart.spent


def test_events_per_exposure_use_the_same_evidence() -> None:
    """More events than requests are no contradiction; harm and safety are both found."""
    random = Random(9)
    harm, safe = HarmEvidence.start(Margin.ratio(1.0), 0), SafeEvidence.start(Margin.ratio(1.5))
    for _ in range(200):
        harm = harm.observe(EventIncrement(6.0, poisson(random, 9.0), 2.0, poisson(random, 6.0)))
        safe = safe.observe(EventIncrement(6.0, poisson(random, 9.0), 0.6, poisson(random, 0.9)))
    assert harm.log_e > FIRE
    assert safe.log_e > log(20.0)
    assert HarmEvidence.decode(harm.encode()) == harm
    with pytest.raises(ValueError, match="contradict"):
        EventIncrement(1.0, -1, 1.0, 0)
