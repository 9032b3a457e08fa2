"""What a person takes along in a file: a picture of the screen as text, a report. It must not send or show anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rollout_tui.lines import Line, texts


def place() -> Path:
    """The folder for such files."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "rollout"


def picture(lines: Sequence[Line], host: str, at: datetime) -> str:
    """The screen's text under a line that says when and where."""
    when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"rolloutd screen at {when}, daemon on {host or 'an unknown host'}\n{texts(lines)}\n"


def write(text: str, folder: Path, what: str, ending: str, at: datetime) -> tuple[str, str]:
    """Write it into a new file only for its owner, named by what it is and when; returns where, or why not."""
    named = "".join(char if char.isalnum() or char in "._@-" else "_" for char in what)
    file = folder / f"{named}-{at.astimezone(UTC).strftime('%Y%m%dT%H%M%SZ')}.{ending}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        return "", str(error)
    return str(file), ""
