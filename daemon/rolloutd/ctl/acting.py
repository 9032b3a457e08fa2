"""The verbs that act on one rollout. Lowering is sent at once; raising is looked at and confirmed first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from rolloutd.ctl import exits, render
from rolloutd.ctl.saying import tell
from rolloutd.ctl.session import Session, common, confirmed, is_interactive, live_names
from rolloutd.ctl.starting import read_spec
from rolloutd.verbs import BY_NAME, VERBS, Risk, Socket, VerbRow

WAIT_S = 60.0
_ASKED = ("rollback",)
"""Lowers the new version's share, but moves everybody: asked about like what raises."""
_OVERRIDABLE = ("promote", "resume", "reapply", "approve", "rollback", "putback")
_ON_SEGMENT = ("isolate", "putback")
_NAME = click.argument("name", shell_complete=live_names)
_NAME_OR_FILTER = click.argument("name", required=False, shell_complete=live_names)
_MANY = (
    click.option("--filter", "filter", default="", metavar="TEXT", help="Every live rollout that matches."),
    click.option("--confirm", default="", metavar="N", help="With --filter: how many these are."),
)
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
    proposed = _proposal(session, name) if row.verb == "approve" else None
    if proposed is not None:
        return _approved(proposed, yes)
    found = session.client().get("rollouts", name)
    if not yes and not confirmed(f"{render.status(found)}\n{_question(row, found)}"):
        raise exits.Failure(exits.USAGE, "not-confirmed", f"{row.verb} was not confirmed.", "Nothing was sent.")
    return int(found["revision"])


def _proposal(session: Session, name: str) -> dict[str, Any] | None:
    """The open proposal of this very name."""
    found = session.client().get("rollouts", filter=name, limit=1).get("proposals", ())
    return next((one for one in found if one["name"] == name), None)


def _approved(proposed: dict[str, Any], yes: bool) -> int:
    """The revision of a proposal that was looked at and confirmed."""
    asked = f"{render.proposed(proposed)}\nstart {proposed['name']} under every rule of the policy?"
    if not yes and not confirmed(asked):
        raise exits.Failure(exits.USAGE, "not-confirmed", "approve was not confirmed.", "Nothing was sent.")
    return int(proposed["revision"])


def _question(row: VerbRow, found: dict[str, Any]) -> str:
    following = [stage for stage in found["stages"] if stage["index"] == found["stage"]["index"] + 1]
    if row.verb == "rollback":
        return f"rollback {found['name']}: {found['champion']} serves everything again, {found['challenger']} nothing?"
    here = [stage for stage in found["stages"] if stage["index"] == found["stage"]["index"]]
    target = {"promote": following, "reapply": here}.get(row.verb)
    to = (
        f", on new {render.percent(found['on_new']['asked'])} -> {render.percent(target[0]['share'])}" if target else ""
    )
    return f"{row.verb} {found['name']}{to}?"


def _check_version(session: Session, name: str, wanted: str) -> None:
    """Only the version before this rollout can be rolled back to; it is the one whose slot is still there."""
    found = session.client().get("rollouts", name)
    if wanted and wanted != found["champion"]:
        message = f"{found['name']} took over from {found['champion']}, not from {wanted}."
        raise exits.usage(message, f"rollout rollback {name}; another version: rollout start FILE")


def _bulk(session: Session, row: VerbRow, options: Mapping[str, Any]) -> int:
    """Every live rollout that matches, once their number was said; each answer is a line, the gravest code counts."""
    found = session.client().get("rollouts", filter=options["filter"], limit=20_000)
    names = [entry["name"] for entry in found["rollouts"] if not entry["ended"]]
    said = options["confirm"]
    if not names:
        raise exits.Failure(exits.NOT_FOUND, "not-found", "No live rollout matches.", "rollout list")
    if said != str(len(names)):
        listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        how = f"rollout {row.verb} --filter {options['filter']!r} --confirm {len(names)}"
        raise exits.usage(f"{len(names)} live rollouts match: {listed}. --confirm must say how many.", how)
    return max(_one(session, row, name, {**options, "confirm": ""}) for name in names)


def _one(session: Session, row: VerbRow, name: str, options: Mapping[str, Any]) -> int:
    """One of many: what is refused is told, and the others go on."""
    try:
        return act(session, row, name, {**options, "filter": ""})
    except exits.Failure as failure:
        return tell(failure, session.as_json)


def act(session: Session, row: VerbRow, name: str | None, options: Mapping[str, Any]) -> int:
    """Send one verb and say what came of it."""
    if options.get("filter"):
        if name:
            raise exits.usage("Both a NAME and --filter.", f"rollout {row.verb} {name}, or only --filter.")
        return _bulk(session, row, options)
    if not name:
        raise exits.usage(f"{row.verb} needs the NAME of a rollout.", f"rollout {row.verb} --help")
    if options.get("to"):
        _check_version(session, name, options["to"])
    revision = _decided(session, row, name, options.get("if_revision"), bool(options.get("yes")))
    limit_s = session.timeout_s if session.timeout_s is not None else WAIT_S
    wait_s = min(limit_s, 600.0) if options["wait"] else 0.0
    body: dict[str, object] = {
        "reason": options["reason"],
        "override": bool(options.get("override")),
        "confirm": options.get("confirm", ""),
        "wait_s": wait_s,
        "segment": options.get("segment") or "",
    }
    body = {key: value for key, value in body.items() if value}  # an older daemon refuses fields that it does not know
    if options.get("file"):
        body |= {"spec_toml": read_spec(options["file"]), "file": options["file"]}
    done = session.client().post("rollouts", name, row.verb, body=body, revision=revision, wait_s=wait_s)
    session.data(done, render.action)
    if done.get("waits_for_person"):
        return exits.WAITS_FOR_A_PERSON
    if options["wait"] and not done["router_confirmed"]:
        if row.risk is not Risk.LOWERS and _went_back(session, done["name"]):
            return exits.ENDED_WITHOUT
        session.note(
            f"Accepted and on record, but the router has not confirmed within {render.span(wait_s)}.\n"
            f"  Traffic: as the router last said: rollout status {done['name']}\n"
            f"  Next:    the daemon asks again by itself; rollout watch {done['name']} --until confirmed"
        )
        return exits.NOT_CONFIRMED
    return exits.DONE


def _went_back(session: Session, name: str) -> bool:
    """Whether the rollout goes back, or has, instead of what was asked for; says why."""
    found = session.client().get("rollouts", name)
    back = found["phase"] == "receding" or (found.get("ended") and found.get("outcome") != "done")
    if back:
        session.note(
            f"{name} went back instead: {found['next']['sentence']}.\n"
            f"  Traffic: {render.on_new(found)}\n"
            f"  Next:    rollout why {name}"
        )
    return bool(back)


def _command(row: VerbRow) -> click.Command:
    """One verb of the table as a command."""

    @common
    def run(session: Session, name: str | None, **options: object) -> int:
        return act(session, row, name, options)

    asked = row.risk is Risk.RAISES or row.verb in _ASKED
    decorators = [_NAME_OR_FILTER if row.verb == "abort" else _NAME, *_OPTIONS, *(_RAISING if asked else ())]
    if row.verb == "abort":
        decorators += _MANY
    if row.verb in _ON_SEGMENT:
        decorators.insert(1, click.argument("segment"))
    if row.verb == "adopt-plan":
        decorators.insert(1, click.argument("file"))
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
