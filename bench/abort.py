"""How long an abort takes from the last byte of its request to the share read back by somebody else, beside its floor.

A request on an open control socket; a real daemon on a real HAProxy; a second connection of the bench's own looks at
the share table until the entry is gone. The floor, taken in turn with the aborts, is what blocking code needs for one
fsynced commit, one command and one look. Beside it stands a bare daemon (``bench.rig.bare``) that does the same three
things behind an event loop and a writing thread, and nothing else: what it takes is no work of ours to save. A fleet of
rollouts is live all the time, on a 10 s tick and a metric source.
In one case a thousand messages wait for three notifiers: one takes them, one refuses the connection, one never answers.
Where servers and metrics refuse or hang, the model registry does so with them.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.rig import figures
from bench.rig.bare import bare_daemon
from bench.rig.caller import Caller
from bench.rig.floor import Floor, TableHand
from bench.rig.post import NAMES
from bench.rig.runtime_socket import RuntimeSocket
from bench.rig.site import SHARE_BP, FleetProxy, FleetSite, folder
from bench.table import Row
from tests.engines.processes import free_port

MOST_TIMES_THE_FLOOR, MOST_MS = 2.5, 100.0
FEW, MANY = 50, 1_000
REST_S, QUICK_REST_S = 60.0, 1.0
IDLE_S = 30.0
_WITHIN_S = 5.0
_PAUSE_S = (0.02, 0.18)
"""Between aborts and floors, so that fifty of each are spread over a whole cycle of ticks and polls."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the world is like while the aborts come. ``spoil`` takes the site's metric source and servers away."""

    name: str
    size: int
    spoil: Callable[[FleetSite], None] | None = None
    tells: bool = False


def _hang(site: FleetSite) -> None:
    site.fleet.signal(signal.SIGSTOP)


def _die(site: FleetSite) -> None:
    site.fleet.kill()


CASES = (
    Case("healthy", FEW),
    Case("servers, metrics and registry refuse", FEW, _die),
    Case("servers, metrics and registry hang", FEW, _hang),
    Case("notifiers alive, refusing and hanging", FEW, tells=True),
    Case("1,000 rollouts tick", MANY),
    Case("1,000 tick, servers, metrics and registry hang", MANY, _hang),
)


@dataclass(slots=True)
class Round:
    """The times of one round, in ms."""

    aborts_ms: list[float] = field(default_factory=list)
    replies_ms: list[float] = field(default_factory=list)
    floors_ms: list[float] = field(default_factory=list)
    cpu: float = 0.0
    rss_mib: float = 0.0

    @property
    def ratio(self) -> float:
        """How many floors an abort took, by the medians."""
        return figures.quantile(self.aborts_ms, 0.5) / figures.quantile(self.floors_ms, 0.5)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="fewer aborts, in about 20 seconds; nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--aborts", type=int, default=50, help="aborts a round and case, at most 50")


async def run(options: argparse.Namespace) -> list[Row]:
    """All cases, one after the other; the results of a full run are kept."""
    rounds, aborts = (1, 20) if options.quick else (options.rounds, min(options.aborts, FEW))
    cases = [case for case in CASES if not options.quick or case.name in ("healthy", "1,000 rollouts tick")]
    rows = _bare(rounds, aborts)
    for size in () if options.quick else (1, MANY):
        rows += await _idle(size)
    for case in cases:
        rows += _rows(case, await _measured(case, rounds, aborts, QUICK_REST_S if options.quick else REST_S))
    if not options.quick:
        figures.keep("abort", rows, f"{rounds} rounds of {aborts} aborts a case; the fleet loses those it aborts")
    return rows


def _bare(rounds: int, aborts: int) -> list[Row]:
    """The same aborts, asked of a daemon that decides nothing; its best round."""
    names = [f"fleet-{number:04}" for number in range(aborts)]
    done = []
    with folder() as place, FleetProxy(place, free_port(), names) as proxy, bare_daemon(place, proxy.socket) as socket:
        for number in range(rounds):
            floor, eye = Floor(place, TableHand(proxy.socket)), RuntimeSocket(proxy.socket)
            for name in names:
                eye.set_share(f"{name}/b", SHARE_BP)
            done.append(_aborted(floor, eye, Caller(socket), names, random.Random(number)))
    best = min(done, key=lambda each: each.ratio)
    return [
        Row("a bare daemon without rollouts: abort p50", figures.quantile(best.aborts_ms, 0.5), "ms"),
        Row("a bare daemon without rollouts: abort p50 / floor p50, best round", best.ratio, "x"),
    ]


async def _idle(size: int) -> list[Row]:
    """What a daemon costs that only watches over so many rollouts, over three cycles of ticks."""
    with folder() as place:
        site = FleetSite(place, size)
        with site.running():
            await site.start()
            figures.wait_for(site.at_rest, REST_S)
            pid = site.house.program.pid
            part, rss_mib = figures.cpu_part(pid, IDLE_S), figures.rss_mib(pid)
    name = f"{size:,} rollout{'s' if size > 1 else ''} on a 10 s tick and source, nobody asking"
    return [
        Row(f"{name}: daemon's processor", 100 * part, "% of a core"),
        Row(f"{name}: daemon's memory", rss_mib, "MiB"),
    ]


async def _measured(case: Case, rounds: int, aborts: int, rest_s: float = REST_S) -> list[Round]:
    done = []
    with folder() as place:
        site = FleetSite(place, case.size, tells=NAMES if case.tells else (), registered=case.spoil is not None)
        with site.running():
            for number in range(rounds):
                if not site.fleet.running:
                    site.start_fleet()
                await site.start()
                done.append(_round(site, case, aborts, random.Random(number), rest_s))
                if site.fleet.running:
                    site.fleet.signal(signal.SIGCONT)
                site.house.stop()
    return done


def _round(site: FleetSite, case: Case, aborts: int, chance: random.Random, rest_s: float) -> Round:
    pid = site.house.program.pid
    if not figures.wait_for(site.at_rest, rest_s) and rest_s == REST_S:
        raise RuntimeError(f"the fleet did not come to rest; see {site.house.program.log()[-2000:]}")
    if case.spoil is not None:
        case.spoil(site)
    before_s, began_s = figures.cpu_s(pid), time.monotonic()
    floor, eye = Floor(site.place, TableHand(site.proxy.socket)), RuntimeSocket(site.proxy.socket)
    caller = Caller(site.place / "run" / "control.sock")
    found = _aborted(floor, eye, caller, chance.sample(site.names, aborts), chance)
    found.cpu = (figures.cpu_s(pid) - before_s) / (time.monotonic() - began_s)
    found.rss_mib = figures.rss_mib(pid)
    return found


def _aborted(floor: Floor, eye: RuntimeSocket, caller: Caller, names: list[str], chance: random.Random) -> Round:
    """Each of these aborted once, each time after a floor of its own."""
    found = Round()
    for name in names:
        time.sleep(chance.uniform(*_PAUSE_S))
        found.floors_ms.append(floor.once_ms())
        caller.open()
        time.sleep(chance.uniform(*_PAUSE_S))
        _one(caller, eye, name, found)
        caller.close()
    floor.close()
    return found


def _one(caller: Caller, eye: RuntimeSocket, name: str, found: Round) -> None:
    """One abort; anything but an accepted one that takes the share away ends the bench."""
    if not eye.share_bp(f"{name}/b"):
        raise RuntimeError(f"{name} has no share to take back")
    sent_s = caller.send_abort(name)
    gone_s = eye.zero_s(f"{name}/b", _WITHIN_S)
    status = caller.answer()
    if gone_s is None or status not in (200, 202):
        raise RuntimeError(f"the abort of {name} was answered {status} and its share is {eye.share_bp(f'{name}/b')}")
    found.aborts_ms.append((gone_s - sent_s) * 1000)
    found.replies_ms.append((time.monotonic() - sent_s) * 1000)


def _rows(case: Case, done: list[Round]) -> list[Row]:
    aborts = [value for each in done for value in each.aborts_ms]
    floors = [value for each in done for value in each.floors_ms]
    replies = [value for each in done for value in each.replies_ms]
    best = min(done, key=lambda each: each.ratio)
    return [
        Row(f"{case.name}: floor p50", figures.quantile(best.floors_ms, 0.5), "ms"),
        Row(f"{case.name}: abort p50", figures.quantile(best.aborts_ms, 0.5), "ms"),
        Row.at_most(f"{case.name}: abort p50 / floor p50, best round", best.ratio, "x", MOST_TIMES_THE_FLOOR),
        Row(f"{case.name}: floor p99, all rounds", figures.quantile(floors, 0.99), "ms"),
        Row.at_most(f"{case.name}: abort p99, all rounds", figures.quantile(aborts, 0.99), "ms", MOST_MS),
        Row(f"{case.name}: abort worst of {len(aborts)}", max(aborts), "ms"),
        Row(f"{case.name}: answered p50", figures.quantile(replies, 0.5), "ms"),
        Row(f"{case.name}: daemon's processor", 100 * max(each.cpu for each in done), "% of a core"),
        Row(f"{case.name}: daemon's memory", max(each.rss_mib for each in done), "MiB"),
    ]
