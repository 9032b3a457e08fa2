"""Named places where a test can kill the process for good; in production each is a call that does nothing.

``ROLLOUTD_CRASH_AT=P1`` kills (SIGKILL) at the first pass of P1, ``P1:3`` at the third. ``ROLLOUTD_CRASH_LOG=FILE``
gets one line for each place passed. Both are read once, when this module is imported.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path


class CrashPoint(StrEnum):
    """The places of the fault model, in the order in which a share change passes them, then those of telling others."""

    BEFORE_INTENT = "P0"
    INTENT_DURABLE = "P1"
    ROUTER_CALLED = "P2"
    ROUTER_ANSWERED = "P3"
    READ_BACK = "P4"
    OUTCOME_DURABLE = "P5"
    CALLER_ANSWERED = "P6"
    IN_CHECKPOINT = "P7"
    IN_BACKUP = "P8"
    IN_MIGRATION = "P9"
    IN_RECONCILE = "P10"
    IN_SHUTDOWN = "P11"
    NEED_SEEN = "P12"
    IN_OUTBOX = "P13"
    TOLD = "P14"
    TOLD_NOTED = "P15"
    BEFORE_ALIAS = "P16"
    ALIAS_MOVED = "P17"


def arm(environment: Mapping[str, str]) -> Callable[[str], None]:
    """What ``reach`` does in this environment. Raises ValueError for a place that does not exist."""
    wanted, log = environment.get("ROLLOUTD_CRASH_AT"), environment.get("ROLLOUTD_CRASH_LOG")
    if not wanted and not log:
        return _nothing
    name, _, times = (wanted or "").partition(":")
    fatal = CrashPoint(name) if name else None
    fatal_pass = int(times or "1")
    passed: Counter[str] = Counter()

    def count(point: str) -> None:
        passed[point] += 1
        if log:
            with Path(log).open("a", encoding="ascii") as file:
                file.write(f"{point}\n")
        if point == fatal and passed[point] == fatal_pass:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def _nothing(point: str) -> None:
    pass


reach: Callable[[str], None] = arm(os.environ)
"""Say that the process is at this place now."""
