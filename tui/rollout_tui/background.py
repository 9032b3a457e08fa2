"""The terminal before the screen has it: silent, and asked for its background colour once, which nobody waits long for.

What a person types meanwhile stays for the screen. An answer that comes late must never be taken for keys.
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
TOGETHER_S = 0.25
_ASK = b"\x1b]11;?\x1b\\"
_ANSWER = re.compile(rb"\]11;rgb:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_HEAD = "]11;"
_BODY = frozenset("rgba:/0123456789abcdefABCDEF")


def read(answer: bytes) -> str | None:
    """The colour in a terminal's answer as ``#rrggbb``."""
    found = _ANSWER.search(answer)
    if found is None:
        return None
    parts = [int(part, 16) * 255 // (16 ** len(part) - 1) for part in found.groups()]
    return "#" + "".join(f"{part:02x}" for part in parts)


class Asked:
    """A terminal that echoes nothing until ``close``, and with ``ask`` a question under way."""

    def __init__(self, *, ask: bool = True) -> None:
        self._began_s = time.monotonic()
        self._before: list[Any] | None = None  # as termios gives and takes it
        self._ask = ask
        try:
            self._fd = sys.stdin.fileno()
            mode = termios.tcgetattr(self._fd)
            self._before = list(mode)
            # Enter stays what it is, as the screen has it: what is typed now is read by the screen.
            mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.IXOFF)
            mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
            if ask:
                os.write(sys.stdout.fileno(), _ASK)
        except (OSError, ValueError, termios.error):
            self._before = None

    def answer(self) -> str | None:
        """The colour, or None from a terminal that has not answered within the limit since it was asked."""
        if self._before is None or not self._ask:
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
        return read(heard)

    def close(self) -> None:
        """The terminal as it was before; once more does no harm."""
        if self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)


class LateAnswer:
    """Takes a terminal's late answer out of the keys: its colours are letters, and letters are keys that act.

    The answer comes in one burst, ``]11;rgb:1a1a/...`` and an end; before its ``;`` it presses nothing that acts.
    """

    def __init__(self) -> None:
        self._seen = ""
        self._last_s = float("-inf")

    def takes(self, character: str, now_s: float) -> bool:
        """Whether this character belongs to an answer and is no key."""
        fresh = now_s - self._last_s <= TOGETHER_S
        self._last_s = now_s
        begun = self._seen if fresh else ""
        if begun.startswith(_HEAD):
            inside = character in _BODY
            self._seen = begun + character if inside else ""
            return inside or character in {"\\", "\x07", "\x1b", "^"}
        self._seen = begun + character if _HEAD.startswith(begun + character) else character if character == "]" else ""
        return self._seen == _HEAD
