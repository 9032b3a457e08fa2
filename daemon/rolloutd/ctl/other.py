"""The verbs around the daemon: the screen, the demo, the version, shell completion; each loads only what it opens."""

from __future__ import annotations

import importlib
import sys

import click

from rolloutd import __version__
from rolloutd.ctl import exits
from rolloutd.ctl.saying import to_json
from rolloutd.ctl.session import Session, common, live_names

THEMES = ("dark", "light", "terminal", "mono", "contrast")


def open_screen(session: Session, name: str, *more: str) -> int:
    """Open the screen on these sockets, at this rollout if one is named; returns its exit code."""
    arguments = [*more]
    if session.directory:
        arguments += ["--socket-dir", session.directory]
    if session.plain or not sys.stdout.isatty():
        arguments.append("--plain")
    for host in session.hosts:
        arguments += ["--host", host]
    if session.read_only:
        arguments.append("--read-only")
    if session.no_color:
        arguments += ["--theme", "mono"]
    arguments += ["--", name] if name else []
    try:
        screen = importlib.import_module("rollout_tui.app")
    except ModuleNotFoundError as error:
        message = f"The screen cannot be loaded: {error.name} is missing."
        raise exits.Failure(
            exits.UNEXPECTED, "unexpected", message, "Every verb works without it: rollout list"
        ) from error
    return int(screen.main(arguments))


@click.command()
@click.argument("name", required=False, shell_complete=live_names)
@click.option("--filter", "text", default="", help="Show only what matches, such as state:blind owner:ops2.")
@click.option("--theme", type=click.Choice(THEMES), help="Colours; without it as your settings or the terminal say.")
@click.option("--ascii", "ascii_only", is_flag=True, help="No symbols beyond ASCII.")
@click.option("--utc", is_flag=True, help="Times in UTC.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@common
def tui(session: Session, name: str | None, text: str, theme: str | None, **flags: bool) -> int:
    """The screen; with NAME it opens there."""
    more = [f"--filter={text}"] if text else []
    more += [f"--theme={theme}"] if theme else []
    words = {"ascii_only": "--ascii", "utc": "--utc", "no_mouse": "--no-mouse"}
    return open_screen(session, name or "", *more, *(word for flag, word in words.items() if flags[flag]))


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> int:
    """A private daemon with SIMULATED traffic: a healthy, a harmful, a blind and a drifting rollout."""
    try:
        simulated = importlib.import_module("rolloutd.simdemo")
    except ModuleNotFoundError as error:
        if error.name != "rolloutd.simdemo":
            raise
        message = "The simulated demo is not part of this installation."
        raise exits.Failure(
            exits.UNEXPECTED, "not-built", message, "From a checkout, the real one: ./dev demo"
        ) from error
    return int(simulated.main(list(arguments)) or exits.DONE)


@click.command()
@common
def version(session: Session) -> int:
    """The version of this program, and of the daemon if one answers."""
    try:
        daemon = str(session.client().get("health").get("version", ""))
    except exits.Failure:
        daemon = ""
    if session.as_json:
        print(to_json({"schema": "rollout.version/1", "rollout": __version__, "daemon": daemon or None}))
    else:
        print(f"rollout {__version__}\nrolloutd {daemon or 'does not answer here'}")
    return exits.DONE


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """A completion script for bash, zsh or fish; put its output where your shell looks."""
    from click.shell_completion import get_completion_class

    from rolloutd.ctl.cli import cli

    found = get_completion_class(shell)
    if found is None:
        raise exits.usage(f"There is no completion for {shell}.", "Use bash, zsh or fish.")
    print(found(cli, {}, "rollout", "_ROLLOUT_COMPLETE").source())
    return exits.DONE


COMMANDS = {"tui": tui, "demo": demo, "version": version, "completion": completion}
