"""The simulator's command line: runs seeds, prints what they came to, and the whole story of the first that broke."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from time import monotonic

from rolloutd.core.events import EvidenceSealed, VerdictReached
from rolloutd.simulation.fortnight import fortnight, local
from rolloutd.simulation.run import Result, run_scenario, run_seed
from rolloutd.simulation.stores import StoreKind, file_system
from rolloutd.simulation.trace import LAST_LINES
from rolloutd.story import tell

SEEDS_AT_ONCE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the asked seeds; 0 when every invariant held in each of them, 1 otherwise."""
    options = _parser().parse_args(arguments)
    if options.fortnight:
        return _fortnight(options.store)
    seeds = range(options.start, options.start + options.seeds)
    began_s = monotonic()
    summary = Summary(options.store)
    for result in _results(seeds, options.jobs, options.store):
        summary.add(result)
        if options.verbose:
            print("\n".join(result.tail), f"seed {result.seed}: {result.outcome}, digest {result.digest}", sep="\n")
        if result.broken:
            _tell(result)
    if options.json:
        print(json.dumps(summary.as_dict(), sort_keys=True))
    else:
        summary.tell(monotonic() - began_s)
    return 1 if summary.failed else 0


class Summary:
    """Counts over all seeds, and what they ran on."""

    def __init__(self, store: StoreKind) -> None:
        self.store = store
        self.file_system = file_system(store)
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.failed: list[int] = []
        self.seeds = self.events = self.virtual_ms = 0

    def add(self, result: Result) -> None:
        """One more seed."""
        self.seeds += 1
        self.events += result.events
        self.virtual_ms += result.virtual_ms
        self.outcomes[result.outcome] += 1
        self.faults += result.faults
        if result.broken:
            self.failed.append(result.seed)

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        return {
            "store": self.store.value,
            "file_system": self.file_system,
            "seeds": self.seeds,
            "simulated_hours": round(self.virtual_ms / 3_600_000, 2),
            "events": self.events,
            "outcomes": dict(self.outcomes),
            "faults": dict(self.faults),
            "failed_seeds": self.failed,
        }

    def tell(self, took_s: float) -> None:
        """For people; the last line is the one that scripts of old look at."""
        hours = self.virtual_ms / 3_600_000
        rate = self.seeds / took_s if took_s else 0.0
        store = "in memory" if self.store is StoreKind.MEMORY else f"{self.store} on {self.file_system}"
        print(f"{self.seeds} seeds, {hours:.1f} simulated hours, {self.events} events, {rate:.1f} seeds/s, {store}")
        print("outcomes: " + ", ".join(f"{name} {n}" for name, n in self.outcomes.most_common()))
        print("faults: " + ", ".join(f"{name} {n}" for name, n in self.faults.most_common()))
        print(f"{self.seeds - len(self.failed)} passed, {len(self.failed)} failed")


def _tell(result: Result) -> None:
    print(f"seed {result.seed} broke at {result.virtual_ms / 1000:.3f} s")
    print(f"  {result.broken}")
    print("\n".join(result.tail[-LAST_LINES:]))
    print(f"again: ./dev sim --seeds 1 --from {result.seed} --verbose")


def _fortnight(store: StoreKind) -> int:
    """The two weeks, told in local time; 0 when every invariant held and it is done."""
    began_s = monotonic()
    result, rows = run_scenario(fortnight(), store)
    for row in rows:
        if not isinstance(row.event, EvidenceSealed | VerdictReached):
            what, why = tell(row.event)
            print(f"{local(row.at.wall_ms):%a %d %b %H:%M:%S %Z}  {what}" + (f": {why}" if why else ""))
    days = result.virtual_ms / 86_400_000
    print(f"{days:.1f} days, {result.events} events, {monotonic() - began_s:.1f} s, {result.outcome}{result.broken}")
    return 0 if result.outcome == "done" and not result.broken else 1


def _results(seeds: Sequence[int], jobs: int, store: StoreKind) -> Iterator[Result]:
    """In the order of the seeds. A few of them are not worth another process."""
    run = partial(run_seed, store=store)
    jobs = min(jobs, -(-len(seeds) // SEEDS_AT_ONCE))
    if jobs <= 1:
        yield from map(run, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(run, seeds, chunksize=SEEDS_AT_ONCE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--from", type=int, default=1, dest="start", metavar="SEED", help="the first seed")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help="how many processes share the seeds (%(default)s)")
    parser.add_argument(
        "--store",
        type=StoreKind,
        choices=tuple(StoreKind),
        default=StoreKind.SQLITE,
        help="the daemon's own files on tmpfs, or doubles in memory: the same seed is the same story on both",
    )
    parser.add_argument("--fortnight", action="store_true", help="two weeks of a major rollout instead of seeds")
    parser.add_argument("--verbose", action="store_true", help="print the whole story of every seed")
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
