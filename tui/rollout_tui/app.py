"""Start of the screen: looks what the terminal can show, then hands over to the desk, or to plain lines."""

from __future__ import annotations

import argparse
import gc
import locale
import os
import sys
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rollout_tui.scene import Look


def wants_plain() -> bool:
    """Whether this is no place for a screen: not a terminal, a dumb one, or a reader that asked for lines."""
    dumb = os.environ.get("TERM", "dumb") in {"dumb", ""}
    return dumb or bool(os.environ.get("ACCESSIBLE")) or not (sys.stdout.isatty() and sys.stdin.isatty())


def look(*, ascii_only: bool = False, utc: bool = False) -> Look:
    """Symbols where the terminal's encoding has them, ASCII elsewhere; local time unless asked for UTC."""
    from rollout_tui.scene import Look

    symbols = locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "") == "utf8"
    return Look(ascii=ascii_only or not symbols or os.environ.get("TERM") == "linux", zone=UTC if utc else None)


def run(
    socket_dir: str | None = None,
    filter_text: str = "",
    *,
    plain: bool = False,
    name: str = "",
    theme: str | None = None,
    ascii_only: bool = False,
    utc: bool = False,
) -> int:
    """Open the screen on the daemon behind ``socket_dir``, on rollout ``name`` where one is given.

    Returns the exit code: 0 when the person left, 10 when plain mode could not reach the daemon.
    """
    if plain or wants_plain():
        from rollout_tui.plain import run_plain

        return run_plain(socket_dir, filter_text, name, look(ascii_only=True, utc=utc))
    gc.disable()  # what is imported here stays for ever; looking through it again and again costs a tenth of the start
    from rollout_tui.desk import Options, RolloutApp
    from rollout_tui.theme import choose

    gc.freeze()
    gc.enable()
    shown = look(ascii_only=ascii_only, utc=utc)
    options = Options(socket_dir or "", filter_text, shown, choose(theme), name=name)
    RolloutApp(options).run()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of the screen alone: ``python -m rollout_tui``."""
    parser = argparse.ArgumentParser(prog="rollout tui", description="The screen of rolloutd.")
    parser.add_argument("name", nargs="?", default="", help="open this rollout")
    parser.add_argument("--socket-dir", help="folder of control.sock and view.sock (or ROLLOUT_SOCKET_DIR)")
    parser.add_argument("--filter", default="", help="show only rollouts that match, such as state:blind owner:ops2")
    parser.add_argument("--plain", action="store_true", help="lines instead of a screen")
    parser.add_argument("--theme", choices=("dark", "light", "mono"), help="colours (NO_COLOR is honoured)")
    parser.add_argument("--ascii", action="store_true", help="no symbols beyond ASCII")
    parser.add_argument("--utc", action="store_true", help="times in UTC")
    told = parser.parse_args(argv)
    return run(
        told.socket_dir, told.filter, plain=told.plain, name=told.name, theme=told.theme, ascii_only=told.ascii,
        utc=told.utc,
    )  # fmt: skip
