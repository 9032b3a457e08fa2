"""How long a start takes with a journal of a million events: with snapshots, and as it would be without any.

The journal is a real file with a real chain: 100 live rollouts and 400 that ended, most events being seals of evidence
as in a long life. Measured is a new process from its first line to the first reconcile: imports, opening, folding, and
the first events that the start itself records. The check of the whole chain follows in the background and is told.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.rig import figures, longlife
from bench.table import Row

GOAL_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """How long a life the journal had."""
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the journal (1,000,000)")
    parser.add_argument("--starts", type=int, default=5, help="starts that are measured (5)")


def run(options: argparse.Namespace) -> list[Row]:
    """Write the journal, start without snapshots, make them, start with them."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state")
        state.mkdir(mode=0o700)
        began_s = time.monotonic()
        longlife.write(state, options.events)
        rows = [Row(f"{options.events:,} events written", time.monotonic() - began_s, "s")]
        rows.append(Row("journal.db", (state / "journal.db").stat().st_size / (1 << 20), "MiB"))
        rows.append(Row("start without snapshots", _start(state), "s"))
        began_s = time.monotonic()
        asyncio.run(longlife.snap(state))
        rows.append(Row("all snapshots made", time.monotonic() - began_s, "s"))
        starts = [_start(state) for _ in range(options.starts)]
        rows.append(Row("start with snapshots, p50", figures.quantile(starts, 0.5), "s"))
        rows.append(Row.at_most("start with snapshots, slowest", max(starts), "s", GOAL_S))
        began_s = time.monotonic()
        checked = asyncio.run(longlife.verified(state))
        rows.append(Row(f"chain of {checked:,} events verified (in the background)", time.monotonic() - began_s, "s"))
    if options.events >= 1_000_000:
        figures.keep("restart", rows, "100 live and 400 ended rollouts; the page cache is warm")
    return rows


def _start(state: Path) -> float:
    """Seconds from the command to the first reconcile of a process of its own."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "bench.rig.longlife", str(state)], check=True, capture_output=True, text=True
    )
    took_s = time.monotonic() - began_s
    if "100 live" not in done.stdout:
        raise RuntimeError(f"the start came to something else: {done.stdout}{done.stderr}")
    return took_s
