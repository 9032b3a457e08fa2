"""How long a total failure of the challenger lasts: from the servers' switch to the router at zero, and what it cost.

1,000 requests a second on a real HAProxy, 1 % of them to the challenger; the proxy's own counters are the source. From
one moment on every answer of the challenger is a 500. Real trials start from a stored healthy past, made by the real
core from generated counts (an hour of ticks cannot be waited for twenty times); the quantiles are then computed over
thousands of generated breaches, by the same core with the same plan. The same breaches are given to the loops of
Flagger and Argo Rollouts, as rivals.py has them, at any moment of their interval.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence

from bench.rig import figures
from bench.rig.breach_sim import breaches
from bench.rig.breach_site import ERRORS, RPS, SHARE_BP, BreachSite, Trial
from bench.rig.healthy import Ticks, Traffic
from bench.rig.rivals import Breach, argo_zero_s, flagger_zero_s
from bench.rig.site import folder
from bench.table import Row
from rolloutd.core.evidence import GateEvidence

MOST_S, MOST_FAILED = 2.0, 20.0
TIMES_FLAGGER_DEFAULT, TIMES_FLAGGER_FLOOR = 30.0, 7.0
EVERY_MS = 150
FLAGGER_DEFAULT_S, FLAGGER_FLOOR_S, ARGO_S = 60.0, 10.0, 60.0
SHORT_S, SOME_S, HOUR_S = 15, 225, 3_600
DIFFERENT_PASTS = 4
ERROR_RATES = (0.0, 0.001, 0.01)
_SETTLES_S = (1.0, 2.0)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="one real trial each, few runs, in about 20 seconds")
    parser.add_argument("--trials", type=int, default=20, help="real breaches after each past")
    parser.add_argument("--runs", type=int, default=2_000, help="generated breaches for each error rate and past")
    parser.add_argument("--every", type=int, default=EVERY_MS, metavar="MS", help="cadence of the source")


async def run(options: argparse.Namespace) -> list[Row]:
    """Real trials first, then the generated ones; the results of a full run are kept."""
    trials, runs = (1, 200) if options.quick else (options.trials, options.runs)
    pasts_s = (SHORT_S, SOME_S) if options.quick else (SHORT_S, HOUR_S)
    pasts = [seconds * 1000 // options.every for seconds in pasts_s]
    with folder() as place:
        site = BreachSite(place, options.every)
        rows, act_s, real = await _real(site, trials, options.every, pasts)
        plan = site.spec.plan
    for errors in ERROR_RATES:
        for past in pasts:
            found = breaches(plan, Traffic(RPS, SHARE_BP / 10_000, errors), options.every, past, runs, act_s)
            name = f"{len(found)} generated, base errors {errors:.1%}, after {_span(past, options.every)}"
            rows += _quantiles(name, [one.zero_s for one in found], [one.failed for one in found])
    rows += _rivals(real)
    if not options.quick:
        figures.keep("breach", rows, f"the proxy's counters every {options.every} ms; base errors {ERRORS:.1%}")
    return rows


async def _real(
    site: BreachSite, trials: int, every_ms: int, pasts: Sequence[int]
) -> tuple[list[Row], float, list[float]]:
    """Rows, seconds from verdict to zero, and all times to zero."""
    rows: list[Row] = []
    done: list[Trial] = []
    chance = random.Random(1)
    with site.running():
        for past in pasts:
            here: list[Trial] = []
            stored = [_past(site, past, every_ms, seed) for seed in range(min(trials, DIFFERENT_PASTS))]
            for number in range(trials):
                await site.begin(stored[number % len(stored)])
                time.sleep(chance.uniform(*_SETTLES_S))
                if number == 0:
                    rows += _cost(site, every_ms) if past == pasts[0] else []
                here.append(site.breach())
            name = f"{trials} real, base errors {ERRORS:.1%}, after {_span(past, every_ms)}"
            rows += _quantiles(name, [one.zero_s for one in here], [one.failed for one in here])
            done += here
    act_s = figures.quantile([one.zero_s - one.verdict_s for one in done], 0.5)
    rows.append(Row("real: verdict recorded to the router at zero, p50", 1000 * act_s, "ms"))
    return rows, max(0.0, act_s), [one.zero_s for one in done]


def _past(site: BreachSite, ticks: int, every_ms: int, seed: int) -> GateEvidence:
    """What the gate knows after so many healthy ticks."""
    past = Ticks(site.spec.plan, Traffic(RPS, SHARE_BP / 10_000, ERRORS), every_ms, random.Random(seed))
    for _ in range(ticks):
        past.tick()
    return past.forget_counters()


def _cost(site: BreachSite, every_ms: int) -> list[Row]:
    """What the cadence costs while nothing happens."""
    part = figures.cpu_part(site.house.program.pid, 4.0)
    return [
        Row(f"daemon's processor, one rollout, counters every {every_ms} ms", 100 * part, "% of a core"),
        Row("daemon's memory", figures.rss_mib(site.house.program.pid), "MiB"),
    ]


def _quantiles(name: str, zero_s: Sequence[float], failed: Sequence[int]) -> list[Row]:
    return [
        Row(f"{name}: breach to zero, p50", figures.quantile(zero_s, 0.5), "s"),
        Row.at_most(f"{name}: breach to zero, p99", figures.quantile(zero_s, 0.99), "s", MOST_S),
        Row(f"{name}: failed requests, p50", figures.quantile(failed, 0.5), ""),
        Row.at_most(f"{name}: failed requests, p99", figures.quantile(failed, 0.99), "", MOST_FAILED),
    ]


def _rivals(ours_s: Sequence[float]) -> list[Row]:
    """The rivals' medians over every phase of their interval, and how many of ours fit into one."""
    ours = figures.quantile(ours_s, 0.5)
    window = Breach(RPS * SHARE_BP / 10_000).window
    phases = [(number + 0.5) / 1_000 for number in range(1_000)]

    def median(zero_s: object, interval_s: float) -> float:
        assert callable(zero_s)
        return figures.quantile([zero_s(window, interval_s, phase * interval_s) for phase in phases], 0.5)

    default, floor = median(flagger_zero_s, FLAGGER_DEFAULT_S), median(flagger_zero_s, FLAGGER_FLOOR_S)
    argo = median(argo_zero_s, ARGO_S)
    return [
        Row("ours, all real trials, p50", ours, "s"),
        Row(f"Flagger, threshold 1, interval {FLAGGER_DEFAULT_S:g} s (its default), p50", default, "s"),
        Row(f"Flagger, threshold 1, interval {FLAGGER_FLOOR_S:g} s (its floor), p50", floor, "s"),
        Row(f"Argo, failureLimit 0, interval {ARGO_S:g} s, p50", argo, "s"),
        Row.at_least("times sooner than Flagger's default", default / ours, "x", TIMES_FLAGGER_DEFAULT),
        Row.at_least("times sooner than Flagger's floor", floor / ours, "x", TIMES_FLAGGER_FLOOR),
        Row("times sooner than Argo", argo / ours, "x"),
    ]


def _span(ticks: int, every_ms: int) -> str:
    seconds = ticks * every_ms / 1000
    return f"{seconds / 60:.0f} healthy minutes" if seconds >= 120 else f"{seconds:.0f} healthy seconds"
