"""How long a command takes to its durable answer, and a waiting pipeline to its end once the rollout has ended.

Against the demo's real daemon on doubles, with its own SQLite journal. ``rollout status`` itself is in bench tui.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.rig import figures
from bench.table import Row
from rolloutd.simdemo.front import Stage, staged
from rolloutd.simdemo.stories import STORIES

SCRIPT = Path(sys.executable).with_name("rollout")
ACK_MS, WAIT_S = 150.0, 2.0
_CONNECTED_S = 1.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="few samples; the results are not kept")
    parser.add_argument("--samples", type=int, default=200, help="commands that are answered (default 200)")


def run(args: argparse.Namespace) -> list[Row]:
    """All of it; the results of a full run are kept."""
    samples = 10 if args.quick else args.samples
    with staged(1, again=True) as stage:
        stage.wait()
        rows = [*_acknowledged(stage, samples), *_waited(stage)]
    if not args.quick:
        figures.keep("command", rows, f"{samples} commands; the demo's daemon with four live rollouts")
    return rows


def _ms(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1_000


def _acknowledged(stage: Stage, samples: int) -> list[Row]:
    """A claim over the control socket: connection, identity, decision, one durable event, answer."""
    route = STORIES[1].route
    took = [_ms(lambda: stage.client.post("rollouts", route, "claim", body={})) for _ in range(samples)]
    return [
        Row("a command to its durable answer, p50", figures.quantile(took, 0.5), "ms"),
        Row.at_most("a command to its durable answer, p95", figures.quantile(took, 0.95), "ms", ACK_MS),
    ]


def _waited(stage: Stage) -> list[Row]:
    """Each rollout is aborted under a waiting `rollout wait`; from the router's zero to the command's exit."""
    took, codes = [], []
    for story in STORIES:
        found = stage.client.get("rollouts", story.route)
        words = ("wait", found["name"], "--timeout", "1h")
        waiting = subprocess.Popen([str(SCRIPT), "--socket-dir", str(stage.sockets), *words], stderr=subprocess.DEVNULL)
        time.sleep(_CONNECTED_S)
        stage.client.post("rollouts", found["name"], "abort", body={"reason": "bench", "wait_s": 30}, wait_s=30)
        began_s = time.perf_counter()
        codes.append(waiting.wait(60))
        took.append(time.perf_counter() - began_s)
    return [
        Row.at_most(f"the end to the return of `rollout wait`, worst of {len(took)}", max(took), "s", WAIT_S),
        Row(
            "exit codes of these that are not 3",
            float(sum(code != 3 for code in codes)),
            "",
            "0",
            codes == [3] * len(codes),
        ),
    ]
