"""Quantiles, the processor time of a process, and the words about machine and commit that figures are kept with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import ceil
from pathlib import Path

from bench.table import Row, as_text

RESULTS = Path(__file__).parents[1] / "results"
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` of all values do not exceed. Raises ValueError without values."""
    if not values:
        raise ValueError("there is no quantile of nothing")
    return sorted(values)[max(0, ceil(part * len(values)) - 1)]


def cpu_s(pid: int) -> float:
    """Seconds of processor time that the process with all its threads has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def rss_mib(pid: int) -> float:
    """Resident memory of the process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / (1 << 20)


def cpu_part(pid: int, over_s: float) -> float:
    """The part of one core that the process uses, watched for so long."""
    before, began_s = cpu_s(pid), time.monotonic()
    time.sleep(over_s)
    return (cpu_s(pid) - before) / (time.monotonic() - began_s)


def wait_for(condition: Callable[[], bool], within_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def keep(bench: str, rows: Sequence[Row], note: str) -> None:
    """Write the rows of a full run beside the bench, as text and as JSON, with the commit and the machine."""
    place = {"commit": _commit(), "machine": _machine(), "note": note}
    head = "\n".join(f"{key}: {value}" for key, value in place.items())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.txt").write_text(f"{head}\n\n{as_text(bench, rows)}\n", encoding="utf-8")
    told = {"bench": bench, **place, "rows": [asdict(row) for row in rows]}
    (RESULTS / f"{bench}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "-uno") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _machine() -> str:
    models = [row for row in Path("/proc/cpuinfo").read_text().splitlines() if row.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, Python {python}, load {load:.1f} at the end"
