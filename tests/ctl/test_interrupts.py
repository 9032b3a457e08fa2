"""An interruption that Python swallows, as it does in a finalizer, still ends what waits."""

from __future__ import annotations

import subprocess
import sys

SWALLOWED = """
import os, signal
from rolloutd.ctl import interrupts

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

interrupts.listen()
interrupts.check()
Dying()
print("swallowed")
try:
    interrupts.check()
except KeyboardInterrupt:
    print("noted")
"""
IGNORED = """
import signal
from rolloutd.ctl import interrupts

signal.signal(signal.SIGINT, signal.SIG_IGN)
interrupts.listen()
print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""


def _said(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def test_an_interruption_inside_a_finalizer_is_not_lost() -> None:
    """Python prints that it ignored it; whoever waits hears of it at the next look."""
    assert _said(SWALLOWED) == ["swallowed", "noted"]


def test_who_was_told_to_ignore_it_goes_on_ignoring_it() -> None:
    """Under nohup nothing is listened for."""
    assert _said(IGNORED) == ["True"]
