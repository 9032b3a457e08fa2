"""What every verb shares: the common options, the client made from them, how to print and to ask."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from rolloutd.ctl.client import DEFAULT_DIRECTORY, TIMEOUT_S, Client
from rolloutd.ctl.exits import Failure, usage
from rolloutd.ctl.saying import clean, to_json

COMPLETION_S = 0.5
DURATION_LETTERS = 40
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Session:
    """The common options of one call. ``timeout_s`` is None where the caller gave none."""

    directory: str = ""
    as_json: bool = False
    plain: bool = False
    quiet: bool = False
    no_color: bool = False
    read_only: bool = False
    timeout_s: float | None = None
    hosts: tuple[str, ...] = ()

    def client(self) -> Client:
        """A client of the daemon that these options mean."""
        if self.hosts:
            raise usage("--host works for the screen (rollout tui) alone.", f"ssh {self.hosts[0]} rollout ...")
        directory = self.directory or os.environ.get("ROLLOUT_SOCKET_DIR") or DEFAULT_DIRECTORY
        patience_s = TIMEOUT_S if self.timeout_s is None else min(self.timeout_s, TIMEOUT_S)
        return Client(directory, patience_s, self.read_only)

    def data(self, found: dict[str, Any], text: Callable[[dict[str, Any]], str]) -> None:
        """Print a result on stdout, as JSON or as text for people."""
        print(to_json(found) if self.as_json else clean(text(found)), flush=True)

    def note(self, sentence: str) -> None:
        """Say something on the side, on stderr."""
        if not self.quiet:
            print(clean(sentence), file=sys.stderr, flush=True)


def duration_s(text: str) -> float:
    """Seconds from ``90``, ``250ms``, ``15m`` or ``1h30m``."""
    if len(text) > DURATION_LETTERS:
        raise usage("A duration of so many digits is none.", "Write it like 90s, 15m or 1h30m.")
    if re.fullmatch(r"\d+", text):
        return float(text)
    parts = re.findall(r"(\d+)(ms|s|m|h|d)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise usage(f"{text!r} is not a duration.", "Write it like 90s, 15m or 1h30m.")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


_COMMON: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--socket-dir", {"metavar": "DIR", "help": "Folder of the two sockets (or ROLLOUT_SOCKET_DIR)."}),
    ("--json", {"is_flag": True, "help": "One JSON object a result."}),
    ("--plain", {"is_flag": True, "help": "Lines without symbols."}),
    ("--quiet", {"is_flag": True, "help": "No remarks on stderr."}),
    ("--no-color", {"is_flag": True, "help": "No colour."}),
    ("--read-only", {"is_flag": True, "help": "Be no more than a viewer."}),
    ("--timeout", {"metavar": "D", "help": "Give up after this long, such as 90s or 2h."}),
    ("--host", {"metavar": "H", "multiple": True, "help": "Another host, over ssh; more than once: all of them."}),
)


def common(command: Command) -> Command:
    """Give a command the common options; they count before the verb as well as after it."""

    @functools.wraps(command)
    def wrapped(*args: object, **options: object) -> object:
        context = click.get_current_context()
        session: Session = context.ensure_object(Session)
        take(session, options)
        return command(session, *args, **options)

    for name, settings in reversed(_COMMON):
        wrapped = click.option(name, **settings)(wrapped)
    return wrapped  # type: ignore[return-value] # functools.wraps keeps the name, click takes any callable


def take(session: Session, options: dict[str, Any]) -> None:
    """Move the common options out of ``options`` into the session; what is not given leaves it as it is."""
    session.directory = options.pop("socket_dir") or session.directory
    session.hosts += tuple(options.pop("host"))
    timeout = options.pop("timeout")
    if timeout is not None:
        session.timeout_s = duration_s(timeout)
    session.as_json = options.pop("json") or session.as_json
    for flag in ("plain", "quiet", "no_color", "read_only"):
        setattr(session, flag, options.pop(flag) or getattr(session, flag))


def live_names(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The rollouts' names that begin so, for the shell's completion; none rather than a wait or an error."""
    chosen = context.find_root().params.get("socket_dir") or context.params.get("socket_dir") or ""
    try:
        found = Session(directory=chosen, timeout_s=COMPLETION_S).client().get("rollouts", limit=1_000)
    except Failure:
        return []
    return [row["name"] for row in found.get("rollouts", ()) if row["name"].startswith(begun)]


def is_interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Ask on the terminal; ``y`` says yes and nothing else does."""
    print(clean(question), end=" [y = yes, anything else = no] ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "y"
