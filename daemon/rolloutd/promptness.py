"""If the challenger broke now: how long until its traffic is gone. From measured times; it forecasts no evidence.

The figure is for harm so gross that one reading shows it: the wait for the next reading, the answer of the source, the
write to the router and its read-back. Smaller harm takes more readings, which nobody can know beforehand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rolloutd.core.plan import OnFail, Plan

REMEMBERED = 20


@dataclass(slots=True)
class Stopwatch:
    """The last durations of one kind of work; the longest of them is what a careful reader reckons with."""

    _last_ms: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, took_ms: float) -> None:
        """One more."""
        self._last_ms.append(took_ms)

    @property
    def worst_ms(self) -> float | None:
        """The longest of the last ones, None when there was none."""
        return max(self._last_ms, default=None)


@dataclass(frozen=True, slots=True)
class Breach:
    """Seconds from a gross breach to no traffic, at worst, and what they are made of."""

    total_s: float
    parts: str


def breach_to_zero(
    plan: Plan, blind: Collection[str], query_ms: Mapping[str, float | None], router_ms: float | None
) -> Breach | None:
    """The slowest of the gates that go back by themselves and see; None where there is none, or nothing measured yet.

    ``query_ms`` is by source, ``blind`` are the metrics without data.
    """
    armed = [gate for gate in plan.gates if gate.on_fail is OnFail.ROLLBACK and gate.metric not in blind]
    known = [(gate.every_ms, took) for gate in armed if (took := query_ms.get(gate.source)) is not None]
    if not known or router_ms is None:
        return None
    every_ms, took_ms = max(known, key=sum)
    parts = f"read every {every_ms / 1000:g}s + query {took_ms / 1000:.2f}s + router {router_ms / 1000:.2f}s"
    return Breach((every_ms + took_ms + router_ms) / 1000, parts)
