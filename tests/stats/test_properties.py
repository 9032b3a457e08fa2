"""What must hold for any counts: no overflow, sums suffice, stored and read back bit for bit, refusals."""

import json
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutd.core.stats import combine, conditional
from rolloutd.core.stats.grid import EIGHT
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.proportion import HarmEvidence, LimitEvidence, SafeEvidence
from rolloutd.core.stats.range import difference_range, ratio_range
from rolloutd.core.stats.restart import FIRST_TICK_MASS, LATER_STAGES_MASS, Restart, tick_mass

MARGINS = st.one_of(
    st.floats(0.2, 5.0).map(Margin.ratio),
    st.floats(0.0, 0.5).map(Margin.difference),
)


@st.composite
def increments(draw: st.DrawFn) -> Increment:
    """Counts from none to a million million, with any part of them bad."""
    n0, n1 = draw(st.integers(0, 10**12)), draw(st.integers(0, 10**12))
    return Increment(n0, draw(st.integers(0, n0)), n1, draw(st.integers(0, n1)))


Series = st.lists(st.tuples(increments(), st.booleans(), st.booleans()), max_size=8)


@given(MARGINS, Series)
def test_harm_evidence_is_finite_and_resumes_bit_equal(
    margin: Margin, series: list[tuple[Increment, bool, bool]]
) -> None:
    """Any counts: a finite log, and the same bits when every tick begins from what JSON kept of the last."""
    straight = resumed = HarmEvidence.start(margin, later_stages=3, line=3.0)
    for tick, stage_started, gross_only in series:
        straight = straight.observe(tick, stage_started=stage_started, gross_only=gross_only)
        resumed = resumed.observe(tick, stage_started=stage_started, gross_only=gross_only)
        resumed = HarmEvidence.decode(json.loads(json.dumps(resumed.encode(), allow_nan=False)))
        assert isfinite(straight.log_e)
    assert straight == resumed
    assert straight.log_e.hex() == resumed.log_e.hex()


@given(st.floats(1e-6, 0.999), Series)
def test_limit_evidence_is_finite_and_resumes_bit_equal(
    limit: float, series: list[tuple[Increment, bool, bool]]
) -> None:
    """The same for an absolute limit."""
    straight = resumed = LimitEvidence.start(limit, later_stages=1)
    for tick, stage_started, gross_only in series:
        straight = straight.observe(tick, stage_started=stage_started, gross_only=gross_only)
        resumed = resumed.observe(tick, stage_started=stage_started, gross_only=gross_only)
        resumed = LimitEvidence.decode(json.loads(json.dumps(resumed.encode(), allow_nan=False)))
        assert isfinite(straight.log_e)
    assert straight == resumed


@given(MARGINS, st.lists(increments(), max_size=8))
def test_safe_evidence_is_finite_and_resumes_bit_equal(margin: Margin, series: list[Increment]) -> None:
    """The same for safe evidence."""
    straight = resumed = SafeEvidence.start(margin)
    for tick in series:
        straight, resumed = straight.observe(tick), resumed.observe(tick)
        resumed = SafeEvidence.decode(json.loads(json.dumps(resumed.encode(), allow_nan=False)))
        assert isfinite(straight.log_e)
    assert straight == resumed


@given(st.integers(1, 1000), st.integers(1, 100), st.data())
def test_ticks_of_equal_shares_may_be_merged(n1: int, scale: int, data: st.DataObject) -> None:
    """The conditional test depends on sums alone while n1/n0 stays the same."""
    first, second = (
        Increment(n1 * scale * k, data.draw(st.integers(0, n1)), n1 * k, data.draw(st.integers(0, n1))) for k in (1, 3)
    )
    apart = zip(
        *(conditional.log_increments(tick, 1.2, EIGHT.ratios) for tick in (first, second)),
        strict=True,
    )
    merged = conditional.log_increments(first + second, 1.2, EIGHT.ratios)
    assert merged == pytest.approx([a + b for a, b in apart], abs=1e-9)


def test_masses_never_exceed_one() -> None:
    """After very many ticks and more stage starts than planned, a part of the mass is still idle."""
    state = Restart.start(later_stages=2)
    for tick in range(5000):
        if tick % 50 == 0:
            state = state.stage((0.0,))
        state = state.step((0.0,), (0.0,))
    assert FIRST_TICK_MASS + LATER_STAGES_MASS < state.spent < 1.0
    assert state.log_e == pytest.approx(0.0, abs=1e-12)
    assert sum(tick_mass(t) for t in range(1, 10**6)) < 1.0 - FIRST_TICK_MASS - LATER_STAGES_MASS


def test_a_stage_start_without_traffic_keeps_its_mass() -> None:
    """The mass of a stage whose first tick is empty works from there on and is not spent twice."""
    harm = HarmEvidence.start(Margin.ratio(1.0), later_stages=1).observe(Increment(100, 1, 10, 0))
    waited = harm.observe(Increment(0, 0, 0, 0), stage_started=True)
    assert waited.restart.spent - harm.restart.spent == pytest.approx(LATER_STAGES_MASS, abs=1e-15)
    assert waited.restart.ticks == harm.restart.ticks
    assert waited.log_e == pytest.approx(harm.log_e, abs=1e-12)


def test_empty_ticks_say_nothing() -> None:
    """Without traffic in one arm no comparison moves; a limit needs the challenger only."""
    alone = Increment(0, 0, 50, 50)
    assert HarmEvidence.start(Margin.ratio(1.0), 1).observe(alone).log_e == 0.0
    assert SafeEvidence.start(Margin.ratio(1.5)).observe(alone).log_e == pytest.approx(0.0, abs=1e-12)
    assert LimitEvidence.start(0.05, 1).observe(alone).log_e > 0.5


def test_gross_only_forgives_twice_and_not_ten_times() -> None:
    """In a warm-up twice the champion's errors are no evidence, a total failure is."""
    twice, failing = Increment(5000, 50, 1000, 20), Increment(5000, 50, 1000, 900)
    start = HarmEvidence.start(Margin.ratio(1.0), 1)
    assert start.observe(twice, gross_only=True).log_e < 0.0 < start.observe(twice).log_e
    assert start.observe(failing, gross_only=True).log_e > 0.5


def test_ranges_hold_the_observed_value() -> None:
    """Both ranges lie around what was seen, narrow with data, and are absent without any."""
    few, many = Increment(9000, 90, 1000, 20), Increment(900_000, 9000, 100_000, 2000)
    assert ratio_range([], 0.05) is None
    assert difference_range([], 0.05) is None
    for find, seen in ((ratio_range, 2.0), (difference_range, 0.01)):
        wide, narrow = find([few], 0.05), find([many], 0.05)
        assert wide is not None
        assert narrow is not None
        assert wide[0] < narrow[0] < seen < narrow[1] < wide[1]


@pytest.mark.parametrize(
    "counts", [(10, 11, 0, 0), (10, -1, 5, 0), (10, 0, 5, 6), (-1, 0, 0, 0)], ids=["above", "negative", "more", "n"]
)
def test_contradicting_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    """More errors than requests, or less than none."""
    with pytest.raises(ValueError, match="contradict"):
        Increment(*counts)


def test_damaged_state_is_refused_by_key() -> None:
    """What is not whole is not read."""
    whole = SafeEvidence.start(Margin.ratio(1.5)).encode()
    for key in whole:
        with pytest.raises(ValueError, match=key):
            SafeEvidence.decode({k: v for k, v in whole.items() if k != key})
    with pytest.raises(ValueError, match="kind"):
        HarmEvidence.decode(whole)


def test_weights_must_sum_to_one() -> None:
    """An average that could exceed its parts is refused."""
    with pytest.raises(ValueError, match="sum"):
        combine.harm_average([0.0, 0.0], [0.9, 0.9])
    assert combine.safe_intersection([2.0, -1.0]) == -1.0
    assert combine.safe_intersection([]) == float("-inf")
