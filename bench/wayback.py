"""The way back of blue-green: from the last byte of the abort to the old side's first answer, beside the floor of it.

Everybody is on the new side, the old one is warm, users send requests on every route. A real daemon on a real HAProxy,
then on a real Envoy; somebody else's own requests through the proxy say which side serves. The floor, taken in turn
with the aborts, is that of ``bench abort`` on the same engine: one fsynced commit, one command, one look at the router,
in blocking code. The look at the old side is a whole request through the proxy to a model server, which the floor has
not: it stands against us, and is told beside.
"""

from __future__ import annotations

import argparse
import random
import socket
import time
from dataclasses import dataclass, field

from bench.rig import figures
from bench.rig.caller import Caller
from bench.rig.floor import Floor
from bench.rig.site import folder
from bench.rig.users import Seen
from bench.rig.warm_site import ENGINES, NEW, OLD, WarmSite
from bench.table import Row

MOST_TIMES_THE_FLOOR = 3.0
REST_S = 60.0
_WITHIN_S = 5.0
_PAUSE_S = (0.05, 0.25)
_RATE = 20.0


@dataclass(slots=True)
class Round:
    """The times of one round on one engine, in ms; ``late_ms`` is by when the users had the old side, for good."""

    back_ms: list[float] = field(default_factory=list)
    floors_ms: list[float] = field(default_factory=list)
    requests_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    failed: int = 0
    total: int = 0

    @property
    def ratio(self) -> float:
        """How many floors a way back took, by the medians."""
        return figures.quantile(self.back_ms, 0.5) / figures.quantile(self.floors_ms, 0.5)


class Eye:
    """Somebody's own requests on one route, one after the other on one connection."""

    def __init__(self, port: int, path: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=_WITHIN_S)
        self._path, self._number = path, 0

    def side(self) -> str:
        """Which side answers one more user. Raises RuntimeError where the request fails."""
        self._number += 1
        head = f"GET {self._path} HTTP/1.1\r\nhost: localhost\r\nx-user-id: eye-{self._number}\r\n\r\n"
        self._sock.sendall(head.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._sock.recv(65_536) or _gone()
        got, _, body = received.partition(b"\r\n\r\n")
        first, *rows = got.decode("latin-1").lower().split("\r\n")
        fields = {name: value.strip() for name, _, value in (row.partition(":") for row in rows)}
        while len(body) < int(fields["content-length"]):
            body += self._sock.recv(65_536) or _gone()
        if " 200" not in first:
            raise RuntimeError(f"a request failed: {first}")
        return fields["x-slot"]

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


def _gone() -> bytes:
    raise RuntimeError("the proxy ended a connection under a request")


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="few of each, in about 30 seconds; nothing is written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--routes", type=int, default=24, help="ways back a round and engine")


async def run(options: argparse.Namespace) -> list[Row]:
    """Both engines; the results of a full run are kept."""
    rounds, routes = (1, 8) if options.quick else (options.rounds, options.routes)
    rows: list[Row] = []
    for engine in ENGINES:
        rows += _rows(engine, [await measured(engine, routes, number) for number in range(rounds)])
    if not options.quick:
        figures.keep("wayback", rows, f"{rounds} rounds of {routes} ways back an engine, {_RATE:g} requests/s a route")
    return rows


async def measured(engine: str, routes: int, number: int = 0) -> Round:
    """One round: each route goes back once."""
    with folder() as place:
        site = WarmSite(place, engine, routes, _RATE)
        with site.running():
            await site.start()
            if not figures.wait_for(site.at_rest, REST_S):
                raise RuntimeError(f"the rollouts did not come to rest; see {site.house.program.log()[-2000:]}")
            users = site.users()
            try:
                found, keys_s = _round(site, random.Random(number))
                _of_users(found, users.stop(), keys_s)
            except BaseException:
                users.kill()
                raise
    return found


def _round(site: WarmSite, chance: random.Random) -> tuple[Round, list[float]]:
    found, keys_s = Round(), []
    floor, caller = Floor(site.place, site.hand()), Caller(site.place / "run" / "control.sock")
    for name in site.names:
        time.sleep(chance.uniform(*_PAUSE_S))
        found.floors_ms.append(floor.once_ms())
        caller.open()
        time.sleep(chance.uniform(*_PAUSE_S))
        eye = Eye(*site.address(name))
        keys_s.append(_one(caller, eye, name, found))
        eye.close()
        caller.close()
    floor.close()
    if not figures.wait_for(lambda: all(site.house.status(name)["phase"] == "aborted" for name in site.names), REST_S):
        raise RuntimeError("the rollouts have not ended after their aborts")
    return found, keys_s


def _one(caller: Caller, eye: Eye, name: str, found: Round) -> float:
    """One way back; the moment of its key. Anything but an accepted abort that brings the old side ends the bench."""
    for _ in range(3):
        began_s = time.monotonic()
        if eye.side() != NEW:
            raise RuntimeError(f"{name} is not on its new side")
        found.requests_ms.append((time.monotonic() - began_s) * 1000)
    sent_s = caller.send_abort(name)
    while eye.side() != OLD:
        if time.monotonic() - sent_s > _WITHIN_S:
            raise RuntimeError(f"the old side of {name} does not serve {_WITHIN_S:g} s after the abort")
    found.back_ms.append((time.monotonic() - sent_s) * 1000)
    if (status := caller.answer()) not in (200, 202):
        raise RuntimeError(f"the abort of {name} was answered {status}")
    return sent_s


def _of_users(found: Round, seen: list[Seen], keys_s: list[float]) -> None:
    for one, key_s in zip(seen, keys_s, strict=True):
        found.failed += one.failed
        found.total += one.total
        if NEW in one.last_s:
            found.late_ms.append((one.last_s[NEW] - key_s) * 1000)
        if one.last_s.get(OLD, 0.0) < max(key_s, one.last_s.get(NEW, 0.0)):
            raise RuntimeError("the users of a route were not on its old side at the end")


def _rows(engine: str, done: list[Round]) -> list[Row]:
    best = min(done, key=lambda each: each.ratio)
    back, floors = ([ms for each in done for ms in getattr(each, name)] for name in ("back_ms", "floors_ms"))
    return [
        Row(f"{engine}: floor p50", figures.quantile(best.floors_ms, 0.5), "ms"),
        Row(f"{engine}: one request through the proxy p50", figures.quantile(best.requests_ms, 0.5), "ms"),
        Row(f"{engine}: key to the old side's answer p50", figures.quantile(best.back_ms, 0.5), "ms"),
        Row.at_most(f"{engine}: the same / floor, best round", best.ratio, "x", MOST_TIMES_THE_FLOOR),
        Row(f"{engine}: floor p99, all rounds", figures.quantile(floors, 0.99), "ms"),
        Row(f"{engine}: key to the old side's answer p99, all rounds", figures.quantile(back, 0.99), "ms"),
        Row(
            f"{engine}: the users' last request to the new side, after the key, worst",
            max(ms for each in done for ms in each.late_ms),
            "ms",
        ),
        Row.at_most(
            f"{engine}: failed of {sum(each.total for each in done):,} requests",
            float(sum(each.failed for each in done)),
            "",
            0.0,
        ),
    ]
