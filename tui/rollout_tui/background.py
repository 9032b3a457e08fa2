"""Asks the terminal for its background colour, once, without making anybody wait: asked first, read after the imports.

What a person typed meanwhile is dropped, as everything is that was typed before there was a screen to read.
"""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
from typing import Any

LIMIT_S = 0.1
_ASK = b"\x1b]11;?\x1b\\"
_ANSWER = re.compile(rb"\]11;rgb:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")


def read(answer: bytes) -> str | None:
    """The colour in a terminal's answer as ``#rrggbb``."""
    found = _ANSWER.search(answer)
    if found is None:
        return None
    parts = [int(part, 16) * 255 // (16 ** len(part) - 1) for part in found.groups()]
    return "#" + "".join(f"{part:02x}" for part in parts)


class Asked:
    """A question under way. Between asking and ``answer`` the terminal echoes nothing."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._before: list[Any] | None = None  # as termios gives and takes it
        try:
            self._fd = sys.stdin.fileno()
            mode = termios.tcgetattr(self._fd)
            self._before = list(mode)
            mode[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
            os.write(sys.stdout.fileno(), _ASK)
        except (OSError, ValueError, termios.error):
            self._before = None

    def answer(self) -> str | None:
        """The colour, or None from a terminal that has not answered within the limit since it was asked."""
        if self._before is None:
            return None
        heard = b""
        try:
            while read(heard) is None:
                left_s = max(0.0, self._began_s + LIMIT_S - time.monotonic())
                if not select.select([self._fd], [], [], left_s)[0]:
                    break
                heard += os.read(self._fd, 1024)
        except OSError:
            return None
        finally:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        return read(heard)
