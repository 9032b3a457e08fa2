"""The verbs that act on one rollout. Lowering is sent at once; raising is looked at and confirmed first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from rolloutd.ctl import exits, render
from rolloutd.ctl.session import Session, common, confirmed, is_interactive, live_names
from rolloutd.verbs import BY_NAME, VERBS, Risk, Socket, VerbRow

WAIT_S = 60.0
_ASKED = ("rollback",)
"""Lowers the new version's share, but moves everybody: asked about like what raises."""
_OVERRIDABLE = ("promote", "resume", "approve", "rollback")
_NAME = click.argument("name", shell_complete=live_names)
_OPTIONS = (
    click.option("--reason", default="", help="Why; it stays in the record."),
    click.option("--wait", "wait", is_flag=True, help="Until the router confirms; --timeout limits it."),
)
_RAISING = (
    click.option("--if-revision", type=click.IntRange(0), metavar="N", help="Only if it is still at this revision."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)
_OVERRIDING = (
    click.option("--override", is_flag=True, help="Past gates that say no or have no data (admin)."),
    click.option("--confirm", default="", metavar="NAME", help="The rollout's name, to confirm an override."),
)


def _decided(session: Session, row: VerbRow, name: str, if_revision: int | None, yes: bool) -> int | None:
    """The revision that this is decided on: as given, or the one that is looked at and confirmed now."""
    if not row.revision and row.verb not in _ASKED:
        return None
    if if_revision is not None:
        return if_revision
    if not yes and not is_interactive():
        does = "raises exposure" if row.revision else "moves all traffic of a route"
        message = f"{row.verb} {does} and nobody is here to confirm it."
        raise exits.usage(message, f"rollout {row.verb} {name} --yes{', or --if-revision N' if row.revision else ''}")
    found = session.client().get("rollouts", name)
    if not yes and not confirmed(f"{render.status(found)}\n{_question(row, found)}"):
        raise exits.Failure(exits.USAGE, "not-confirmed", f"{row.verb} was not confirmed.", "Nothing was sent.")
    return int(found["revision"])


def _question(row: VerbRow, found: dict[str, Any]) -> str:
    following = [stage for stage in found["stages"] if stage["index"] == found["stage"]["index"] + 1]
    if row.verb == "rollback":
        return f"rollback {found['name']}: {found['champion']} serves everything again, {found['challenger']} nothing?"
    to = f", on new {render.percent(found['on_new']['asked'])} -> {render.percent(following[0]['share'])}"
    return f"{row.verb} {found['name']}{to if following and row.verb == 'promote' else ''}?"


def _check_version(session: Session, name: str, wanted: str) -> None:
    """Only the version before this rollout can be rolled back to; it is the one whose slot is still there."""
    found = session.client().get("rollouts", name)
    if wanted and wanted != found["champion"]:
        message = f"{found['name']} took over from {found['champion']}, not from {wanted}."
        raise exits.usage(message, f"rollout rollback {name}; another version: rollout start FILE")


def act(session: Session, row: VerbRow, name: str, options: Mapping[str, Any]) -> int:
    """Send one verb and say what came of it."""
    if options.get("to"):
        _check_version(session, name, options["to"])
    revision = _decided(session, row, name, options.get("if_revision"), bool(options.get("yes")))
    limit_s = session.timeout_s if session.timeout_s is not None else WAIT_S
    wait_s = min(limit_s, 600.0) if options["wait"] else 0.0
    body = {
        "reason": options["reason"],
        "override": bool(options.get("override")),
        "confirm": options.get("confirm", ""),
        "wait_s": wait_s,
    }
    done = session.client().post("rollouts", name, row.verb, body=body, revision=revision, wait_s=wait_s)
    session.data(done, render.action)
    if options["wait"] and not done["router_confirmed"]:
        session.note(
            f"Accepted and on record, but the router has not confirmed within {render.span(wait_s)}.\n"
            f"  Traffic: as the router last said: rollout status {done['name']}\n"
            f"  Next:    the daemon asks again by itself; rollout watch {done['name']} --until confirmed"
        )
        return exits.NOT_CONFIRMED
    return exits.DONE


def _command(row: VerbRow) -> click.Command:
    """One verb of the table as a command."""

    @common
    def run(session: Session, name: str, **options: object) -> int:
        return act(session, row, name, options)

    asked = row.risk is Risk.RAISES or row.verb in _ASKED
    decorators = [_NAME, *_OPTIONS, *(_RAISING if asked else ())]
    if row.verb in _OVERRIDABLE:
        decorators += _OVERRIDING
    if row.verb == "rollback":
        decorators.append(
            click.option("--to", default="", metavar="VERSION", help="Only if that is the version before.")
        )
    for decorator in reversed(decorators):
        run = decorator(run)
    if not asked:
        # Accepted for scripts that pass it everywhere; what lowers or freezes is never refused for it.
        run = click.option("--if-revision", type=int, hidden=True)(
            click.option("--yes", is_flag=True, hidden=True)(run)
        )
    return click.command(name=row.verb, help=f"{row.help[0].upper()}{row.help[1:]}.")(run)


_VERBS = tuple(row.verb for row in VERBS if row.built and row.on_rollout and row.socket is Socket.CONTROL)
COMMANDS = {verb: _command(BY_NAME[verb]) for verb in _VERBS}
