"""``rollout`` and ``rollout tui`` without the option parser, so that the first frame need not wait for it.

The screen says itself which command lines it understands wholly; every other one, also each mistake, is the parser's.
"""

from __future__ import annotations

import importlib
import sys

from rolloutd.ctl import exits


def main(arguments: list[str]) -> int | None:
    """Open the screen; returns its exit code, or None where this is not for here."""
    try:
        screen = importlib.import_module("rollout_tui.app")
    except ModuleNotFoundError:
        return None
    try:
        code: int | None = screen.quick(arguments)
    except KeyboardInterrupt:
        print(exits.LEFT_ALONE, file=sys.stderr)
        return exits.INTERRUPTED
    return code
