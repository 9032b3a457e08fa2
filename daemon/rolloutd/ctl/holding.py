"""The verbs hold, release and reload, which concern no single rollout. Only a release is confirmed first."""

from __future__ import annotations

import click

from rolloutd.ctl import exits, render
from rolloutd.ctl.session import Session, common, confirmed, is_interactive


@click.command()
@click.option("--release", "ends", is_flag=True, help="End your hold; an admin ends everybody's.")
@click.option("--reason", default="", help="Why; everybody sees it. A release needs one.")
@click.option("--yes", is_flag=True, help="With --release: do not ask.")
@common
def hold(session: Session, ends: bool, reason: str, yes: bool) -> int:
    """Freeze the whole fleet: nothing goes up, triggers stay armed, abort works as ever."""
    return _release(session, reason, yes) if ends else _send(session, "hold", reason)


@click.command()
@click.option("--reason", default="", help="Why; it stays in the record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def release(session: Session, reason: str, yes: bool) -> int:
    """End a hold of the fleet; the same as hold --release."""
    return _release(session, reason, yes)


@click.command()
@click.option("--reason", default="", help="Why; it stays in the record.")
@common
def reload(session: Session, reason: str) -> int:
    """Read the configuration again; it is refused whole where anything is wrong, and no traffic moves.

    Says which keys count from here on and which need a restart of the daemon. Running rollouts keep their plans.
    """
    session.data(session.client().post("reload", body={"reason": reason}), render.reloaded)
    return exits.DONE


def _release(session: Session, reason: str, yes: bool) -> int:
    how = 'rollout hold --release --reason "..."'
    if not reason:
        raise exits.usage("Ending a hold lets every rollout go up again; it needs --reason.", how)
    if not yes:
        if not is_interactive():
            raise exits.usage("release raises exposure and nobody is here to confirm it.", f"{how} --yes")
        found = session.client().get("rollouts", limit=1)
        if not confirmed(f"{render.held(found) or 'The fleet is not held.'}\nrelease the fleet?"):
            raise exits.Failure(exits.USAGE, "not-confirmed", "release was not confirmed.", "Nothing was sent.")
    return _send(session, "release", reason)


def _send(session: Session, verb: str, reason: str) -> int:
    session.data(session.client().post(verb, body={"reason": reason}), render.fleet_action)
    return exits.DONE


COMMANDS = {"hold": hold, "release": release, "reload": reload}
