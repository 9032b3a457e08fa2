"""A forecast of traffic that nobody foresaw comes to its end: the daemon makes them beside its loop."""

from __future__ import annotations

import pytest

from rolloutd.core.analysis.first_stage import setting_of, time_to_see
from rolloutd.core.analysis.situation import Situation
from rolloutd.core.forecast.gate import forecast_gate


@pytest.mark.parametrize(
    ("asked", "share"),
    [
        (Situation(0.0957, champion_errors=0.0432, accept=1.05, phi=300.0), 0.001),
        (Situation(6_601.0, champion_errors=0.239, accept=1.05, phi=300.0), 0.001),
        (Situation(0.0652, champion_errors=3.4e-5, accept=5.0, phi=50.0, weight=0.1), 0.5),
    ],
    ids=["bursts of more than there are requests", "bursts that hold most of a tick", "errors that hardly come"],
)
def test_it_ends(asked: Situation, share: float) -> None:
    """Found by random situations: two took minutes of arithmetic, one divided by zero."""
    found = forecast_gate(setting_of(asked, share))
    assert found.time_ms is None or found.time_ms.mean > 0
    seen = time_to_see(asked, 2.0, share) if asked.champion_errors < 0.2 else None
    assert seen is None or seen.mean > 0
