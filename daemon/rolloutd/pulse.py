"""The pulse file: when the daemon last gave a sign of life, for `emergency-abort`, which runs beside it or without it.

It holds the kernel's clock and the id of its run, since the wall clock steps: set back after a daemon died, it made the
last sign of life a new one for as long as the step. The file's own time serves where the kernel's clock tells nothing:
before another run of the host, or for a daemon of before. It never waits for a disk and takes up no space anew.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from rolloutd.clock import UNKNOWN, boottime_ms, host_boot_id

PULSE_FILE = "pulse"
_DIGITS = 20


def give(state_dir: Path, boot_id: str) -> None:
    """Say that the daemon lives. Raises OSError where even the file's time cannot be set."""
    file = state_dir / PULSE_FILE
    file.touch()
    told = f"{boot_id} {boottime_ms():0{_DIGITS}d}\n".encode()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, told, 0)  # in its place, as long as the last one: a full disk has room for it
        finally:
            os.close(descriptor)
    except OSError:
        return  # its time says it


def age_ms(state_dir: Path) -> int | None:
    """How long ago the last sign of life was; None when there was none, or when nobody can say."""
    file = state_dir / PULSE_FILE
    try:
        touched_s, text = file.stat().st_mtime, file.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    boot_id, _, at = text.strip().partition(" ")
    if boot_id == host_boot_id() != UNKNOWN and len(at) == _DIGITS and at.isdecimal():
        since_ms = boottime_ms() - int(at)
    else:
        since_ms = round((time.time() - touched_s) * 1000)
    return since_ms if since_ms >= 0 else None
