"""Ctrl-C that cannot get lost: what Python raises inside a finalizer or a callback it swallows, so it is noted, too."""

from __future__ import annotations

import signal
from types import FrameType

_noted = False


def listen() -> None:
    """Note an interruption from now on, where this process takes any; it is raised as ever."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def check() -> None:
    """Raise KeyboardInterrupt where one was asked for and has not ended the program. Whoever waits asks each second."""
    if _noted:
        raise KeyboardInterrupt


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    global _noted  # noqa: PLW0603 # a signal handler has nothing else to leave it in
    _noted = True
    raise KeyboardInterrupt
