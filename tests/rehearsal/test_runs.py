"""A rehearsal is the real core's rollout: it ends as the traffic deserves, and as the seed says."""

from __future__ import annotations

import pytest

from rolloutd.core.plan import OnUndecided
from rolloutd.core.values import BadValue
from rolloutd.rehearsal.chance import binomial
from rolloutd.rehearsal.runs import PROMOTION, ROLLBACK, UNDECIDED, rehearse
from rolloutd.rehearsal.summary import rehearse_all, summary
from rolloutd.rehearsal.traffic import ArmRates, Assumed, Nuisance
from tests.rehearsal.plans import gate, spec


def assumed(challenger: float = 0.01, *, rps: float = 500, onset_ms: int = 0, **nuisance: float) -> Assumed:
    """One gate's traffic: a champion of 1 % errors."""
    many = Nuisance(
        int(nuisance.get("bursts", 1)),
        nuisance.get("diurnal", 0.0),
        nuisance.get("mix", 0.0),
        bool(nuisance.get("resets")),
    )
    return Assumed(rps, {"errors": ArmRates(0.01, challenger)}, onset_ms, many)


def test_a_good_challenger_is_promoted_and_a_bad_one_taken_back() -> None:
    """To the end and to zero; what the bad one served stays small."""
    good, bad = rehearse(spec(), assumed(), "1"), rehearse(spec(), assumed(0.05), "1")
    assert (good.outcome, [stay.index for stay in good.stages]) == (PROMOTION, [0, 1])
    assert (bad.outcome, bad.metric) == (ROLLBACK, "errors")
    assert bad.requests < good.requests / 20
    assert all(stay.left_ms is not None and stay.left_ms >= 300_000 for stay in good.stages)


def test_harm_that_begins_later_is_found_later() -> None:
    """Not before the onset, which counts from the first share on."""
    late = rehearse(spec(min_minutes=30), assumed(0.05, onset_ms=600_000), "1")
    assert late.outcome == ROLLBACK
    assert late.time_ms > 600_000


@pytest.mark.parametrize("on_undecided", list(OnUndecided))
def test_too_little_traffic_ends_undecided(on_undecided: OnUndecided) -> None:
    """Whatever the plan does then, nobody calls it a verdict."""
    found = rehearse(spec(on_undecided=on_undecided), assumed(rps=2), "1")
    assert found.outcome == UNDECIDED
    assert "undecided" in found.reason


def test_approvals_are_given_at_once() -> None:
    """A rehearsal does not stand still for a person who only has to nod."""
    assert rehearse(spec(approval=True), assumed(), "1").outcome == PROMOTION


def test_one_seed_is_one_story_by_any_number_of_hands() -> None:
    """The whole answer, to the last figure; another seed is another story."""
    plan, traffic = spec(), assumed(0.02, bursts=3, diurnal=0.7, resets=1)
    told = [summary(plan, traffic, 7, rehearse_all(plan, traffic, 7, 8, hands), 1.0) for hands in (1, 2)]
    assert told[0] == told[1]
    assert rehearse_all(plan, traffic, 8, 1, 1) != rehearse_all(plan, traffic, 7, 1, 1)


def test_the_odds_of_all_ends_are_one_and_counts_fit() -> None:
    """Rollback, promotion and undecided leave nothing out; exposure is what the challenger served."""
    plan, traffic = spec(), assumed(0.015, rps=100)
    runs = rehearse_all(plan, traffic, 3, 6, 1)
    told = summary(plan, traffic, 3, runs, 2.0)
    assert sum(told[kind]["odds"] for kind in (ROLLBACK, PROMOTION, UNDECIDED)) == pytest.approx(1.0)
    assert told["exposed"]["requests"]["mean"] == pytest.approx(sum(run.requests for run in runs) / 6)
    assert told["exposed"]["users"]["mean"] == pytest.approx(told["exposed"]["requests"]["mean"] / 2.0)
    assert told["stages"][0]["reached"] == 6


def test_bursts_and_resets_take_no_good_challenger_back() -> None:
    """Nuisances are not harm: eight good challengers, none rolled back (nominal alpha 1 %)."""
    for nuisance in ({"bursts": 5}, {"resets": 1}, {"diurnal": 0.7}):
        runs = [rehearse(spec(), assumed(**nuisance), f"{nuisance}/{k}") for k in range(4)]
        assert ROLLBACK not in [run.outcome for run in runs], nuisance


def test_a_mix_shift_is_no_fault_of_the_version_and_is_taken_for_one() -> None:
    """Unsegmented gates cannot know: the rehearsal shows it rather than hides it."""
    runs = [rehearse(spec(max_minutes=120), assumed(mix=0.4, rps=1_000), str(k)) for k in range(3)]
    assert [run.outcome for run in runs] == [ROLLBACK] * 3


def test_both_gates_of_a_plan_are_rehearsed() -> None:
    """The one that errs takes it back, and is named."""
    gates = (gate(weight=0.5, limit=0.05), gate("slow", weight=0.5))
    rates = {"errors": ArmRates(0.01, 0.01), "slow": ArmRates(0.02, 0.08)}
    found = rehearse(spec(gates=gates), Assumed(500, rates), "1")
    assert (found.outcome, found.metric) == (ROLLBACK, "slow")


@pytest.mark.parametrize(("n", "p"), [(40, 0.02), (1_000, 0.3), (100_000, 0.001), (50, 0.9)])
def test_binomial_draws_have_their_mean_and_variance(n: int, p: float) -> None:
    """4,000 draws, five standard errors, for both ways of drawing."""
    from random import Random

    random = Random(1)
    drawn = [binomial(random, n, p) for _ in range(4_000)]
    mean = sum(drawn) / len(drawn)
    variance = sum((x - mean) ** 2 for x in drawn) / len(drawn)
    assert abs(mean - n * p) < 5 * (n * p * (1 - p) / len(drawn)) ** 0.5
    assert variance == pytest.approx(n * p * (1 - p), rel=0.15)
    assert (binomial(random, n, 0.0), binomial(random, n, 1.0)) == (0, n)


def test_what_cannot_be_traffic_is_refused() -> None:
    """With a sentence."""
    with pytest.raises(BadValue, match="above 0"):
        assumed(rps=0)
    with pytest.raises(BadValue, match="Bursts"):
        Nuisance(bursts=0)
    with pytest.raises(BadValue, match="mix shift"):
        Nuisance(mix_shift=0.95)
