"""The spill journal: a line for every decrease that was carried out before the journal could take it. Only decreases.

It lies beside the journal as plain text, is written with its own fsync, and is folded into the journal at the next
start, marked as such. Losing it loses a reason, never safety: a share that was lowered is never raised by a restart.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rolloutd.core.values import Actor, Instant


@dataclass(frozen=True, slots=True)
class Spilled:
    """One decrease to zero that was carried out unrecorded. ``cause`` is empty in lines of before it was kept."""

    rollout: str
    who: str
    reason: str
    wall_ms: int
    cause: str = ""


class SpillFile:
    """The file. ``write`` blocks the calling thread for one fsync."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, rollout: str, actor: Actor, reason: str, at: Instant, cause: str = "") -> None:
        """Add a line, durably. Raises OSError."""
        row = {"rollout": rollout, "who": actor.name, "reason": reason, "wall_ms": at.wall_ms, "cause": cause}
        line = json.dumps(row)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            whole = f"\n{line}\n".encode()  # it stands by itself, also after a line that a power cut ended early
            if os.write(descriptor, whole) != len(whole):
                raise OSError(errno.ENOSPC, "only a part of the line fitted", str(self._path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[Spilled]:
        """Every whole line; what a crash left of another is passed over, its decrease stands on the router."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        found = []
        for line in text.splitlines():
            try:
                row = json.loads(line)
                rollout, who, reason = (str(row[key]) for key in ("rollout", "who", "reason"))
                found.append(Spilled(rollout, who, reason, int(row["wall_ms"]), str(row.get("cause", ""))))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def clear(self) -> None:
        """Everything in it is in the journal now."""
        self._path.unlink(missing_ok=True)
