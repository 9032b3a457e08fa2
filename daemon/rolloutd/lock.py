"""The lock of a state directory: whoever has it acts, and there is one. It opens nothing else and decides nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rolloutd.ports import RolloutdError


class AlreadyRunning(RolloutdError):
    """Another daemon acts on this state directory. This one touched nothing."""

    next_step = "systemctl status rolloutd"


def take_lock(state_dir: Path) -> int:
    """The exclusive lock of a state directory, as an open descriptor. Raises AlreadyRunning."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(
            f"Another rolloutd acts on {state_dir}. This one touched neither the router nor the journal."
        ) from None
    return descriptor
