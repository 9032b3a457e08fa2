"""The daemon's clocks: CLOCK_BOOTTIME for durations, the wall for display. The only place that reads either.

The rollout clock goes on where it was when the host was last alive: after a reboot the kernel's clock starts at zero,
so an offset is carried over. Time in which the host was off does not count for any stage.

Where the kernel's boot id cannot be read (a container may hide it), each restart of the daemon counts as one of the
host. That errs to the safe side: the time between does not count, so nothing is due sooner, and a share found lower is
a lapse, which waits for a person.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.values import Instant

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN = "unknown"
"""Stands for a boot id that cannot be read; it is like no boot id, not even like itself."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What must be kept so that the clock can go on after a restart: its value and the host's boot id."""

    clock_ms: int
    boot_id: str
    boottime_ms: int


def boottime_ms() -> int:
    """Milliseconds since the host started, suspend included; never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def host_boot_id() -> str:
    """The kernel's id of this run of the host, or UNKNOWN where it is hidden."""
    try:
        return BOOT_ID_FILE.read_text(encoding="ascii").strip() or UNKNOWN
    except OSError:
        return UNKNOWN


class BoottimeClock:
    """The rollout clock of this process."""

    def __init__(self, kept: ClockReading | None = None, boot_id: str | None = None) -> None:
        """``kept`` is what the process before this one kept; ``boot_id`` is for tests."""
        self._boot_id = host_boot_id() if boot_id is None else boot_id
        self.rebooted = kept is not None and (self._boot_id == UNKNOWN or kept.boot_id != self._boot_id)
        if kept is None:
            self._offset_ms = 0
        elif self.rebooted:
            self._offset_ms = kept.clock_ms - boottime_ms()
        else:
            self._offset_ms = kept.clock_ms - kept.boottime_ms

    def now(self) -> Instant:
        """This moment on both clocks."""
        return Instant(boottime_ms() + self._offset_ms, time.time_ns() // 1_000_000)

    def reading(self) -> ClockReading:
        """What to keep for the next start."""
        now_ms = boottime_ms()
        return ClockReading(now_ms + self._offset_ms, self._boot_id, now_ms)
