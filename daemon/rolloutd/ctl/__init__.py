"""The ``rollout`` command: one verb in, one truthful exit code out. It knows only the sockets."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with its exit code."""
    import os
    import sys

    if "status" in sys.argv:
        from rolloutd.ctl import quick

        code = quick.main(sys.argv[1:])
        if code is not None:
            sys.exit(code)
    if "_ROLLOUT_COMPLETE" not in os.environ and (len(sys.argv) == 1 or sys.argv[1] == "tui"):
        from rolloutd.ctl import quick_screen

        code = quick_screen.main(sys.argv[1:])
        if code is not None:
            sys.exit(code)
    from rolloutd.ctl.cli import run

    sys.exit(run(sys.argv[1:]))
