"""How soon news are drawn: at once for a reader, and never faster than anybody reads."""

from __future__ import annotations

from rollout_tui.drawn import APART_S, SOON_S, soon_s


def test_first_news_come_soon_and_news_without_end_twice_a_second() -> None:
    """After a quiet time a quarter of a second; news that come every 50 ms are looked at twice a second."""
    assert soon_s(100.0, float("-inf"), asked=False) == SOON_S
    assert soon_s(100.0, 99.0, asked=False) == SOON_S
    at_s, looks = 0.0, [0.0]
    while at_s < 10.0:
        at_s = looks[-1] + 0.05  # the next news after a look
        looks.append(at_s + soon_s(at_s, looks[-1], asked=False))
    assert len(looks) <= 10.0 / APART_S + 2


def test_what_asks_a_person_counts_down_at_its_own_pace() -> None:
    """A question with a countdown is drawn every quarter of a second, whatever was drawn before."""
    assert soon_s(100.0, 99.99, asked=True) == SOON_S
