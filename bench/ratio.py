"""Does the proxy give the share it says: false holds on honest splits, and how soon a dishonest one is held.

A tick is ten seconds, a run 1,000 of them at one share, looked at every tick with the shipped constants and the real
watch (core/ratio.py). A row of false holds counts all shares and traffics and holds unless it lies over its goal by
more than three standard errors. The second half does the same for the champion against its own past (stats/jump.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from math import log
from random import Random

import numpy as np

from bench.chance import estimate, splits, worlds
from bench.chance.splits import World
from bench.rig import figures
from bench.rig.healthy import Ticks, Traffic
from bench.table import Row
from rolloutd.core import ratio
from rolloutd.core.metrics import Counted, GateKind, MetricTemplate, Point, Selector
from rolloutd.core.plan import Gate, Plan, Stage
from rolloutd.core.ratio import RatioWatch
from rolloutd.core.stats.jump import JumpEvidence
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL_BP, Share
from rolloutd.core.verdict import judge

TICK_S, TICKS, QUICK_TICKS, DAY_TICKS = 10, 1_000, 300, 3_000
SHARES, TRAFFICS = (0.01, 0.1, 0.5, 0.99), (300.0, 20_000.0)
GOAL = 0.001
JUMP_GOAL = 0.001
HONEST: dict[str, tuple[World, bool]] = {
    "every request by itself": (splits.one_by_one, False),
    "time of day ±70 % with AR(1)": (splits.over_the_day, False),
    "clusters of 5": (splits.clusters(5), False),
    "clusters of mixed sizes": (splits.mixed_clusters, False),
    "a deviation of 9 % of the share": (splits.given(0.91), False),
    "arms sampled 7 s apart, every 15 s": (splits.over_the_day, False),
    "sticky, 10,000 users of lognormal activity": (splits.sticky_users(10_000), True),
    "sticky, clusters of 30": (splits.clusters(30), True),
    "sticky, sessions of 6 ticks, 3,000 at once": (splits.sessions(3_000, 6.0), True),
    "sticky, sessions of 60 ticks, 3,000 at once": (splits.sessions(3_000, 60.0), True),
}
STEADY: dict[str, Callable[[worlds.Random, int, tuple[int, int]], worlds.Ticks]] = {
    "every error by itself": lambda r, t, n: worlds.independent(r, t, n, 0.01, 0.01),
    "errors of .1 %": lambda r, t, n: worlds.independent(r, t, n, 0.001, 0.001),
    "time of day ±70 % with AR(1)": lambda r, t, n: worlds.independent(
        r, t, n, 0.01, 0.01 * worlds.diurnal(r, t, 0.7, 0.3)
    ),
    "bursts of 5": lambda r, t, n: worlds.bursts(r, t, n, (0.01, 0.01), 5),
    "arm noise, cv .6": lambda r, t, n: worlds.arm_noise(r, t, n, 0.01, 0.6),
    "instance storms of ten ticks": lambda r, t, n: worlds.storms(r, t, n, 0.01, factor=5.0, ticks=10, part=0.05),
}
FLAWED = (0.0, 0.25, 0.5, 1.5, 2.0, 5.0)
Case = tuple[int, str, float, float, int, int]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 250)


def run(options: argparse.Namespace) -> list[Row]:
    """All worlds at all shares; a full run is kept."""
    runs, ticks = estimate.runs_of(options, 6), QUICK_TICKS if options.quick else TICKS
    rows: list[Row] = []
    for name in HONEST:
        cases = [
            (options.seed, name, share, requests, ticks, k)
            for share, requests, k in product(SHARES, TRAFFICS, range(runs))
        ]
        held = [found is not None for found in estimate.each(_held_honest, cases, options.jobs)]
        by_share = ", ".join(
            f"{share:.0%}: {sum(h for h, case in zip(held, cases, strict=True) if case[2] == share)}"
            for share in SHARES
        )
        found = estimate.part(sum(held), len(held))
        rows.append(estimate.part_at_most(f"held falsely: {name} ({by_share} of {2 * runs})", found, GOAL))
    rows += _flawed(options, ticks) + _champions(options, ticks)
    if not options.quick:
        figures.keep("ratio", rows, f"seed {options.seed}, {runs} runs a share and traffic, {ticks} ticks of 10 s")
    return rows


def _flawed(options: argparse.Namespace, ticks: int) -> list[Row]:
    """Ticks until a proxy that begins to give so many times the share is held, after an honest half hour."""
    runs, rows = 5 if options.quick else 100, []
    for factor, share, requests in product(FLAWED, (0.01, 0.1), (2_000.0,)):
        cases = [(options.seed, f"{factor}", share, requests, ticks, k) for k in range(runs)]
        found = estimate.each(_held_flawed, cases, options.jobs)
        seen = [waited for waited in found if waited is not None]
        name = f"gives {factor:g} times {share:.0%}, 200 requests/s, after half an hour as asked: ticks to the hold"
        rows.append(estimate.told(f"{name} ({len(seen)} of {runs})", estimate.mean(seen or [0.0, 0.0]), "ticks"))
    return rows


def _champions(options: argparse.Namespace, ticks: int) -> list[Row]:
    """The champion against its own past: honest worlds, jumps, and what becomes of an incident that hits both arms."""
    runs, rows = 6 if options.quick else 200, []
    day = ticks if options.quick else DAY_TICKS
    for name in STEADY:
        cases = [(options.seed, name, 0.1, n, day, k) for n, k in product((30.0, 2_000.0), range(runs))]
        jumped = [found is not None for found in estimate.each(_jumped, cases, options.jobs)]
        rows.append(
            estimate.part_at_most(f"champion called sick: {name}", estimate.part(sum(jumped), len(jumped)), JUMP_GOAL)
        )
    for rate in (0.05, 0.1, 0.3):
        cases = [(options.seed, f"{rate}", 0.1, 2_000.0, 200, k) for k in range(max(4, runs // 8))]
        seen = [waited for waited in estimate.each(_jumped, cases, options.jobs) if waited is not None]
        name = f"champion goes from 1% to {rate:.0%}: ticks to the hold ({len(seen)} of {len(cases)})"
        rows.append(estimate.told(name, estimate.mean(seen or [0.0, 0.0]), "ticks"))
    for rps, errors in product((30.0, 1_000.0), (0.25, 0.5)):
        ends = estimate.each(_incident, [(options.seed, rps, errors, k) for k in range(runs)], options.jobs)
        name = f"both arms go from 1% to {errors:.0%}, limit 20%, {rps:g} requests/s, 10%"
        rows.append(estimate.part_at_most(f"{name}: blamed", estimate.part(ends.count("blamed"), runs), 0.01))
        rows.append(estimate.told(f"{name}: held", estimate.part(ends.count("held"), runs), ""))
    return rows


def _jumped(case: Case) -> int | None:
    """The tick at which the champion counts as sick, None if never; after 180 steady ones counted from the jump."""
    _, name, _, requests, ticks, number = case
    random, sizes = np.random.default_rng([case[0], len(name), round(requests), number]), (30, round(requests))
    line, evidence = log(1.0 / JUMP_GOAL), JumpEvidence.start()
    counts = [(n0, x0) for n0, x0, _, _ in STEADY.get(name, STEADY["every error by itself"])(random, ticks, sizes)]
    if name not in STEADY:
        counts = counts[:180] + [(sizes[1], int(x)) for x in random.binomial(sizes[1], float(name), ticks)]
    for k, (n, bad) in enumerate(counts):
        evidence = evidence.observe(int(n), int(bad))
        if evidence.lasting and evidence.log_e >= line:
            return k if name in STEADY else k - 180
    return None


def _incident(case: tuple[int, float, float, int]) -> str:
    """What the verdicts say first about an incident that hits both arms after half an hour: blamed, held, nothing."""
    seed, rps, errors, number = case
    plan = _plan()
    made = Ticks(plan, Traffic(rps, 0.1, 0.01), 1_000 * TICK_S, Random(f"{seed}/{number}/{rps}/{errors}"))
    for _ in range(180):
        made.tick()
    made.turn(errors)
    for _ in range(120):
        made.tick()
        found = judge(plan, {plan.gates[0].metric: made.evidence}, 0, share=made.share)
        if found.fired is not None:
            return "blamed"
        if found.both_over_limit is not None or found.outside is not None:
            return "held"
    return "nothing"


def _plan() -> Plan:
    template = MetricTemplate("errors", GateKind.PROPORTION, "slot", Selector("total"), bad=Selector("bad"))
    every_ms = 1_000 * TICK_S
    gate = Gate("errors", "proxy", template, 3 * every_ms, every_ms, Margin.ratio(1.0), Margin.ratio(1.5), limit=0.2)
    hours_ms = 4 * 3_600_000
    stages = (Stage("tenth", Share(1_000), 0, hours_ms), Stage("watch", Share(9_900), 0, hours_ms))
    return Plan("bench", stages, (gate,))


def _random(case: Case) -> np.random.Generator:
    seed, name, share, requests, _, number = case
    known = list(HONEST).index(name) if name in HONEST else 100 + round(float(name) * 100)
    return np.random.default_rng([seed, known, round(share * 1_000), round(requests), number])


def _held_honest(case: Case) -> int | None:
    _, name, share, requests, ticks, _ = case
    world, sticky = HONEST[name]
    random = _random(case)
    champion, challenger = world(random, ticks, requests, min(share, 1.0 - share))
    if share > 0.5:
        champion, challenger = challenger, champion
    if name.startswith("arms sampled"):
        return _held(_apart(champion, challenger), share, sticky=sticky)
    return _held(
        [(c0, c1, 10 * k, 10 * k) for k, (c0, c1) in enumerate(zip(champion, challenger, strict=True))],
        share,
        sticky=sticky,
    )


def _held_flawed(case: Case) -> int | None:
    _, factor, share, requests, ticks, _ = case
    random, honest = _random(case), 180
    before = splits.one_by_one(random, honest, requests, share)
    after = splits.given(float(factor))(random, ticks, requests, share)
    champion, challenger = (np.concatenate(pair) for pair in zip(before, after, strict=True))
    ticked = [(c0, c1, 10 * k, 10 * k) for k, (c0, c1) in enumerate(zip(champion, challenger, strict=True))]
    found = _held(ticked, share, sticky=False)
    return None if found is None else found - honest


def _apart(champion: splits.Counts, challenger: splits.Counts) -> list[tuple[int, int, int, int]]:
    """The same requests read every ten seconds from counters that are sampled every 15 s, the arms 7 s apart.

    Within a tick requests come evenly, so a sample in its middle has half of them.
    """
    sums = [np.concatenate(([0], np.cumsum(arm))) for arm in (champion, challenger)]
    ticked, last = [], [0, 0]
    for k in range(1, len(champion)):
        now_s = 10 * k
        at = [15 * (now_s // 15), 15 * ((now_s - 7) // 15) + 7]
        at[1] = max(at[1], 0)
        values = [int(np.interp(moment / 10, range(len(total)), total)) for moment, total in zip(at, sums, strict=True)]
        ticked.append((values[0] - last[0], values[1] - last[1], at[0], at[1]))
        last = values
    return ticked


def _held(ticked: list[tuple[int, int, int, int]], share: float, *, sticky: bool) -> int | None:
    """The tick at which the watch has evidence enough and strays, None if it never does."""
    watch, asked, line = RatioWatch.start(3), Share(round(share * FULL_BP)), log(1.0 / ratio.ALPHA)
    watch = watch.look(_at(-TICK_S), _at(-TICK_S))
    for k, (champion, challenger, champion_s, challenger_s) in enumerate(ticked):
        readings = _at(champion_s), _at(challenger_s)
        watch = watch.observe(int(champion), int(challenger), readings, asked, sticky=sticky)
        if watch.evidence.log_e >= line and watch.strays(asked, sticky=sticky):
            return k
    return None


def _at(second: int) -> Counted:
    return Counted((Point("total", 0.0, second * 1_000),), ())
