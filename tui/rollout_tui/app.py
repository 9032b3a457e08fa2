"""Start of the screen: looks what the terminal can show, then hands over to the desk, or to plain lines."""

from __future__ import annotations

import gc
import locale
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from rollout_tui.told import THEMES, Told, understood

if TYPE_CHECKING:
    from rollout_tui.background import Asked
    from rollout_tui.desk import RolloutApp
    from rollout_tui.early import Early
    from rollout_tui.options import Options
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


def run(socket_dir: str | None = None, filter_text: str = "", *, plain: bool = False, name: str = "") -> int:
    """Open the screen on the daemon behind ``socket_dir``, on rollout ``name`` where one is given.

    Returns the exit code: 0 when the person left, 10 when plain mode could not reach the daemon.
    """
    return show(Told(socket_dir or "", filter_text, plain, name))


def show(told: Told) -> int:
    """Open the screen as told; returns the exit code."""
    if told.hosts and (told.plain or wants_plain()):
        why = "--host is for the screen, in a terminal. Nothing was opened. There:  ssh HOST rollout tui --plain"
        sys.stderr.write(why + "\n")
        return 2
    if told.plain or wants_plain():
        from rollout_tui.plain import run_plain

        shown = look(ascii_only=True, utc=told.utc)
        return run_plain(told.socket_dir, told.filter_text, told.name, shown, read_only=told.read_only)
    return _screen(told)


def quick(words: Sequence[str]) -> int | None:
    """Open the screen on a plain command line; None where the line is for the parsers."""
    told = understood(words)
    return None if told is None else show(told)


def _screen(told: Told) -> int:
    """The screen in this terminal. The first frame is drawn before the libraries are there; keys wait for them."""
    from rollout_tui.background import Asked

    decided = told.theme or os.environ.get("NO_COLOR") or os.environ.get("COLORFGBG")
    asked = Asked(ask=not decided)
    try:
        return _opened(told, asked)
    finally:
        asked.close()


def _opened(told: Told, asked: Asked) -> int:
    from rollout_tui import early

    gc.disable()  # what is imported here stays for ever; looking through it again and again costs a tenth of the start
    begun = None if told.hosts or told.name else early.begin(told.socket_dir, read_only=told.read_only)
    from rollout_tui import first
    from rollout_tui.options import Options, boot_clock
    from rollout_tui.preferences import load, place
    from rollout_tui.theme import choose

    mine = load(place())
    if mine.hosts and not (told.hosts or told.socket_dir or os.environ.get("ROLLOUT_SOCKET_DIR")):
        told = replace(told, hosts=mine.hosts)
        if begun is not None:
            begun.close()
            begun = None
    palette = choose(told.theme or mine.theme, asked.answer())
    shown = look(ascii_only=told.ascii_only, utc=told.utc)
    options = Options(
        told.socket_dir, told.filter_text, shown, palette, name=told.name, read_only=told.read_only, preferences=mine
    )
    at_s = boot_clock()
    drawn = begun is not None and first.show(begun, options, at_s)
    try:
        app = _loaded(told, options, begun if drawn else None, at_s)
    except BaseException:
        if drawn:
            sys.stdout.write(first.LEAVE)
            sys.stdout.flush()
        raise
    app.run(mouse=told.mouse and mine.mouse)
    return 0


def _loaded(told: Told, options: Options, begun: Early | None, at_s: float) -> RolloutApp:
    """The screen itself, with what the first frame knew."""
    from rollout_tui.desk import RolloutApp
    from rollout_tui.folding import opened

    gc.freeze()
    gc.enable()
    if told.hosts:
        from rollout_tui.bridge import Bridge, command

        bridges = {host: Bridge(command(host, told.socket_dir)) for host in told.hosts}
        options = replace(options, where=str(next(iter(bridges.values())).where), bridges=bridges)
    if begun is not None:
        options = replace(options, early=begun, facts=opened(begun.hello, begun.fleet, at_s))
    return RolloutApp(options)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of the screen alone: ``python -m rollout_tui``."""
    import argparse

    parser = argparse.ArgumentParser(prog="rollout tui", description="The screen of rolloutd.")
    parser.add_argument("name", nargs="?", default="", help="open this rollout")
    parser.add_argument("--socket-dir", default="", help="folder of control.sock and view.sock (or ROLLOUT_SOCKET_DIR)")
    parser.add_argument("--filter", default="", help="show only rollouts that match, such as state:blind owner:ops2")
    parser.add_argument("--plain", action="store_true", help="lines instead of a screen")
    parser.add_argument("--theme", default="", choices=("", *THEMES), help="colours (NO_COLOR is honoured)")
    parser.add_argument("--ascii", action="store_true", help="no symbols beyond ASCII")
    parser.add_argument("--utc", action="store_true", help="times in UTC")
    parser.add_argument("--read-only", action="store_true", help="be no more than a viewer, also for the daemon")
    there = "the daemon on that host, through: ssh -T HOST rollout proxy; several times: all of them at once"
    parser.add_argument("--host", action="append", default=[], help=there)
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    told = parser.parse_args(argv)
    return show(
        Told(
            told.socket_dir, told.filter, told.plain, told.name, told.theme, told.ascii, told.utc, told.read_only,
            not told.no_mouse, tuple(dict.fromkeys(told.host)),
        )
    )  # fmt: skip
