"""What a dead notifier costs an abort: two daemons side by side, with live notifiers and with dead ones.

Two real daemons on two real HAProxies, each with 50 live rollouts. The notifiers of the one take what they are told and
nothing waits; those of the other refuse the connection or never answer, and a thousand messages wait for them. Measured
from the last byte of an abort to the share read back by somebody else, in pairs a moment apart, so that a busy machine
is as busy for both.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.rig import figures
from bench.rig.caller import Caller
from bench.rig.runtime_socket import RuntimeSocket
from bench.rig.site import FleetSite, folder
from bench.table import Row

LIVE, DEAD = ("alive-1", "alive-2"), ("refuses", "hangs")
SIZE = 50
MOST_RATIO = 1.10
_WITHIN_S, _REST_S = 5.0, 60.0
_PAUSE_S = (0.02, 0.12)


@dataclass(slots=True)
class Pairs:
    """Times from command to router, in ms; the pair of one index was taken a moment apart."""

    live_ms: list[float] = field(default_factory=list)
    dead_ms: list[float] = field(default_factory=list)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="one round of 15 pairs; nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=SIZE, help="aborts a round on each side, at most 50")


async def run(options: argparse.Namespace) -> list[Row]:
    """All rounds; the results of a full run are kept."""
    rounds, pairs = (1, 15) if options.quick else (options.rounds, min(options.pairs, SIZE))
    found = await measured(rounds, pairs)
    half = figures.quantile(found.dead_ms, 0.5) / figures.quantile(found.live_ms, 0.5)
    rows = [
        Row("live notifiers: abort p50", figures.quantile(found.live_ms, 0.5), "ms"),
        Row("dead notifiers: abort p50", figures.quantile(found.dead_ms, 0.5), "ms"),
        Row.at_most("dead / live, p50", half, "x", MOST_RATIO),
        Row("live notifiers: abort p99", figures.quantile(found.live_ms, 0.99), "ms"),
        Row("dead notifiers: abort p99", figures.quantile(found.dead_ms, 0.99), "ms"),
    ]
    if not options.quick:
        note = f"{rounds} rounds of {pairs} pairs; 1,000 messages wait for the dead ones"
        figures.keep("notifier", rows, note)
    return rows


async def measured(rounds: int, pairs: int, size: int = SIZE, rest_s: float = _REST_S) -> Pairs:
    """So many rounds; each begins with all of the dead ones' messages waiting anew."""
    found = Pairs()
    with folder() as place, _both(place, size) as (live, dead):
        for number in range(rounds):
            await live.start()
            await dead.start()
            for site in (live, dead):
                figures.wait_for(site.at_rest, rest_s)
            _round(live, dead, pairs, random.Random(number), found)
            live.house.stop()
            dead.house.stop()
    return found


@contextlib.contextmanager
def _both(place: Path, size: int) -> Iterator[tuple[FleetSite, FleetSite]]:
    sides = []
    for name in ("live", "dead"):
        (place / name).mkdir()
        sides.append(FleetSite(place / name, size, tells=LIVE if name == "live" else DEAD))
    with sides[0].running(), sides[1].running():
        yield sides[0], sides[1]


def _round(live: FleetSite, dead: FleetSite, pairs: int, chance: random.Random, found: Pairs) -> None:
    looks = [
        (site, RuntimeSocket(site.proxy.socket), Caller(site.place / "run" / "control.sock")) for site in (live, dead)
    ]
    for name in chance.sample(live.names, pairs):
        for site, eye, caller in chance.sample(looks, 2):  # neither side is always the first
            time.sleep(chance.uniform(*_PAUSE_S))
            caller.open()
            (found.live_ms if site is live else found.dead_ms).append(_one(caller, eye, name))
            caller.close()


def _one(caller: Caller, eye: RuntimeSocket, name: str) -> float:
    """One abort, in ms; anything but an accepted one that takes the share away ends the bench."""
    if not eye.share_bp(f"{name}/b"):
        raise RuntimeError(f"{name} has no share to take back")
    sent_s = caller.send_abort(name)
    gone_s = eye.zero_s(f"{name}/b", _WITHIN_S)
    status = caller.answer()
    if gone_s is None or status not in (200, 202):
        raise RuntimeError(f"the abort of {name} was answered {status} and its share is {eye.share_bp(f'{name}/b')}")
    return (gone_s - sent_s) * 1000
