"""What the ticks of earlier rollouts say of errors that cling over several ticks; it must not judge any of them.

A rollout learns psi (`serial`) while it runs, and until then spilling errors can pass for harm. Earlier rollouts of the
same route show it beforehand, all of them: those that went back too. A regression moves the difference between the arms
once, and no single pair of blocks counts for more than nine usual ones. What both arms share, the time of day or a slow
database, is not in their difference.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import NamedTuple

from rolloutd.core.stats.increment import AnyTick
from rolloutd.core.stats.learnt import PRIOR_RESIDUAL
from rolloutd.core.stats.serial import SPANS, Serial

STANDARD_ERRORS = 1.5
LEAST_PSI = 1.1  # less is chance in one clean past of twenty
LEAST_TICKS = 500
FARTHEST = 6.0
SHORT, LONG = 4, 8


class Clinging(NamedTuple):
    """The discount to begin with, at least 1, and how many ticks go together because of it."""

    psi: float = 1.0
    ticks: int = 1


NOTHING_KNOWN = Clinging()


def clinging(rollouts: Iterable[Sequence[AnyTick]]) -> Clinging:
    """What earlier rollouts show, the ticks of each in their order; nothing where they are few or show too little.

    Four ticks go together where most of it shows within four (retries), eight otherwise (storms of one instance).
    """
    serial = Serial()
    for ticks in rollouts:
        serial = serial.observe(*_residuals([tick for tick in ticks if tick.comparable]))
    psi = serial.lowered(STANDARD_ERRORS, SPANS[-1])
    if serial.ticks < LEAST_TICKS or psi < LEAST_PSI:
        return NOTHING_KNOWN
    soon = serial.lowered(STANDARD_ERRORS, SHORT)
    return Clinging(psi, SHORT if soon - 1.0 > (psi - 1.0) / 2.0 else LONG)


def _residuals(ticks: Sequence[AnyTick]) -> list[float]:
    """What the challenger erred more than its usual ratio to the champion, in units of the rollout's usual spread."""
    bad = sum([tick.challenger_bad for tick in ticks])
    border = sum([tick.challenger_n / tick.champion_n * tick.champion_bad for tick in ticks])
    n = sum([tick.challenger_n + tick.champion_n for tick in ticks])
    if not ticks or bad + border == 0.0:
        return []
    ratio = (bad + PRIOR_RESIDUAL) / (border + PRIOR_RESIDUAL)
    rate = sum([tick.challenger_bad + tick.champion_bad for tick in ticks]) / n
    found = []
    for tick in ticks:
        scale = tick.challenger_n / tick.champion_n
        spread = sqrt(rate * tick.challenger_n * (1.0 + scale))
        residual = (tick.challenger_bad - ratio * scale * tick.champion_bad) / spread
        found.append(min(max(residual, -FARTHEST), FARTHEST))
    return found
