"""The verbs of the command line and where each lives; a verb's module is loaded when it is called, not before."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from rolloutd.ctl import exits, interrupts
from rolloutd.ctl.saying import tell
from rolloutd.ctl.session import Session, common

MODULE_OF: dict[str, str] = {
    **dict.fromkeys(("status", "list", "why", "timeline", "doctor", "audit"), "reading"),
    **dict.fromkeys(("report", "stats", "evidence"), "reporting"),
    **dict.fromkeys(("watch", "wait"), "watching"),
    **dict.fromkeys(("pause", "resume", "promote", "abort", "approve", "decline", "extend", "claim"), "acting"),
    **dict.fromkeys(("reapply", "adopt-share", "adopt-plan", "reopen", "rollback", "isolate", "putback"), "acting"),
    **dict.fromkeys(("hold", "release", "reload"), "holding"),
    "start": "starting",
    "proxy": "proxying",
    **dict.fromkeys(("analyze", "forecast"), "judging"),
    **dict.fromkeys(("plan", "simulate", "replay"), "planning"),
    **dict.fromkeys(("tui", "demo", "version", "completion"), "other"),
}
HELP = """Moves a new model version into production beside the old one, in stages, on evidence.

\b
Examples:
  rollout                          the screen
  rollout start ranker-v42.toml    start a rollout
  rollout status ranker            where it is, and what comes next
  rollout abort ranker             give all traffic back, at once
  rollout wait ranker --for done   for a pipeline: 0 only if the new version is in
"""


class Verbs(click.Group):
    """All verbs, loaded when needed; an unknown one is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs that are built, in the order of the table of this module."""
        return list(MODULE_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, from its own module."""
        module = MODULE_OF.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"rolloutd.ctl.{module}").COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown verb is told what it looks like."""
        if self.get_command(ctx, args[0]) is None:
            raise _unknown(args[0])
        return super().resolve_command(ctx, args)


def _unknown(word: str) -> exits.Failure:
    from rolloutd.verbs import BY_NAME, nearest

    row = BY_NAME.get(word)
    if row is not None:
        message = f"{word} ({row.help}) is not built yet in this version."
        return exits.Failure(exits.UNEXPECTED, "not-built", message, "See what is: rollout --help")
    close = nearest(word, list(MODULE_OF))
    return exits.usage(f"There is no verb {word!r}.", f"Did you mean: rollout {close}" if close else "rollout --help")


@click.group(cls=Verbs, invoke_without_command=True, help=HELP)
@common
def cli(session: Session) -> None:
    """Every verb comes through here; without one the screen opens."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        from rolloutd.ctl.other import open_screen

        context.exit(open_screen(session, ""))


def _in_our_words(error: click.UsageError) -> str:
    """What does not fit, without blame."""
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        what = error.param.get_error_hint(error.ctx) if error.param is not None and error.ctx is not None else "It"
        return f"{what} does not fit: {error.message}"
    return error.format_message()


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code. Nothing but the code and the two streams tells what happened."""
    session = Session(as_json="--json" in arguments)
    interrupts.listen()
    try:
        found: Any = cli.main(arguments, prog_name="rollout", standalone_mode=False, obj=session)
        return found if isinstance(found, int) else exits.DONE
    except exits.Failure as failure:
        return tell(failure, session.as_json)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "rollout"
        return tell(exits.usage(_in_our_words(error), f"{where} --help"), session.as_json)
    except (KeyboardInterrupt, click.Abort):
        print(exits.LEFT_ALONE, file=sys.stderr)
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left; give the interpreter a place to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.UNEXPECTED
