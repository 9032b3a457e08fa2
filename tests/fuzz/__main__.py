"""``./dev fuzz --minutes M``: throws mutated texts at every reader and at the sockets, and tells what broke.

One (seed, count) replays exactly. It prints a table; an input that broke something is printed whole, and the exit is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import time
import traceback

from tests.fuzz.mutate import mutated
from tests.fuzz.sockets import throw
from tests.fuzz.targets import Target, targets

HANG_S = 2.0
"""Of processor: so long nothing that this text is part of may hold up the event loop, on a busy machine too."""


def read_many(target: Target, most: int, seed: int, until_s: float = float("inf")) -> tuple[int, str]:
    """Give a reader up to ``most`` texts; how many it took, and what broke it, empty when nothing did."""
    chance = random.Random(f"{target.name} {seed}")
    for number in range(most):
        if number % 64 == 0 and time.monotonic() > until_s:
            return number, ""
        data, began_s = mutated(target.corpus, chance), time.process_time()
        try:
            target.read(data)
        except target.may_raise:
            pass
        except Exception:  # noqa: BLE001 - finding these is the work
            return number, f"{data!r}\n{traceback.format_exc()}"
        if (took_s := time.process_time() - began_s) > HANG_S:
            return number, f"{data!r}\ntook {took_s:.1f} s"
    return most, ""


def peak_mib() -> float:
    """The most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Fuzz for so long; 0 when nothing broke."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    every, began_s = targets(), time.monotonic()
    share_s = options.minutes * 60 / (len(every) + 1)
    total, broken, before_mib = 0, 0, 0.0
    for place, target in enumerate(every, 1):
        done, trouble = read_many(target, sys.maxsize, options.seed, began_s + place * share_s)
        total, broken = total + done, broken + bool(trouble)
        print(f"  {target.name:<20} {done:>12,} inputs  {'BROKE ' + trouble if trouble else 'ok'}")
        before_mib = before_mib or peak_mib()
    sent, until_s, seed, wrong = 0, began_s + options.minutes * 60, options.seed, list[str]()
    while not wrong and time.monotonic() < until_s:
        more, wrong = asyncio.run(throw(20_000, seed, until_s))
        sent, seed = sent + more, seed + 1
    print(f"  {'sockets':<20} {sent:>12,} inputs  {'BROKE ' + '; '.join(wrong) if wrong else 'ok'}")
    print(f"  {total + sent:,} inputs, {broken + bool(wrong)} broke; memory grew {peak_mib() - before_mib:.0f} MiB")
    return int(bool(broken or wrong))


if __name__ == "__main__":
    sys.exit(main())
