"""What happened in one run, line by line, with the digest that two runs of one seed must share. It judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

LAST_LINES = 40


class Trace:
    """The lines of one run. ``now_ms`` is the true virtual time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Add a line with the time in front."""
        self.lines.append(f"{self._now_ms() / 1000:10.3f}  {text}")

    def digest(self) -> str:
        """The digest of all lines, in hex."""
        return blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()

    def last(self) -> list[str]:
        """The end of the story."""
        return self.lines[-LAST_LINES:]
