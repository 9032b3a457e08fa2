"""How many seeds a planted bug takes: ``python -m tests.simulation.planted_run [--trials N] [BUG ...]``. Minutes.

Each trial begins at another seed and goes on until an invariant breaks. It prints the median for each bug, and all as
one JSON object in the last line; exit code 1 when a bug was not found in more than half of its trials.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from dataclasses import asdict, dataclass

import pytest

from rolloutd.simulation.run import run_seed
from tests.simulation.planted import BUGS

MOST_SEEDS, APART = 400, 10_000
"""A trial gives up after so many seeds, and the next begins so many further on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the trials of one bug came to. ``median`` counts a trial that gave up as one seed more than it tried."""

    median: float
    trials: int
    not_found: int
    broke: str


def seeds_until(bug: str, first: int) -> tuple[int, str]:
    """How many seeds from ``first`` on until this bug breaks an invariant, and which one."""
    with pytest.MonkeyPatch.context() as patch:
        BUGS[bug](patch)
        for number in range(MOST_SEEDS):
            if broken := run_seed(first + number).broken:
                return number + 1, broken.partition(":")[0]
    return MOST_SEEDS + 1, ""


def found(bug: str, trials: int) -> Found:
    """All trials of one bug."""
    each = [seeds_until(bug, 1 + APART * number) for number in range(trials)]
    broke = Counter(word for _, word in each if word)
    words = ", ".join(word for word, _ in broke.most_common())
    return Found(statistics.median(count for count, _ in each), trials, sum(not word for _, word in each), words)


def main() -> int:
    """Try the named bugs, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="of " + ", ".join(BUGS))
    parser.add_argument("--trials", type=int, default=9)
    options = parser.parse_args()
    results: dict[str, Found] = {}
    for bug in options.bugs or BUGS:
        results[bug] = one = found(bug, options.trials)
        print(f"{bug:32} median {one.median:g} seeds of {one.trials} trials, breaks {one.broke}", flush=True)
    print(json.dumps({bug: asdict(one) for bug, one in results.items()}, sort_keys=True))
    return int(any(one.median > MOST_SEEDS for one in results.values()))


if __name__ == "__main__":
    sys.exit(main())
