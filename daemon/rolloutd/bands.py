"""The range of the difference at moments of a gate's past, for charts: worked out when looked at, a little at a time.

A moment's range is what it was then (``core.standing``), so it is worked out once. It must not hold up the loop, nor
say anything of a tick of which no counts were kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from rolloutd.core.standing import Standing
from rolloutd.evidence_store import RawTick

MOMENTS = 64
KEPT = 64
"""So many gates' ranges are remembered."""
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Band:
    """The difference of the stage so far, and its range."""

    delta: float
    low: float
    high: float


Known = dict[Standing, Band | None]


class Bands:
    """Works ranges out and remembers those that were asked for last."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    async def of(self, rollout: str, gate: str, ticks: Sequence[RawTick]) -> dict[int, Band]:
        """By tick: of at most some 64 of these ticks and the newest. The same ones are chosen the next time."""
        step = 1
        while len(ticks) > step * MOMENTS:
            step *= 2
        known, fresh = self._of(rollout, gate), 0
        kept: Known = {}
        found: dict[int, Band] = {}
        for at, tick in enumerate(ticks):
            if tick.standing is None or (tick.tick % step and at < len(ticks) - 1):
                continue
            if tick.standing in known:
                band = known[tick.standing]
            else:
                band = _band(tick.standing, self._alpha)
                fresh += 1
                if fresh % AT_ONCE == 0:
                    await asyncio.sleep(0)
            kept[tick.standing] = band
            if band is not None:
                found[tick.tick] = band
        known.clear()
        known.update(kept)
        return found

    def _of(self, rollout: str, gate: str) -> Known:
        """What is remembered of this gate; the one that nobody has asked for longest is forgotten."""
        known = self._known.setdefault((rollout, gate), {})
        self._known.move_to_end((rollout, gate))
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return known


def _band(at: Standing, alpha: float) -> Band | None:
    edges = at.range(alpha)
    return None if edges is None else Band(at.delta, *edges)
