"""The man page of ``rollout``, made from the table of verbs and the command line itself; no sentence is written twice.

``python -m rolloutd.ctl.manual`` prints what is checked in as docs/rollout.1 and installed as share/man/man1/rollout.1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from rolloutd import __version__
from rolloutd.ctl.cli import MODULE_OF, cli
from rolloutd.ctl.exits import MEANINGS
from rolloutd.verbs import BY_NAME, Risk, VerbRow

_RISK = {
    Risk.LOWERS: "It lowers exposure and asks nothing.",
    Risk.FREEZES: "It freezes and asks nothing.",
    Risk.RAISES: "It raises exposure: it asks on a terminal, elsewhere it needs --yes or --if-revision.",
    Risk.NONE: "",
}
_COMMON = ("socket_dir", "json", "plain", "quiet", "no_color", "read_only", "timeout", "host", "help")


def page() -> str:
    """The whole page in roff."""
    lines = [
        f'.TH ROLLOUT 1 "" "rolloutd {__version__}" "rolloutd"',
        ".SH NAME",
        "rollout \\- move a new model version into production in stages, on evidence",
        ".SH SYNOPSIS",
        ".B rollout",
        "[OPTIONS] [VERB [ARGUMENTS]]",
        ".SH DESCRIPTION",
        _said(
            "Without a verb the screen opens. Data goes to stdout, remarks to stderr; the exit code tells the truth."
        ),
        ".SH VERBS",
        *(line for verb in MODULE_OF for line in _verb(verb)),
        ".SH OPTIONS",
        "They count before the verb as well as after it.",
        *_options(_command("status"), common=True),
        ".SH EXIT STATUS",
        *(line for code, meaning in MEANINGS.items() for line in (".TP", f".B {code}", _said(meaning))),
        ".SH ENVIRONMENT",
        ".TP",
        ".B ROLLOUT_SOCKET_DIR",
        "Folder of the two sockets, where \\-\\-socket\\-dir does not say it.",
        ".SH FILES",
        ".TP",
        ".B /run/rolloutd/control.sock, /run/rolloutd/view.sock",
        "Where the daemon listens. Everything that acts goes through the first.",
        ".SH SEE ALSO",
        ".BR systemctl (1),",
        ".BR journalctl (1)",
    ]
    return "\n".join(lines) + "\n"


def _command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def _verb(verb: str) -> Iterator[str]:
    command, row = _command(verb), BY_NAME.get(verb)
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    named = " ".join(p.make_metavar(click.Context(command)) for p in arguments)
    yield f".SS {_said(verb)} {_said(named)}".rstrip()
    yield _said(" ".join((command.help or "").split()))
    if row is not None:
        yield from filter(None, (_said(_rights(row)), _said(_RISK[row.risk])))
    yield from _options(command, common=False)


def _rights(row: VerbRow) -> str:
    key = f" On the screen: {row.key}." if row.key else ""
    return f"Needs at least the role {row.role}.{key}" if row.role != "nobody" else "Needs no daemon."


def _options(command: click.Command, *, common: bool) -> Iterator[str]:
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden and (option.name in _COMMON) is common:
            metavar = "" if option.is_flag else f" {option.make_metavar(click.Context(command))}"
            yield from (".TP", f".B {_said(', '.join(option.opts))}{_said(metavar)}", _said(option.help or ""))


def _said(text: str) -> str:
    """Text that roff takes as it is."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe


if __name__ == "__main__":
    sys.stdout.write(page())
