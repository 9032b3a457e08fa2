"""The screen with 5,000 rollouts, beside a stock DataTable on the same rows, from outside through a pseudo-terminal.

Both run against the daemon's real server in the same run, in turns. Quiet: nothing but heartbeats. Busy: twenty rows in
sight change each second. Storm: five hundred. Unfocused: the terminal says that nobody looks. Also ``rollout status``
beside a bare ``python -c pass``, and how long the demo takes to show harm. A whole run takes about ten minutes and
wants the machine for itself.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.rig import figures
from bench.rig.figures import quantile
from bench.rig.pty_screen import PtyScreen, compiled, cpu_ns, drain_all
from bench.rig.show import FIRST, name_of
from bench.table import Row

ROWS = 5_000
BUSY, STORM = 20, 500
FRAME_P50_MS, FRAME_P95_MS, FRAME_PART = 350.0, 500.0, 0.45
KEY_P50_MS, KEY_P95_MS, FILTER_P95_MS = 16.0, 50.0, 50.0
CPU_QUIET, CPU_BUSY, CPU_UNFOCUSED, CPU_PART, BYTES_PART = 1.0, 3.0, 0.5, 0.2, 0.2
BYTES_QUIET, BYTES_BUSY, BYTES_A_MOVE = 512.0, 4096.0, 8192.0
MEMORY_MIB, GROWTH_MIB = 80.0, 2.0
UNFOCUSED, FOCUSED = b"\x1b[O", b"\x1b[I"
STATUS_P95_MS, STATUS_TIMES = 150.0, 4.0
DEMO_S = 60.0
WITHIN_S = 30.0
EMPTY = [sys.executable, "-c", "from textual.app import App; App().run()"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rollouts in the fleet ({ROWS})")


class Server:
    """The process that shows the fleet."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "bench.rig.show", str(folder), str(rows)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        if not figures.wait_for((folder / "view.sock").exists, WITHIN_S):
            raise RuntimeError("the made-up fleet's server did not start")

    def change(self, a_second: int) -> None:
        """So many rows change each second from now on."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{a_second}\n".encode())
            self._process.stdin.flush()

    def end(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def serving(rows: int) -> Iterator[Server]:
    """A server in a folder with a short name."""
    with TemporaryDirectory(prefix="roll-") as folder:
        server = Server(Path(folder), rows)
        try:
            yield server
        finally:
            server.end()


def command_path() -> str:
    """The command as it is installed here."""
    return str(Path(sys.executable).parent / "rollout")


def ours(folder: Path) -> list[str]:
    """The real screen, as the command starts it."""
    return [command_path(), "tui", "--socket-dir", str(folder)]


def stock(folder: Path) -> list[str]:
    """The stock one."""
    return [sys.executable, "-m", "bench.rig.stock_screen", str(folder)]


def first_frames(server: Server, times: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds from start to the first row on the screen, ours and stock, in turns; and to our first answered key.

    The key is pressed the moment that our first frame is there; the screen itself may still be loading then.
    """
    found: tuple[list[float], list[float]] = ([], [])
    answered: list[float] = []
    for turn in range(times + 1):
        for taken, command in zip(found, (ours(server.folder), stock(server.folder)), strict=True):
            with PtyScreen(command, {}) as screen:
                at_s = screen.until(FIRST.encode(), WITHIN_S)
                if turn and at_s is not None:  # the first start of all compiles modules
                    taken.append((at_s - screen.began_s) * 1000)
                    if taken is found[0] and screen.press(b"/", b"filter: _", WITHIN_S) is not None:
                        answered.append((time.monotonic() - screen.began_s) * 1000)
                screen.drain(0.3)
    return (*found, answered)


def keys(screen: PtyScreen, other: PtyScreen, times: int, chance: random.Random) -> list[float]:
    """Milliseconds from ``j`` or ``k`` to the row that the cursor came to being painted; the other is read as well."""
    screen.press(b"G", b"model-", 2.0)
    screen.press(b"g", name_of(0).encode(), 2.0)
    taken, at = [], 0
    for _ in range(times):
        drain_all((screen, other), chance.uniform(0.02, 0.12))
        step = 1 if at == 0 or (at < 12 and chance.random() < 0.5) else -1
        at += step
        took_s = screen.press(b"j" if step > 0 else b"k", name_of(at).encode(), 2.0)
        taken.append(2_000.0 if took_s is None else took_s * 1000)
    return taken


def filtering(screen: PtyScreen, times: int) -> list[float]:
    """Milliseconds from a letter of the filter to the filtered list."""
    taken = []
    for turn in range(times):
        screen.press(b"/", b"filter: _", 2.0)
        target = f"{(turn * 37) % 900 + 100:04}"
        typed = ""
        for letter in target:
            typed += letter
            took_s = screen.press(letter.encode(), f"filter: {typed}_".encode(), 2.0)
            taken.append(2_000.0 if took_s is None else took_s * 1000)
            screen.drain(0.05)
        screen.press(b"\x1b", b"filter: none", 2.0)
        screen.drain(0.05)
    return taken


def cost(screens: Sequence[PtyScreen], for_s: float) -> list[tuple[float, float]]:
    """Percent of a core and bytes a second of each over the same time; a screen that nobody reads would stand still."""
    drain_all(screens, 1.5)
    before = [(cpu_ns(one.pid), one.written) for one in screens]
    began_s = time.monotonic()
    drain_all(screens, for_s)
    took_s = time.monotonic() - began_s
    return [
        ((cpu_ns(one.pid) - ns) / 1e7 / took_s, (one.written - count) / took_s)
        for one, (ns, count) in zip(screens, before, strict=True)
    ]


def command_times(server: Server, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of ``rollout status`` and of a bare interpreter, in turns."""
    status = [ours(server.folder)[0], "--socket-dir", str(server.folder), "status", name_of(0)]
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(times + 1):
        for found, command in zip(taken, (status, [sys.executable, "-c", "pass"]), strict=True):
            began_s = time.monotonic()
            subprocess.run(command, capture_output=True, check=True, env=compiled())
            if turn:
                found.append((time.monotonic() - began_s) * 1000)
    return taken


def costs(server: Server, for_s: float, times: int) -> list[Row]:
    """What both cost while quiet, busy and unfocused, how fast our keys are, and how much memory ours takes."""
    chance, rows = random.Random(1), list[Row]()
    with PtyScreen(EMPTY, {}) as empty:
        ((floor, _),) = cost((empty,), for_s / 3)
    rows.append(Row("CPU of an empty screen of the toolkit", floor, "%"))
    with PtyScreen(ours(server.folder), {}) as mine, PtyScreen(stock(server.folder), {}) as other:
        for screen in (mine, other):
            if screen.until(FIRST.encode(), WITHIN_S) is None:
                raise RuntimeError("a screen showed nothing")
        # our first frame comes before the libraries: what loading them costs is no part of a quiet second
        if mine.press(b"/", b"filter: _", WITHIN_S) is None or mine.press(b"\x1b", b"filter: none", WITHIN_S) is None:
            raise RuntimeError("our screen answered no key")
        for kind, rate, most in (("quiet", 0, (CPU_QUIET, BYTES_QUIET)), ("busy", BUSY, (CPU_BUSY, BYTES_BUSY))):
            server.change(rate)
            rows += _beside(kind, cost((mine, other), for_s), most)
            rows += _pressed(kind, keys(mine, other, times, chance))
        at_first = figures.rss_mib(mine.pid)
        server.change(STORM)
        rows += _pressed(f"{STORM} changes a second", keys(mine, other, max(10, times // 4), chance))
        server.change(0)
        drain_all((mine, other), 2.0)
        filtered = filtering(mine, max(2, times // 4))
        rows.append(Row.at_most("filter, a letter, p95", quantile(filtered, 0.95), "ms", FILTER_P95_MS))
        rows.append(Row.at_most("bytes of one move of the cursor", moved(mine), "B", BYTES_A_MOVE))
        rows += unfocused(server, (mine, other), for_s)
        for _ in range(2):
            filtering(mine, max(2, times // 4))
        rows.append(Row.at_most("memory", figures.rss_mib(mine.pid), "MiB", MEMORY_MIB))
        rows.append(
            Row.at_most("memory, more since the busy minute", figures.rss_mib(mine.pid) - at_first, "MiB", GROWTH_MIB)
        )
    return rows


def _beside(kind: str, found: Sequence[tuple[float, float]], most: tuple[float, float]) -> list[Row]:
    """Processor and bytes of ours and of the stock screen over the same time."""
    (my_cpu, my_bytes), (its_cpu, its_bytes) = found
    return [
        Row.at_most(f"CPU {kind}", my_cpu, "%", most[0]),
        Row(f"CPU {kind}, stock", its_cpu, "%"),
        Row.at_most(f"CPU {kind}, part of stock", my_cpu / its_cpu, "x", CPU_PART),
        Row.at_most(f"bytes {kind}", my_bytes, "B/s", most[1]),
        Row(f"bytes {kind}, stock", its_bytes, "B/s"),
        Row.at_most(f"bytes {kind}, part of stock", my_bytes / its_bytes, "x", BYTES_PART),
    ]


def _pressed(kind: str, taken: Sequence[float]) -> list[Row]:
    return [
        Row.at_most(f"key to visible, {kind}, p50", quantile(taken, 0.5), "ms", KEY_P50_MS),
        Row.at_most(f"key to visible, {kind}, p95", quantile(taken, 0.95), "ms", KEY_P95_MS),
    ]


def moved(screen: PtyScreen) -> float:
    """The bytes of one move of the cursor, the most of ten."""
    most = 0
    for turn in range(10):
        before = screen.written
        screen.press(b"j" if turn % 2 == 0 else b"k", name_of(1 - turn % 2).encode(), 2.0)
        screen.drain(0.1)
        most = max(most, screen.written - before)
    return float(most)


def unfocused(server: Server, screens: tuple[PtyScreen, PtyScreen], for_s: float) -> list[Row]:
    """What ours costs while its terminal says that nobody looks: quiet, and beside busy rollouts."""
    mine, _ = screens
    mine.send(UNFOCUSED)
    (my_cpu, _), _ = cost(screens, for_s)
    server.change(BUSY)
    (busy_cpu, busy_bytes), _ = cost(screens, for_s)
    mine.send(FOCUSED)
    server.change(0)
    drain_all(screens, 1.5)
    return [
        Row.at_most("CPU quiet, unfocused", my_cpu, "%", CPU_UNFOCUSED),
        Row("CPU busy, unfocused", busy_cpu, "%"),
        Row("bytes busy, unfocused", busy_bytes, "B/s"),
    ]


def demo_to_harm() -> float | None:
    """Seconds from ``rollout demo`` to the first harmful rollout on its screen; None where none was seen."""
    with (
        TemporaryDirectory(prefix="roll-") as folder,
        PtyScreen([command_path(), "demo"], {"TMPDIR": folder}) as screen,
    ):
        at_s = screen.until(b" HARM ", 3 * DEMO_S)
        return None if at_s is None else at_s - screen.began_s


def run(options: argparse.Namespace) -> list[Row]:
    """First frames, costs, keys, commands; a full run is kept."""
    times, for_s, frames = (20, 4.0, 4) if options.quick else (200, 60.0, 40)
    with serving(options.rows) as server:
        mine, its, answered = first_frames(server, frames)
        rows = [
            Row.at_most("first true frame, p50", median(mine), "ms", FRAME_P50_MS),
            Row.at_most("first true frame, p95", quantile(mine, 0.95), "ms", FRAME_P95_MS),
            Row("first true frame, stock, p50", median(its), "ms"),
            Row.at_most("first true frame, part of stock", median(mine) / median(its), "x", FRAME_PART),
            Row("a key on the first frame is answered, p50", median(answered), "ms"),
            Row.at_most("answered, part of the stock's first frame", median(answered) / median(its), "x", FRAME_PART),
        ]
        rows += costs(server, for_s, times)
        status, bare = command_times(server, 10 if options.quick else times)
        rows += [
            Row.at_most("rollout status, p95", quantile(status, 0.95), "ms", STATUS_P95_MS),
            Row("python -c pass, p95", quantile(bare, 0.95), "ms"),
            Row.at_most("rollout status, times bare python, p50", median(status) / median(bare), "x", STATUS_TIMES),
        ]
    rows.append(Row.at_most("the demo, from its start to harm on its screen", demo_to_harm(), "s", DEMO_S))
    if not options.quick:
        figures.keep("tui", rows, f"{options.rows} rollouts, 120x36, quiet and {BUSY} changes a second")
    return rows
