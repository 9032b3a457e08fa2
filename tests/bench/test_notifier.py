"""A dead notifier delays no abort, beside a daemon with live ones; `./dev bench notifier` measures it finely."""

from __future__ import annotations

import pytest

from bench import notifier
from bench.rig import figures
from tests.programs import needs

pytestmark = [pytest.mark.real, pytest.mark.slow]


async def test_an_abort_waits_for_no_notifier() -> None:
    """I2, I16: refusing and hanging ones with a thousand messages beside two that answer, in pairs, on real HAProxies.

    A second's wait would show; a busy machine is as busy for both.
    """
    needs("haproxy")
    found = await notifier.measured(1, 10, size=10, rest_s=1.0)
    live, dead = (figures.quantile(values, 0.5) for values in (found.live_ms, found.dead_ms))
    assert len(found.dead_ms) == 10
    assert dead <= 2.0 * live + 100.0
