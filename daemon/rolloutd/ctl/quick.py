"""``rollout status NAME`` without the option parser, which costs more than the answer; pipelines ask this all the time.

It takes only command lines that it understands wholly and leaves every other one, also each mistake, to the parser.
"""

from __future__ import annotations

import os
import sys

from rolloutd.ctl import exits, render
from rolloutd.ctl.client import DEFAULT_DIRECTORY, TIMEOUT_S, Client
from rolloutd.ctl.saying import clean, tell, to_json

_FLAGS = frozenset({"--json", "--plain", "--quiet", "--no-color", "--read-only"})


def understood(arguments: list[str]) -> tuple[str, str, frozenset[str]] | None:
    """Name, folder and flags of a plain ``status NAME``; None for every other command line."""
    words, flags, directory = [], set(), ""
    rest = iter(arguments)
    for word in rest:
        if word in _FLAGS:
            flags.add(word)
        elif word == "--socket-dir":
            directory = next(rest, "")
            if not directory or directory.startswith("-"):
                return None
        elif word.startswith("-"):
            return None
        else:
            words.append(word)
    if len(words) != 2 or words[0] != "status":
        return None
    return words[1], directory, frozenset(flags)


def run(arguments: list[str]) -> int | None:
    """Carry it out; returns the exit code, or None where this is not for here."""
    found = understood(arguments)
    if found is None:
        return None
    name, directory, flags = found
    where = directory or os.environ.get("ROLLOUT_SOCKET_DIR") or DEFAULT_DIRECTORY
    as_json = "--json" in flags
    try:
        status = Client(where, TIMEOUT_S, "--read-only" in flags).get("rollouts", name)
    except exits.Failure as failure:
        return tell(failure, as_json)
    print(to_json(status) if as_json else clean(render.status(status)), flush=True)
    return exits.DONE


def main(arguments: list[str]) -> int | None:
    """As ``run``, with an interruption and a reader that has left told as everywhere."""
    try:
        return run(arguments)
    except KeyboardInterrupt:
        print(exits.LEFT_ALONE, file=sys.stderr)
        return exits.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.UNEXPECTED
