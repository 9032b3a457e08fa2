"""The breach with generated requests and the real core, thousands of times: how late, and at what cost in requests."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.rig.healthy import Ticks, Traffic
from rolloutd.core.plan import Plan
from rolloutd.core.verdict import judge

_PASTS = 20
_MOST_TICKS = 4_000


@dataclass(frozen=True, slots=True)
class Found:
    """From the breach to the router at zero, and the challenger's requests that failed for it meanwhile."""

    zero_s: float
    failed: int


def breaches(plan: Plan, traffic: Traffic, tick_ms: int, healthy_ticks: int, runs: int, act_s: float) -> list[Found]:
    """``runs`` breaches after so many healthy ticks, at any moment of a tick; ``act_s`` from the verdict to zero.

    They share twenty pasts between them: what varies from run to run is the breach.
    """
    found: list[Found] = []
    for number in range(_PASTS):
        past = Ticks(plan, traffic, tick_ms, random.Random(number))
        for _ in range(healthy_ticks):
            past.tick()
        if _fires(plan, past):
            continue  # a false alarm; there is nothing left to breach
        found += [_one(plan, past.copy(random.Random(f"{number}/{run}")), tick_ms, run, act_s)
                  for run in range(number, runs, _PASTS)]  # fmt: skip
    return found


def _one(plan: Plan, ticks: Ticks, tick_ms: int, seed: int, act_s: float) -> Found:
    tick_s = tick_ms / 1000
    failing_s = random.Random(seed).uniform(0.0, tick_s)
    passed_s, failed = failing_s, ticks.tick(failing_s)
    for _ in range(_MOST_TICKS):
        if _fires(plan, ticks):
            break
        failed += ticks.tick(tick_s)
        passed_s += tick_s
    return Found(passed_s + act_s, failed)


def _fires(plan: Plan, ticks: Ticks) -> bool:
    gate = plan.gates[0]
    return judge(plan, {gate.metric: ticks.evidence}, 0, share=ticks.share).fired is not None
