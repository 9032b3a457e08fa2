"""The forecast of `rollout plan recommend` beside a few rehearsals of the real core; the bench verdicts has the many.

The margins here allow for the chance in few rehearsals: a forecast that is off by half fails, one within a tenth does
not. Bursts, a small weight, a warm-up and the mass of a later stage are in the rows.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from bench.verdicts import CELLS, hours_to_verdict

RUNS = 16
QUICK = (
    "safe, 300 rps, 1%, champion 5%",
    "safe, 20 rps, copies of all",
    "x3, 300 rps, 1%",
    "x5, 65 rps, 1%, bursts of 3",
    "x2, 300 rps, from stage 2 on (10%)",
)


@pytest.mark.parametrize("name", QUICK)
def test_the_forecast_agrees_with_rehearsals(name: str) -> None:
    """Mean within a tenth and four standard errors; nine of ten stays under about what it says."""
    index = next(number for number, cell in enumerate(CELLS) if cell.name == name)
    found = [hours for k in range(RUNS) if (hours := hours_to_verdict((index, 3, k))) is not None]
    told = CELLS[index].told
    assert told is not None
    assert len(found) >= 0.8 * RUNS
    mean, spread = float(np.mean(found)), float(np.std(found, ddof=1)) / sqrt(len(found))
    assert abs(told.mean - mean) <= 0.1 * mean + 4.0 * spread
    late = sum(hours > told.p90 for hours in found)
    assert late <= 0.1 * len(found) + 4.0 * sqrt(0.09 * len(found))
