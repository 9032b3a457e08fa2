"""Shadow: pairs joined and judged in a minute, how soon disagreement is caught, and what a copy costs users.

Pairs: log lines as servers write them, through the real reader, join and gate arithmetic, in CPU time of one process.
Disagreement: one percentage point more than the margin, looked at every 20 pairs, against the Kelly bound of whoever
knows the rates. Latency: the real proxies with a challenger that never answers; blocks with and without the mirror take
turns, and each pair of blocks gives one ratio of their p99.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import log, sqrt
from pathlib import Path

from bench.table import Row
from rollout_adapters.metrics.templates import make_template
from rollout_adapters.predictions.formats import reader_of
from rollout_adapters.predictions.joiner import Joiner
from rollout_adapters.predictions.record import Record
from rollout_adapters.predictions.source import parse
from rolloutd.core.pairs import harm_log_e, safe_log_e
from rolloutd.core.plan import Gate
from rolloutd.core.stats.increment import Increment
from rolloutd.core.stats.margins import Margin
from rolloutd.core.values import FULL, ZERO, Slot
from rolloutd.ports import Mirrors, Router
from tests.engines.envoy import Envoy
from tests.engines.nginx import Nginx
from tests.engines.servers import ModelServer, ServerThread

ALPHA, LOOK_EVERY = 0.01, 20
PAIRS, TICK_PAIRS = 200_000, 2_000
LIMIT, MARGIN = 0.02, 0.005
NULL_PAIRS = 10_000
BLOCK, BLOCKS = {"Envoy": 300, "nginx": 50}, {"Envoy": 24, "nginx": 6}
"""Requests a block and pairs of blocks; each of nginx's requests waits for the copy of the one before it."""
GAP_S = 0.005
"""Between two requests: users come at their own pace, not as fast as a proxy can answer."""
MIRROR_TIMEOUT_MS = 100.0
Draw = Callable[[random.Random], tuple[int, int]]
"""One pair: whether the challenger was worse, and whether the champion was."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much of it."""
    parser.add_argument("--runs", type=int, default=300, help="simulated rollouts a row (default 300)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs that are joined (default {PAIRS:,})")


def run(args: argparse.Namespace) -> list[Row]:
    """All three, in this order."""
    return [
        joined_and_judged(args.pairs),
        *caught(args.runs),
        *asyncio.run(_costs_users()),
    ]


def gate(kind: str, limit: float | None = LIMIT, margin: float = 0.0) -> Gate:
    """A gate on pairs with the margins of this bench."""
    harm, accept = Margin.difference(margin), Margin.difference(0.01)
    return Gate("m", "answers", make_template(kind), 10_000, 5_000, harm, accept, limit)


def joined_and_judged(pairs: int) -> Row:
    """CPU time from log lines to the evidence of two gates, a tick each so many pairs."""
    chance, read = random.Random(1), reader_of("rolloutd", "")
    lines = [line for n in range(pairs) for line in _lines(n, chance)]
    joiner, gates = Joiner(10_000, 100_000), (gate("pairs.agreement"), gate("pairs.coverage", 0.01))
    began_s = time.process_time()
    for start in range(0, len(lines), 2 * TICK_PAIRS):
        said, _ = parse(lines[start : start + 2 * TICK_PAIRS], read)
        joiner.add([line for line in said if isinstance(line, Record)], start)
        joiner.expire(start)
        counts = joiner.arms["b"]
        sums = Increment(counts.due, counts.unpaired, counts.answered, counts.differ)
        for each in gates:
            harm_log_e(each, sums, sums, FULL)
            safe_log_e(each, sums, FULL)
    took_s = time.process_time() - began_s
    assert joiner.arms["b"].pairs == pairs
    return Row.at_least("pairs joined and judged in a minute of one core", pairs / took_s * 60, "pairs", 100_000)


def _lines(number: int, chance: random.Random) -> tuple[bytes, bytes]:
    """What both servers wrote about one request."""
    said = {"request_id": f"{chance.getrandbits(128):032x}", "version": "v7", "status": 200, "latency_ms": 12.5}
    label = f"label-{number % 50}"
    other = label if chance.random() > LIMIT else "another"
    return tuple(json.dumps({**said, "arm": arm, "output": out}).encode() for arm, out in (("a", label), ("b", other)))  # type: ignore[return-value]


def caught(runs: int) -> list[Row]:
    """Mean pairs to the alarm over the Kelly bound, and alarms where there is nothing to find."""
    agrees = gate("pairs.agreement")
    worse = gate("pairs.errors", None, MARGIN)
    cases = (
        ("disagrees on 1pp more than its limit of 2%", agrees, _differs(LIMIT + 0.01), _kelly_limit(), _differs(LIMIT)),
        ("fails alone 1pp beyond its margin of .5pp", worse, _alone(0.02, 0.005), _kelly_bet(), _alone(0.01, 0.005)),
    )
    rows = []
    for name, one, at, bound, null in cases:
        found = [_until_alarm(one, at, random.Random(seed), 60_000) for seed in range(runs)]
        times = [n for n in found if n is not None]
        mean = statistics.fmean(times) if len(times) == len(found) else None
        rows.append(Row(f"{name}: mean pairs", mean, "pairs", f"bound {bound:,.0f}"))
        over = mean / bound if mean else None
        title = f"{name}: over the Kelly bound"
        rows.append(Row.at_most(title, over, "x", 1.3) if one is agrees else Row(title, over, "x"))
        false = sum(_until_alarm(one, null, random.Random(seed), NULL_PAIRS) is not None for seed in range(runs)) / runs
        error = sqrt(ALPHA * (1 - ALPHA) / runs)
        rows.append(Row.at_most(f"{name}: false alarms on the margin", false, "", ALPHA + 3 * error))
    return rows


def _until_alarm(one: Gate, draw: Draw, chance: random.Random, most: int) -> int | None:
    """Pairs until the gate fires alone, None where it does not."""
    worse = better = n = 0
    line = log(1 / ALPHA)
    while n < most:
        for _ in range(LOOK_EVERY):
            lost, won = draw(chance)
            worse, better, n = worse + lost, better + won, n + 1
        sums = Increment(n, better, n, worse)
        if harm_log_e(one, sums, sums, FULL) >= line:
            return n
    return None


def _differs(rate: float) -> Draw:
    return lambda chance: (int(chance.random() < rate), 0)


def _alone(challenger: float, champion: float) -> Draw:
    def draw(chance: random.Random) -> tuple[int, int]:
        at = chance.random()
        return int(at < challenger), int(challenger <= at < challenger + champion)

    return draw


def _kelly_limit() -> float:
    p, q = LIMIT + 0.01, LIMIT
    return log(1 / ALPHA) / (p * log(p / q) + (1 - p) * log((1 - p) / (1 - q)))


def _kelly_bet() -> float:
    """The best single bet on the loss of each pair, for whoever knows the rates."""
    worse, better = 0.02, 0.005
    best = max(
        worse * log(1 + lam * (1 - MARGIN))
        + better * log(1 - lam * (1 + MARGIN))
        + (1 - worse - better) * log(1 - lam * MARGIN)
        for lam in (k / 1_000 / (1 + MARGIN) for k in range(1, 1_000))
    )
    return log(1 / ALPHA) / best


async def _costs_users() -> list[Row]:
    rows: list[Row] = []
    for name in ("Envoy", "nginx"):
        off, on = await _blocks(name)
        ratios = sorted(with_it / without for with_it, without in zip(on, off, strict=True))
        middle, upper = statistics.median(ratios), ratios[_upper(len(ratios))]
        rows.append(Row(f"{name}: p99 with a hanging challenger's mirror over without, median", middle, "x"))
        if name == "Envoy":
            rows.append(Row.at_most(f"{name}: upper 95% limit of that median of {len(ratios)}", upper, "x", 1.1))
        else:
            added = statistics.median(w - o for w, o in zip(on, off, strict=True))
            rows.append(Row.at_most(f"{name}: p99 added, median of {len(on)}", added, "ms", MIRROR_TIMEOUT_MS * 1.1))
    return rows


def _upper(count: int) -> int:
    """The index of the order statistic that is above the median with 95 %."""
    return min(count - 1, int(count / 2 + 0.98 * sqrt(count)))


async def _blocks(name: str) -> tuple[list[float], list[float]]:
    """p99 in ms of each block without and with the mirror, taking turns."""
    servers = {Slot.A: ModelServer("a"), Slot.B: ModelServer("b")}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.enter_context(ServerThread(servers[Slot.A]))
        # Connections come about, and nobody ever reads from them: it hangs, and takes no time of the champion's thread.
        silent = stack.enter_context(socket.create_server(("127.0.0.1", servers[Slot.B].port), backlog=4_096))
        assert silent.fileno() >= 0
        routes = {"ranker": servers}
        engine: Envoy | Nginx
        if name == "Envoy":
            engine = Envoy(Path(folder), routes)
        else:
            engine = Nginx(Path(folder), routes, keepalive="60s", mirror_timeout=f"{MIRROR_TIMEOUT_MS:g}ms")
        stack.enter_context(engine)
        router = engine.router()
        try:
            return await _taking_turns(router, engine.port, engine.path("ranker"), name)
        finally:
            await router.close()


async def _taking_turns(router: Router, port: int, path: str, name: str) -> tuple[list[float], list[float]]:
    assert isinstance(router, Mirrors)
    off: list[float] = []
    on: list[float] = []
    for number in range(2 * BLOCKS[name] + 2):
        is_on = number % 4 in (1, 2)  # off on, on off: a drift of the machine falls on both alike
        await router.set_mirror("ranker", Slot.B, FULL if is_on else ZERO)
        p99 = await asyncio.to_thread(_p99_ms, port, path, BLOCK[name])
        if number >= 2:  # the first two warm everything up
            (on if is_on else off).append(p99)
    return off, on


def _p99_ms(port: int, path: str, requests: int) -> float:
    """One block of requests on one kept connection, one after the other, made anew where a reload closed it."""
    import http.client

    took: list[float] = []
    talk = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while len(took) < requests:
        time.sleep(GAP_S)
        began_s = time.perf_counter()
        try:
            talk.request("GET", path, headers={"x-user-id": f"u{len(took)}"})
            talk.getresponse().read()
        except (http.client.HTTPException, ConnectionError):
            talk.close()
            continue
        took.append(1_000 * (time.perf_counter() - began_s))
    talk.close()
    return _quantile(took, 0.99)


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[int(part * (len(values) - 1))]
