"""How much of the next bet is needed to reach the line; what lies beyond it wins nothing. It must not see the tick.

A bet of full size is right while the line is far. Where one more error of the challenger would carry the evidence past
the line, the rest of the stake can only be lost: the bet is cut until that error just reaches the line, even should the
champion have somewhat more errors in the same tick than it usually has. The cut is made from past ticks and from the
arms' sizes, before the tick's errors are known: a smaller lam >= 0 is as fair as a larger one.
"""

from collections.abc import Sequence
from math import exp, inf, sqrt

SPREADS = 1.0  # so many standard deviations more of the champion's errors than it usually has are allowed for
NEAR = 4.5  # farther off no single error matters
HALVINGS = 7
OVER = 1e-6  # the line is reached, not nearly


def part_needed(
    logs: Sequence[float],
    idle: float,
    line: float,
    stakes: Sequence[float],
    theta: float,
    champion_bad: float,
    others: float = 0.0,
) -> float:
    """The part of all stakes lam_k with which one error of the challenger reaches the line; 1 where that takes all.

    `logs` and `idle`: what the bets work with and what rests. `theta` and `others` (expected of the challenger on the
    margin whatever the total is) are the coming tick's, `champion_bad` the errors that the champion usually has in one.
    """
    top = max(logs, default=-inf)
    if not line - NEAR <= top < line:
        return 1.0
    masses = [exp(value - line) for value in logs]
    rest = 1.0 + OVER - idle * exp(-line)
    if sum(masses) >= rest:
        return 1.0
    expected = theta * (1.0 + champion_bad + SPREADS * sqrt(champion_bad)) + others
    if _after(masses, stakes, 1.0, expected) <= rest:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        if _after(masses, stakes, middle, expected) >= rest:
            high = middle
        else:
            low = middle
    return high


def _after(masses: Sequence[float], stakes: Sequence[float], part: float, expected: float) -> float:
    """What the bets come to with one error of the challenger, over what the line demands."""
    found = 0.0
    for mass, stake in zip(masses, stakes, strict=True):
        lam = part * stake
        found += mass * (1.0 + lam) / (1.0 + lam * expected)
    return found
