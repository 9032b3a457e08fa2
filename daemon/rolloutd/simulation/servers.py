"""The two model servers and their counters: requests as the router truly splits them, errors at each arm's own rate.

It only counts. What a metric source makes of the counters, and gets wrong, is another module's.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import cos, pi
from random import Random

from rolloutd.core.values import Slot
from rolloutd.simulation.engine import CHALLENGER_SLOT, CHAMPION_SLOT, EVERYBODY, Given
from rolloutd.simulation.scenario import Challenger, Scenario

CHAMPION_HISTORY = 200_000
PARTS = (0.4, 0.3, 0.15, 0.15)
"""The part of all requests that each segment has, in their order."""


@dataclass
class Counters:
    """What one arm has served: in truth since the run began, and as its counters say, which a restart sets to zero."""

    served: int = 0
    failed: int = 0
    shown: int = 0
    shown_failed: int = 0
    debt: float = 0.0

    def add(self, requests: int, failure_rate: float) -> None:
        """Serve requests; failures come out at the rate with no chance in it."""
        self.debt += requests * failure_rate
        failed = int(self.debt)
        self.debt -= failed
        self.served += requests
        self.failed += failed
        self.shown += requests
        self.shown_failed += failed

    def reset(self) -> None:
        """The server started anew."""
        self.shown = self.shown_failed = 0


@dataclass
class Past:
    """How many requests each arm had served at which time, for whoever asks later what became of them.

    Before the run began the champion had served ``before_per_s`` for ever: below zero is how many came since then.
    """

    before_per_s: int = 0
    at_ms: list[int] = field(default_factory=list)
    by_arm: dict[Slot, list[int]] = field(default_factory=lambda: {slot: [] for slot in Slot})

    def note(self, now_ms: int, arms: dict[Slot, Counters]) -> None:
        """So it is now."""
        self.at_ms.append(now_ms)
        for slot, arm in arms.items():
            self.by_arm[slot].append(arm.served)

    def served(self, slot: Slot, at_ms: int) -> int:
        """How many this arm had served by then, counted from the beginning of the run."""
        if at_ms < 0:
            return self.before_per_s * at_ms // 1000 if slot is CHAMPION_SLOT else 0
        known = bisect_right(self.at_ms, at_ms)
        return self.by_arm[slot][known - 1] if known else 0


@dataclass
class Servers:
    """Both arms under load, each segment by itself. ``past`` is kept where a gate waits for labels."""

    scenario: Scenario
    rng: Random
    until_ms: int = 0
    arms: dict[Slot, Counters] = field(default_factory=dict)
    by_segment: dict[tuple[Slot, str], Counters] = field(default_factory=dict)
    past: Past = field(default_factory=Past)

    def __post_init__(self) -> None:
        self.past.before_per_s = self.scenario.requests_per_s
        self._remembers = any(gate.template.ripens for gate in self.scenario.plan.gates)
        rate, names = self.scenario.champion_rate, self.scenario.segments
        self.arms = {
            CHAMPION_SLOT: Counters(shown=CHAMPION_HISTORY, shown_failed=round(CHAMPION_HISTORY * rate)),
            CHALLENGER_SLOT: Counters(),
        }
        if names is EVERYBODY:
            self.by_segment = {(slot, ""): arm for slot, arm in self.arms.items()}
        else:
            self.by_segment = {(slot, name): Counters() for slot in Slot for name in names}

    def reset(self, slot: Slot) -> None:
        """This arm's servers started anew."""
        for (whose, _), counters in self.by_segment.items():
            if whose is slot:
                counters.reset()

    def flow(self, now_ms: int, given: Given) -> None:
        """Let traffic flow until now under what the challenger was given since the last call."""
        passed_ms, self.until_ms = now_ms - self.until_ms, now_ms
        if passed_ms <= 0:
            return
        requests = self._per_s(now_ms) * passed_ms / 1000 * self.rng.uniform(0.9, 1.1)
        sick = now_ms >= self.scenario.harm_from_ms
        for place, (name, bp) in enumerate(given.items()):
            share_of_all = PARTS[place] if name else 1.0
            for slot, part in ((CHALLENGER_SLOT, bp / 10_000), (CHAMPION_SLOT, 1 - bp / 10_000)):
                self._serve(slot, name, round(requests * share_of_all * part), self._rate(slot, name, sick))
        if self._remembers:
            self.past.note(now_ms, self.arms)

    def _serve(self, slot: Slot, name: str, requests: int, failure_rate: float) -> None:
        self.by_segment[slot, name].add(requests, failure_rate)
        if name:
            self.arms[slot].served += requests

    def _per_s(self, now_ms: int) -> float:
        """How many requests come a second: fewest at two in the morning, UTC."""
        scenario = self.scenario
        hour = (scenario.wall_from_ms + now_ms) / 3_600_000 % 24
        return scenario.requests_per_s * (1 - scenario.by_night * (1 + cos((hour - 2) * pi / 12)) / 2)

    def _rate(self, slot: Slot, segment: str, sick: bool) -> float:
        kind, scenario = self.scenario.challenger, self.scenario
        if kind is Challenger.BOTH_SICK:
            return 0.6
        harmed = slot is CHALLENGER_SLOT and sick and kind is not Challenger.HEALTHY
        harmed = harmed and scenario.harm_in in ("", segment)
        return scenario.harm_rate if harmed else scenario.champion_rate
