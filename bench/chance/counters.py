"""Ticks as they look after a scrape: raw counters of servers that restart, differenced as the daemon does it."""

from __future__ import annotations

from collections.abc import Iterator

from bench.chance.worlds import Random, Tick, Ticks
from rolloutd.core.counting import ArmCounters, ArmDelta, arm_delta
from rolloutd.core.metrics import Counted, Point


def scraped(random: Random, ticks: Ticks, servers: int, restarts: float) -> Iterator[Tick]:
    """The ticks through the counters of so many servers an arm, each restarting with this chance in a tick.

    A restart loses what was counted since the last scrape before it: about half of the tick.
    """
    champion, challenger = _Arm(random, servers, restarts), _Arm(random, servers, restarts)
    for n0, x0, n1, x1 in ticks:
        a, b = champion.after(n0, x0), challenger.after(n1, x1)
        if a is not None and b is not None:
            yield a.n, min(a.part, a.n), b.n, min(b.part, b.n)


class _Arm:
    def __init__(self, random: Random, servers: int, restarts: float) -> None:
        self._random, self._restarts = random, restarts
        self._total, self._bad = [0] * servers, [0] * servers
        self._last: ArmCounters | None = None

    def after(self, n: int, bad: int) -> ArmDelta | None:
        """What one more scrape says was added; None for the first."""
        servers = len(self._total)
        chances = [1.0 / servers] * servers
        added, errors = (self._random.multinomial(count, chances).tolist() for count in (n - bad, bad))
        for k in range(servers):
            if self._random.random() < self._restarts:
                added[k], errors[k] = (int(self._random.binomial(count, 0.5)) for count in (added[k], errors[k]))
                self._total[k] = self._bad[k] = 0
            self._total[k] += added[k] + errors[k]
            self._bad[k] += errors[k]
        total, part = (
            tuple(Point(f"{what}{k}", float(value), 0) for k, value in enumerate(values))
            for what, values in (("total", self._total), ("bad", self._bad))
        )
        found = arm_delta(self._last, Counted(total, part))
        if not isinstance(found, ArmDelta):
            raise TypeError(f"scrapes without a gap were not readable: {found}")
        self._last = found.counters
        return None if found.baseline_only else found
