"""The terminal's driver: keys are what they were, and a screen at which nobody types wakes for no key."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.rig.pty_screen import PtyScreen
from tests.tidy import ROOT

WITHIN_S = 30.0
IDLE_S = 2.5


@pytest.fixture
def sockets() -> Iterator[Path]:
    """The scripted daemon as a process of its own."""
    with TemporaryDirectory(prefix="roll-") as folder:
        command = [sys.executable, "-m", "tests.tui.fake_daemon", folder]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            until_s = time.monotonic() + WITHIN_S
            while not (Path(folder) / "control.sock").exists():
                assert time.monotonic() < until_s
                time.sleep(0.02)
            yield Path(folder)
        finally:
            process.kill()
            process.wait()


def waits(pid: int) -> int:
    """How often the threads beside the event loop's own have gone to sleep so far."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if int(task.name) != pid:
            rows = (task / "status").read_text().splitlines()
            found += next(int(row.split()[1]) for row in rows if row.startswith("voluntary_ctxt_switches"))
    return found


@pytest.mark.slow
def test_keys_esc_and_the_end_arrive_and_an_idle_screen_sleeps(sockets: Path) -> None:
    """Letters and Esc alone; then seconds without a wake of the input thread; the end needs no second signal."""
    with PtyScreen([sys.executable, "-m", "rollout_tui", "--socket-dir", str(sockets)], {}) as screen:
        assert screen.until(b"ranker", WITHIN_S) is not None
        assert screen.press(b"/", b"filter: _", WITHIN_S) is not None, "a letter"
        assert screen.press(b"ran", b"filter: ran_", WITHIN_S) is not None
        assert screen.press(b"\x1b", b"filter: none", WITHIN_S) is not None, "Esc, which begins the arrows' codes, too"
        assert screen.press(b"?", b"Keys of the fleet", WITHIN_S) is not None
        screen.drain(1.0)
        before = waits(screen.pid)
        screen.drain(IDLE_S)
        assert waits(screen.pid) - before <= 6, "ten a second would be 25"
