"""How often a harmless challenger is taken back, in seventeen ways in which errors come; and how often others would.

60,000 challenger requests, a look at every tick of 20, two metrics, restarts on, nothing configured, alpha .01. Runs of
all shares count; a row holds unless the estimate lies over its goal by more than three standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from math import log

import numpy as np
from numpy.typing import NDArray

from bench.chance import engine, estimate, worlds
from bench.chance.counters import scraped
from bench.chance.many import Many
from bench.chance.worlds import Random, Tick, Ticks, arm_sizes
from bench.rig import figures
from bench.rivals import classic, loops, minutes
from bench.table import Row
from rolloutd.core.stats.combine import harm_average
from rolloutd.core.stats.earlier import NOTHING_KNOWN, Clinging, clinging
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.stats.segments import SegmentedHarm

P0 = 0.01
SHARES = (0.01, 0.1, 0.5)
CHALLENGER_N, TICKS, QUICK_TICKS = 20, 3_000, 750
STRICT, LOOSE = 0.01, 0.015
KAYENTA_RUNS = 100
Sizes = tuple[int, int]
World = Callable[[Random, int, Sizes], Iterator[Tick] | Ticks]


def _diurnal(random: Random, count: int, sizes: Sizes) -> Ticks:
    rates = P0 * worlds.diurnal(random, count, swing=0.7, noise_sd=0.3)
    return worlds.independent(random, count, sizes, rates, rates)


COLD, WARM_UP_TICKS = "a cold start, 2.5 times the errors in a warm-up of 30 ticks", 30

WORLDS: dict[str, World] = {
    "clean": lambda r, t, n: worlds.independent(r, t, n, P0, P0),
    "p0 = .1 %": lambda r, t, n: worlds.independent(r, t, n, P0 / 10, P0 / 10),
    "time of day ±70 % with AR(1)": _diurnal,
    "on the ratio margin 1.2": lambda r, t, n: worlds.independent(r, t, n, 1.2 * P0, P0),
    "on the difference margin .5 pp": lambda r, t, n: worlds.independent(r, t, n, P0 + 0.005, P0),
    "mix shift between two segments": lambda r, t, n: worlds.independent(r, t, n, P0, P0),  # see _segmented
    "servers restart": lambda r, t, n: scraped(r, worlds.independent(r, t, n, P0, P0), servers=3, restarts=0.005),
    COLD: lambda r, t, n: worlds.independent(r, t, n, P0 * np.where(np.arange(t) < WARM_UP_TICKS, 2.5, 1.0), P0),
    "history of a rate 30 times lower": lambda r, t, n: worlds.independent(r, t, n, P0, P0),
    "bursts of 5": lambda r, t, n: worlds.bursts(r, t, n, (P0, P0), 5),
    "geometric bursts, mean 3": lambda r, t, n: worlds.geometric_bursts(r, t, n, P0, 3.0),
    "gamma per tick and slice, cv .6": lambda r, t, n: worlds.slice_noise(r, t, n, P0, 0.6),
    "one flaky champion instance x5": lambda r, t, n: worlds.flaky(r, t, n, P0, 5.0),
    "arm noise, cv .3": lambda r, t, n: worlds.arm_noise(r, t, n, P0, 0.3),
    "arm noise, cv .6": lambda r, t, n: worlds.arm_noise(r, t, n, P0, 0.6),
    "retries spill into the next tick": lambda r, t, n: worlds.spilling(r, t, n, P0, 3),
    "instance storms of ten ticks": lambda r, t, n: worlds.storms(r, t, n, P0, factor=5.0, ticks=10, part=0.05),
}
PAST_KNOWN, EARLIER = ", after two earlier rollouts of as many ticks", 2
WORLDS |= {
    f"{name}{PAST_KNOWN}": WORLDS[name] for name in ("retries spill into the next tick", "instance storms of ten ticks")
}
LOOSE_WORLDS = ("arm noise, cv .6", "retries spill into the next tick", "instance storms of ten ticks")
MARGINS = {"on the ratio margin 1.2": Margin.ratio(1.2), "on the difference margin .5 pp": Margin.difference(0.005)}
SEGMENTS = {
    "old": (0.04, 0.5, 0.1),
    "new": (0.005, 0.5, 0.9),
}  # rate, part of the challenger's and the champion's requests
FEWER = {"mix shift between two segments": 8, "servers restart": 4}  # slow ones: a part of the runs
BATCH = 125
Case = tuple[int, str, float, int, int, int]  # seed, world, share, ticks, first run, runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    estimate.add_options(parser, 1_000)


def run(options: argparse.Namespace) -> list[Row]:
    """All worlds at all shares; a full run is kept."""
    all_runs = estimate.runs_of(options, 24)
    ticks = QUICK_TICKS if options.quick else TICKS
    rows: list[Row] = []
    for name in WORLDS:
        limit = LOOSE if name.removesuffix(PAST_KNOWN) in LOOSE_WORLDS else STRICT
        runs, alarms = max(all_runs // FEWER.get(name, 1), 3), []
        for share in SHARES:
            cases = [
                (options.seed, name, share, ticks, first, min(BATCH, runs - first)) for first in range(0, runs, BATCH)
            ]
            alarms.append(sum(estimate.each(_alarms, cases, options.jobs)))
        by_share = ", ".join(f"{share:.0%}: {count}" for share, count in zip(SHARES, alarms, strict=True))
        found = estimate.part(sum(alarms), runs * len(SHARES))
        rows.append(estimate.part_at_most(f"{name} ({by_share} of {runs})", found, limit))
    rows += _others(options, ticks)
    if not options.quick:
        note = f"seed {options.seed}, {all_runs} runs a share, {ticks} ticks of {CHALLENGER_N} challenger requests"
        figures.keep("falsealarm", rows, note)
    return rows


def _random(case: Case, number: int, metric: int = 0) -> Random:
    seed, name, share = case[:3]
    return np.random.default_rng([seed, list(WORLDS).index(name), round(share * 1000), number, metric])


def _alarms(case: Case) -> int:
    """In how many runs two metrics of the same world ever show harm together."""
    _, name, share, ticks, first, runs = case
    if name.startswith("mix shift"):
        return sum(_segmented(case, number) for number in range(first, first + runs))
    sizes, margin = arm_sizes(share, CHALLENGER_N), MARGINS.get(name, engine.EQUAL)
    line, past = engine.FIRE + log(2.0), [_history(case, sizes, first + k) for k in range(runs)]
    pair = [Many(runs, line=line, margin=margin, history=past) for _ in range(2)]
    counts = [
        _stacked([list(WORLDS[name](_random(case, first + k, m), ticks, sizes)) for k in range(runs)]) for m in (0, 1)
    ]
    left = np.arange(runs)
    for tick in range(counts[0].shape[0]):
        for evidence, made in zip(pair, counts, strict=True):
            evidence.observe(*made[tick][:, left], gross_only=name == COLD and tick < WARM_UP_TICKS)
        quiet = np.logaddexp(pair[0].log_e, pair[1].log_e) - log(2.0) < engine.FIRE
        if not quiet.all():
            left = left[quiet]
            for evidence in pair:
                evidence.keep(quiet)
    return runs - len(left)


def _stacked(runs: list[list[Tick]]) -> NDArray[np.int64]:
    """By tick, then champion n, bad, challenger n, bad, then run."""
    return np.array(runs, dtype=np.int64).transpose(1, 2, 0)


def _history(case: Case, sizes: Sizes, number: int) -> Clinging:
    """What earlier rollouts on the route show, where the world has any: by default there were none."""
    random, name, ticks = _random(case, number, 9), case[1], EARLIER * case[3]
    if name.startswith("history"):
        made: Iterable[Tick] = worlds.independent(random, ticks, sizes, P0 / 30, P0 / 30)
    elif name.endswith(PAST_KNOWN):
        made = WORLDS[name](random, ticks, sizes)
    else:
        return NOTHING_KNOWN
    return clinging([[Increment(*tick) for tick in made]])


def _segmented(case: Case, number: int) -> bool:
    """The champion has mostly users who err little, the challenger half of each kind; in no segment is it worse."""
    share, ticks = case[2], case[3]
    n1, n0 = arm_sizes(share, CHALLENGER_N)
    line = engine.FIRE + log(2.0)
    pair = [SegmentedHarm.start(engine.EQUAL, engine.LATER_STAGES, tuple(SEGMENTS), line=line) for _ in range(2)]
    streams = []
    for metric in range(2):
        random = _random(case, number, metric)
        streams.append(
            [
                worlds.independent(random, ticks, (round(n1 * mine), round(n0 * theirs)), rate, rate)
                for rate, mine, theirs in SEGMENTS.values()
            ]
        )
    for both in zip(*(zip(*stream, strict=True) for stream in streams), strict=True):
        pair = [
            evidence.observe({name: Increment(*tick) for name, tick in zip(SEGMENTS, segments, strict=True)})
            for evidence, segments in zip(pair, both, strict=True)
        ]
        if harm_average([evidence.log_e for evidence in pair], [0.5, 0.5]) >= engine.FIRE:
            return True
    return False


def _others(options: argparse.Namespace, ticks: int) -> list[Row]:
    """What the tests of others do on the same clean traffic and on bursts, each at its nominal 1 %."""
    runs, rows = (20 if options.quick else 300), []
    for name, share in product(("clean", "bursts of 5"), SHARES):
        cases = [(options.seed + 1, name, share, ticks, k, 1) for k in range(runs)]
        found = np.sum(estimate.each(_classic, cases, options.jobs), axis=0).tolist()
        for other, count in zip(
            ("z-test at every look", "normal mixture SPRT", "conditional test"), found, strict=True
        ):
            rows.append(estimate.told(f"{name}, {share:.0%}: {other}", _percent(count, runs), "%"))
    kayenta = 5 if options.quick else KAYENTA_RUNS
    for champions, of in ((1, "as large"), (99, "99 times as large")):
        seen = estimate.each(_kayenta, [(options.seed, champions, k) for k in range(kayenta)], options.jobs)
        for column, way in enumerate(("upwards", "in either direction")):
            name = f"Kayenta's interval leaves zero {way} within 8 h, champion {of}"
            rows.append(estimate.told(name, _percent(sum(one[column] for one in seen), kayenta), "%"))
    for p0, failures in product((0.01, 0.005, 0.002), (5, 10)):
        alarm = loops.tail(minutes.DAY_PART, loops.tail(100, p0, 1), failures - 1)
        rows.append(
            Row(f"Flagger, success >= 99 %, threshold {failures}, p0 = {p0:.1%}, 100 a minute, 8 h", 100 * alarm, "%")
        )
    return rows


def _percent(count: int, runs: int) -> estimate.Estimate:
    found = estimate.part(count, runs)
    return estimate.Estimate(100 * found.value, 100 * found.error)


def _classic(case: Case) -> list[bool]:
    _, name, share, ticks, number, _ = case
    made = WORLDS[name](_random(case, number), ticks, arm_sizes(share, CHALLENGER_N))
    if not isinstance(made, Ticks):
        raise TypeError(f"{name} gives no arrays")
    counts = (made.n1, made.x1, made.n0, made.x0)
    return [
        bool((classic.z_values(*counts) >= classic.z_level(engine.ALPHA)).any()),
        bool((classic.normal_msprt(*counts) >= engine.FIRE).any()),
        bool((classic.deflated(*counts, phi=1.0) >= engine.FIRE).any()),
    ]


def _kayenta(case: tuple[int, int, int]) -> tuple[bool, bool]:
    return minutes.kayenta_strays(case, 100, case[1], P0)
