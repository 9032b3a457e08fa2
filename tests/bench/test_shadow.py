"""A second of the bench of shadows, with margins so wide that only a broken bench or gate leaves them."""

from __future__ import annotations

from bench import shadow


def test_pairs_are_joined_and_judged_fast_enough() -> None:
    """In CPU time, so that a busy machine changes little."""
    row = shadow.joined_and_judged(6_000)
    assert row.ok


def test_disagreement_is_caught_near_the_bound_and_none_is_not() -> None:
    """A handful of simulated rollouts."""
    rows = {row.name: row.value for row in shadow.caught(25)}
    over = [value for name, value in rows.items() if name.endswith("over the Kelly bound")]
    assert all(value is not None and 0.7 < value < 2.0 for value in over)
    assert all(value is not None and value <= 0.2 for name, value in rows.items() if "false alarms" in name)
