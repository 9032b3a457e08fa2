"""The verbs analyze and forecast: one JSON object in, one out, calculated here; no daemon is asked, nothing is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rolloutd.ctl import exits
from rolloutd.ctl.saying import to_json
from rolloutd.ctl.session import Session, common

QUESTION_BYTES_MAX = 64 * 1_024 * 1_024
_NEXT = "docs/analyze.md has every key with an example; nothing was calculated."


def _question(file: str) -> object:
    """The JSON of FILE, ``-`` for stdin. Raises Failure."""
    from rolloutd.strict_json import BadJson, parse

    try:
        if file == "-":
            data = sys.stdin.buffer.read(QUESTION_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as source:
                data = source.read(QUESTION_BYTES_MAX + 1)
    except OSError as error:
        raise exits.usage(f"{file} cannot be read: {error.strerror}.", "Name a JSON file, or - for stdin.") from error
    if len(data) > QUESTION_BYTES_MAX:
        raise exits.usage(f"The question is larger than {QUESTION_BYTES_MAX >> 20} MiB.", "Add ticks together first.")
    try:
        return parse(data)
    except BadJson as error:
        raise exits.usage(str(error).replace("The body", "The question"), _NEXT) from error


def _answered(judge: Callable[[object], dict[str, object]], file: str) -> int:
    """Ask and print. A question that cannot be taken is refused as a whole, with the key and the nearest known one."""
    from rolloutd.core.analysis import BadField
    from rolloutd.verbs import nearest

    try:
        found = judge(_question(file))
    except BadField as error:
        close = nearest(error.unknown, list(error.known)) if error.unknown else None
        known = f"Known: {', '.join(error.known)}." if error.known else _NEXT
        failure = exits.usage(error.message, f"Did you mean {close!r}? {known}" if close else known)
        failure.problem |= {"where": error.key, "nearest": close}
        raise failure from error
    print(to_json(found))
    return exits.DONE


@click.command()
@click.argument("file", default="-")
@common
def analyze(_session: Session, file: str) -> int:
    """Judge counts given by hand: a JSON question from FILE (- for stdin), a JSON answer on stdout."""
    from rolloutd.core import analysis

    return _answered(analysis.analyze, file)


@click.command()
@click.argument("file", default="-")
@common
def forecast(_session: Session, file: str) -> int:
    """Samples and time to a verdict: a JSON question from FILE (- for stdin), a JSON answer on stdout."""
    from rolloutd.core import analysis

    return _answered(analysis.forecast, file)


COMMANDS: dict[str, Any] = {"analyze": analyze, "forecast": forecast}
