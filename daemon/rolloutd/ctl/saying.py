"""How the command says things: clean text, one line of JSON, and what was not done in three parts. It asks nothing."""

from __future__ import annotations

import json
import sys

from rolloutd.ctl.exits import Failure


def to_json(found: object) -> str:
    """One line of JSON; also there nothing stands that could drive a terminal."""
    text = json.dumps(found, allow_nan=False, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def tell(failure: Failure, as_json: bool) -> int:
    """Say what was not done, as one JSON object on stdout or in three lines on stderr; returns the exit code."""
    said = failure.problem
    if as_json:
        print(to_json(said))
        return failure.exit_code
    where = f" ({said['where']})" if said.get("where") else ""
    lines = f"{said['message']}{where}\n  Traffic: {said['traffic']}\n  Next:    {said['next']}"
    print(clean(lines), file=sys.stderr)
    return failure.exit_code


def clean(text: str) -> str:
    """Text without the control characters that could drive a terminal; line breaks stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
